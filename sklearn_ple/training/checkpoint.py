"""Checkpoints: the state of a fit in a folder, from which a fit that was killed can continue."""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.callbacks import Callback
from torch import nn

from ..parameters.settings import Settings
from ..tables.files.streamed_table import FitTable
from ..utils.files import replacing
from ..utils.processes import current
from ..utils.types import RandomStateLike
from .choosing.validation_rows import Split
from .fingerprint import describe_fit
from .history import SharedHistory
from .protocols import TrainedNet
from .random_state import draw_seed
from .restore import restore_state
from .schedule import Fall

_PREFIX = "sklearn_ple_"
# Longer values, and hashes, do not help a user.
_LONGEST_SHOWN = 30


class Checkpoint:
    """The folder in which a fit saves its progress.

    One file identifies the fit. For each training of the fit, another file holds its state. A new
    file replaces an earlier one only when it is complete. No file holds code: the first is JSON,
    and the others are read as tensors, numbers and text only.

    Parameters
    ----------
    folder : Path
        The folder, which is created if it does not exist.
    of_fit : dict of str to str
        Description of what determines the result of the fit, see `describe_fit`.
    random_state : int, RandomState or None
        The estimator's ``random_state``.

    Attributes
    ----------
    random_state : int, RandomState or None
        The random state to use: in place of None a seed, which is saved.
    digest : str
        Digest of the fit, which the files of its trainings contain.

    Raises
    ------
    ValueError
        If the folder cannot be written to or belongs to another fit, or if its file is damaged.
    """

    def __init__(self, folder: Path, of_fit: dict[str, str], random_state: RandomStateLike):
        self.folder = folder
        self.of_fit = of_fit
        self.random_state = random_state
        self.path = folder / f"{_PREFIX}fit.json"
        self._seed = current().from_first(self._open)
        if random_state is None:
            self.random_state = self._seed
        self._text = json.dumps({"fit": self.of_fit, "seed": self._seed}, indent=1)
        self.digest = hashlib.sha256(self._text.encode()).hexdigest()

    @classmethod
    def of(
        cls,
        settings: Settings,
        device: str,
        table: FitTable,
        split: Split,
        module: nn.Module | None,
    ) -> "Checkpoint | None":
        """Open the folder for a fit, if there is one; see `describe_fit` for the parameters."""
        if settings.checkpoint_dir is None:
            return None
        of_fit = describe_fit(settings, device, table, split, module)
        # The random states of other processes than the first are not saved, but set anew in each
        # epoch.
        if current().n > 1:
            of_fit["the number of processes"] = str(current().n)
        return cls(Path(settings.checkpoint_dir), of_fit, settings.random_state)

    def claim(self) -> None:
        """Write the file that identifies the fit, unless another one has claimed the folder."""
        kept = self._read_description()
        if kept is None:
            with replacing(self.path) as partial:
                partial.write_text(self._text, encoding="utf-8")
        elif kept["seed"] != self._seed:
            raise ValueError(
                f"checkpoint_dir={str(self.folder)!r} belongs to another fit, which began at the "
                "same time and drew another seed: set another checkpoint_dir, or a random_state."
            )

    def _open(self) -> int | None:
        """Check the folder; return a seed in place of None: the saved one, or else a new one."""
        _check_writable(self.path.parent)
        if kept := self._read_description():
            return kept["seed"]
        is_given = self.random_state is not None
        return None if is_given else draw_seed(check_random_state(None))

    def _read_description(self) -> dict[str, Any] | None:
        """Read the file that identifies the fit, None without one; raise if it is another fit."""
        if not self.path.exists():
            return None
        with _naming_damage(self.path):
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            other, _ = dict(kept["fit"]), kept["seed"]
        if differences := _list_differences(other, self.of_fit):
            raise ValueError(
                f"checkpoint_dir={str(self.folder)!r} belongs to another fit, which differs in "
                f"{', '.join(differences)}. To continue that fit, call fit as it was called then. "
                "For a new fit set another checkpoint_dir, or delete the files "
                f"{_PREFIX}* in this one. If an estimator is fitted several times, as in a "
                "cross-validation, leave checkpoint_dir=None."
            )
        return kept


class Progress(Callback):
    """Saves the state of a training after every epoch, and at its end.

    Parameters
    ----------
    checkpoint : Checkpoint
        The checkpoint of the fit to which the training belongs.
    number : int
        Number of the training within the fit, from 1.

    Attributes
    ----------
    n_epochs : int
        Number of complete epochs of the training.
    best_epoch : int or None
        The epoch with the least validation loss; None until the training has ended.
    fall : list of float or None
        Where the learning rate fell, in epochs; None until the training has ended.

    Raises
    ------
    ValueError
        If the file is damaged, or belongs to another fit.
    """

    def __init__(self, checkpoint: Checkpoint, number: int):
        self.checkpoint = checkpoint
        self.path = checkpoint.path.with_name(f"{_PREFIX}training_{number}.pt")
        self.kept_: dict[str, Any] | None = current().from_first(self._read)
        self.n_epochs = self.kept_["n_epochs"] if self.kept_ else 0
        self.best_epoch = self.kept_["best_epoch"] if self.kept_ else None
        self.fall: Any = self.kept_["fall"] if self.kept_ else None
        self._has_written = False

    def on_train_begin(self, net: TrainedNet, **_: object) -> None:
        """Continue from the saved state; all other callbacks have begun."""
        if self.kept_ is not None:
            self.restore(net)

    def on_epoch_end(self, net: TrainedNet, **_: object) -> None:
        """Save the state after an epoch that does not end the training."""
        self.n_epochs += 1
        if not any(getattr(callback, "ends_training", False) for _, callback in net.callbacks_):
            self._write(net)

    def end(self, net: TrainedNet, best_epoch: int, fall: Fall) -> None:
        """Save the state after the training."""
        self.best_epoch, self.fall = best_epoch, list(fall)
        self._write(net)

    def restore(self, net: TrainedNet) -> None:
        """Set a net to the saved state."""
        kept: Any = self.kept_
        with _naming_damage(self.path):
            for name, part in net.states().items():
                restore_state(part, kept["states"][name])
            epochs = json.loads(kept["history"])
            if not all(isinstance(epoch, dict) for epoch in epochs):
                raise ValueError("its history is no list of epochs")
            net.history = SharedHistory(epochs)
        self.kept_ = None

    def _write(self, net: TrainedNet) -> None:
        if not current().is_first:
            return
        state = {
            "fit": self.checkpoint.digest,
            "n_epochs": self.n_epochs,
            "best_epoch": self.best_epoch,
            "fall": self.fall,
            "history": json.dumps(net.history, default=_make_plain),
            "states": {name: part.state_dict() for name, part in net.states().items()},
        }
        if not self._has_written:
            self.checkpoint.claim()
        with replacing(self.path) as partial:
            _save(state, partial)
            # A user's own parts may hold what cannot be read again.
            if not self._has_written:
                _check_readable(partial)
        self._has_written = True

    def _read(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        with _naming_damage(self.path):
            kept = _load(self.path)
            is_of_fit = kept["fit"] == self.checkpoint.digest
            if any(type(n) is not int for n in (kept["n_epochs"], kept["best_epoch"] or 0)):
                raise ValueError("it does not count epochs")
            fall = kept["fall"] or [0.0, 0.0]
            if len(fall) != 2 or any(type(epoch) is not float for epoch in fall):
                raise ValueError("it does not say where the learning rate falls")
        if not is_of_fit:
            raise ValueError(
                f"{self.path} is of another fit than this one: delete it to restart the training, "
                "or set another checkpoint_dir."
            )
        return kept


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"checkpoint_dir={str(folder)!r} cannot be written to ({error}): set it to a folder "
            "that you may write to."
        ) from error


def _list_differences(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Name what two fits differ in, and show the values if they are short."""
    differences = []
    for name in {**here, **there}:
        earlier, now = (str(texts.get(name, "unknown")) for texts in (there, here))
        if earlier != now:
            is_short = max(len(earlier), len(now)) <= _LONGEST_SHOWN
            shown = f" ({earlier} there, {now} here)" if is_short else ""
            differences.append(name + shown)
    return differences


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    """Say that a file is damaged, whatever error reading it raises within the context."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or not a file of a checkpoint ({type(error).__name__}: {error}). "
            "Delete it to start anew."
        ) from error


def _make_plain(value: object) -> Any:
    """Turn a NumPy number that a callback recorded into a Python number."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"The history of training holds {value!r}, which a checkpoint cannot hold: let callbacks "
        "record numbers and text, or set checkpoint_dir=None."
    )


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; if there is no room for it, the error says where."""
    try:
        # Within a file of Python, an error of the disk is an OSError.
        with path.open("wb") as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"checkpoint_dir={str(path.parent)!r} cannot be written to ({error}): the same fit "
            "continues from its last checkpoint once there is room."
        ) from error


def _load(path: Path) -> dict[str, Any]:
    """Read a file of tensors, numbers and text, after a test of its checksums."""
    with zipfile.ZipFile(path) as archive:
        if name := archive.testzip():
            raise ValueError(f"the checksum of {name} is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


def _check_readable(path: Path) -> None:
    try:
        _load(path)
    except Exception as error:
        raise ValueError(
            "The state of the training cannot be saved: the state_dict of optimizers, balancers, "
            "networks and callbacks of your own must hold only tensors, numbers, text, lists and "
            f"dicts. Change it, or set checkpoint_dir=None. {error}"
        ) from error
