"""The state of an estimator for tools that list the types of what they load, as skops does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

from ..encoding import EmbeddingMaker
from ..tasks import Task
from .model import CODECS, KNOWN, from_plain, to_plain
from .values import Reader, Writer

_STATE = "_plain_state"
# What is read off that state.
_LEARNT = {
    *("n_features_in_", "feature_names_in_", "device_", "net_", "tasks_", "task_names_"),
    *("task_types_", "classes_", "ignored_targets_", "history_", "n_iter_"),
    *("_encoder", "_rng", "_deviations", "_calibration", "_network_params"),
    "_sklearn_output_config",
}
# What is set for other tools. Requests hold their estimator, and skops writes no such circle.
_OF_TOOLS = {"_metadata_request", "_skl_callbacks"}

_as_attributes: ContextVar[bool] = ContextVar("_as_attributes", default=False)


@contextmanager
def as_attributes() -> Iterator[None]:
    """Let an estimator's state be its attributes as they are, as pickles and copies hold them."""
    token = _as_attributes.set(True)
    try:
        yield
    finally:
        _as_attributes.reset(token)


class _OpenWriter(Writer):
    """Passes on what it does not know, as classes of users: the tool writes and lists it."""

    def unknown(self, value: Any) -> Any:
        if isinstance(value, (nn.Module, Task, EmbeddingMaker)):
            return self._object(value)
        return value


def state_of_attributes(model: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return an estimator's state as plain data and arrays, or within `as_attributes` as it is.

    Parameters
    ----------
    model : estimator of this package
        Fitted or not.
    attributes : dict
        Its attributes.

    Returns
    -------
    state : dict
        What was learnt is plain data and arrays, without an object of this package. Classes of
        others are in it as they are, and so are attributes that a subclass added.
    """
    if _as_attributes.get():
        return attributes
    writer = _OpenWriter(CODECS, KNOWN, {})
    plain, arrays = to_plain(model, writer)
    if "state" in plain:
        # partial_fit goes on with it.
        optimizer = model.net_.optimizer_.state_dict()
        plain["optimizer"] = writer.write(optimizer, "The optimizer's state")
    known = _LEARNT | _OF_TOOLS | model.get_params(deep=False).keys()
    others = {name: value for name, value in attributes.items() if name not in known}
    return {**others, _STATE: {"plain": plain, "arrays": arrays | writer.arrays}}


def attributes_of_state(cls: type, state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator of a class, whichever state of it this is."""
    if _STATE not in state:
        return state
    others = {name: value for name, value in state.items() if name != _STATE}
    try:
        plain, arrays = state[_STATE]["plain"], state[_STATE]["arrays"]
        reader = Reader(CODECS, KNOWN, arrays, {})
        model = from_plain(cls, plain, reader)
        if "optimizer" in plain:
            model.net_.optimizer_.load_state_dict(reader.read(plain["optimizer"]))
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"The {cls.__name__} cannot be loaded: {error}") from error
    return {**vars(model), **others}
