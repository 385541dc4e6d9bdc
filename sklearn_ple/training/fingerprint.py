"""The fingerprint of a fit: short texts of all that determines its result, to compare fits."""

from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

import joblib
import pandas as pd
import torch
from joblib.hashing import NumpyHasher
from scipy import sparse
from skorch.callbacks import Callback
from torch import Tensor, nn

from ..parameters.settings import Settings
from ..tables.files.streamed_table import FitTable
from ..tables.table import Table
from ..utils.versions import versions
from .choosing.validation_rows import Split

# Parameters without an effect on the result; the weights of a warm start are described apart.
_WITHOUT_EFFECT = {"checkpoint_dir", "device", "n_jobs", "verbose", "warm_start"}
_WITHOUT_EFFECT |= {"warm_start_from"}
# Values of these types are shown, and not only their hashes.
_SHOWN = (type(None), bool, int, float, str)


def describe_fit(
    settings: Settings, device: str, table: FitTable, split: Split, module: nn.Module | None
) -> dict[str, str]:
    """Describe a fit by all that determines its result, in the same way in every process.

    Parameters
    ----------
    settings : Settings
        The settings. The parameters that affect the result are described.
    device : str
        The device, of which the type is described.
    table : Table or StreamedTable
        The rows to train on.
    split : Split
        The choice of validation rows.
    module : Module or None
        The network from whose weights a warm start continues.

    Returns
    -------
    dict of str to str
        Numbers, texts and lists of these, and the hashes of other values, by names that a user
        knows.

    Raises
    ------
    ValueError
        If a parameter holds an object that cannot be pickled, and so cannot be compared.
    """
    described = {
        "the class of the estimator": settings.owner,
        "the type of device": torch.device(device).type,
        "the fitted model to start from": None if module is None else module.state_dict(),
        **{f"the version of {name}": version for name, version in versions().items()},
        **settings.parameters,
    }
    texts = {
        name: _describe_value(name, value)
        for name, value in described.items()
        if name not in _WITHOUT_EFFECT
    }
    return _describe_table(table) | texts | _describe_split(split)


def _describe_table(table: FitTable, ending: str = "") -> dict[str, str]:
    """Describe rows, by the names of the arguments of fit."""
    if not isinstance(table, Table):
        return table.describe()
    y = [
        (task.name, task.declared, task.ordered, task.mask, pd.util.hash_array(task.observed))
        for task in table.labels
    ]
    return {
        f"X{ending}": joblib.hash(_describe_features(table.features)),
        f"y{ending}": joblib.hash(y),
        f"sample_weight{ending}": joblib.hash(table.weights),
    }


def _describe_features(X: Any) -> list[Any]:
    """Describe X, a data frame or a CSR matrix, without its index and its layout in memory."""
    if sparse.issparse(X):
        return [X.shape, X.indptr, X.indices, X.data]
    rows = pd.util.hash_pandas_object(X, index=False).to_numpy()
    return [X.columns.tolist(), [str(dtype) for dtype in X.dtypes], rows]


def _describe_split(split: Split) -> dict[str, str]:
    """Describe the choice of validation rows, as far as parameters do not determine it."""
    texts = {} if split.table is None else _describe_table(split.table, "_val")
    if split.groups is not None:
        texts["groups"] = joblib.hash(split.groups)
    # A splitter may draw at random.
    if split.chosen is not None:
        texts["validation_split"] = joblib.hash(split.chosen)
    return texts


def _describe_value(name: str, value: object) -> str:
    """Represent numbers, texts and lists of these; return the hash of any other value."""
    entries = value if isinstance(value, list | tuple) else [value]
    if all(isinstance(entry, _SHOWN) for entry in entries):
        return repr(list(value) if isinstance(value, tuple) else value)
    try:
        return _Hasher("md5").hash(value)
    # An object may raise any error as it is pickled.
    except Exception as error:
        raise ValueError(
            f"{name} cannot be compared with that of another fit or process, because it holds an "
            f"object that cannot be pickled ({error}): leave the object out, or train without "
            "checkpoint_dir and by a single process."
        ) from error


class _Hasher(NumpyHasher):
    """joblib's hash, also of what it hashes otherwise in each process, or not at all."""

    def save(self, obj: object) -> None:
        try:
            super().save(_simplify(obj))
        except TypeError as error:
            # joblib would take it for keys of a dict that cannot be sorted, and go on.
            raise ValueError(str(error)) from error


def _simplify(value: object) -> Any:
    """Replace tensors, callbacks, code and collections by what joblib hashes by its content."""
    if isinstance(value, Tensor):
        return value.numpy(force=True)
    if isinstance(value, Callback):
        # By skorch's convention a callback's options are the attributes without an underscore at
        # the end. What cannot be pickled, such as the writer of a log, is no option.
        options = value.get_params(deep=False).items()
        return [type(value), {name: each for name, each in options if _can_be_pickled(each)}]
    if isinstance(value, type):
        return [value.__module__, value.__qualname__, *map(_find_code, value.__mro__)]
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__module__, value.__qualname__, _list_code(value), cells]
    if isinstance(value, CodeType):
        # All but the line numbers.
        return [value.co_code, value.co_varnames, value.co_names, value.co_consts]
    if isinstance(value, frozenset):
        return set(value)
    # joblib also hashes which tuples are the same object.
    return list(value) if isinstance(value, tuple) else value


def _can_be_pickled(value: object) -> bool:
    try:
        _Hasher("md5").hash(value)
    # An object may raise any error.
    except Exception:
        return False
    return True


def _find_code(cls: type) -> dict[str, Any]:
    """Return the code of the methods of a class, and its attributes that are numbers or text."""
    found: dict[str, Any] = {}
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        if isinstance(function := unwrap(function), FunctionType):
            # Its closure may hold the class.
            found[name] = _list_code(function)
        elif isinstance(member, _SHOWN) and not name.startswith("__"):
            found[name] = member
    return found


def _list_code(function: FunctionType) -> list[Any]:
    return [function.__code__, function.__defaults__, function.__kwdefaults__]
