"""State of an estimator for tools that list the types that they load, such as skops."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

from ..encoding.numeric import EmbeddingMaker
from ..tasks import Task
from ..training.states import restore_state
from .plain import from_plain, to_plain
from .state import STATE
from .values import Reader, Writer

_STATE = "_plain_state"
# Attributes that are in that state, or are derived from it.
_LEARNT = {path.partition(".")[0] for path in STATE} | {"_network_params", "tasks_", "task_names_"}
_LEARNT |= {"task_types_", "classes_", "ignored_targets_", "history_", "n_iter_"}
# Requests for metadata refer to their estimator, and skops cannot write such cycles.
_OF_TOOLS = {"_metadata_request"}

_keeps_attributes: ContextVar[bool] = ContextVar("_as_attributes", default=False)


@contextmanager
def keep_attributes() -> Iterator[None]:
    """Context manager in which the state of an estimator is its attributes, as for pickles."""
    token = _keeps_attributes.set(True)
    try:
        yield
    finally:
        _keeps_attributes.reset(token)


class OpenWriter(Writer):
    """Writer that passes on unknown objects, such as those of users' classes, to the tool."""

    def write_unknown(self, value: Any) -> Any:
        """Write networks, tasks and embeddings of a user as objects, and nothing else."""
        if isinstance(value, (nn.Module, Task, EmbeddingMaker)):
            return self.write_object(value)
        return value


def convert_attributes(model: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Convert the attributes of an estimator to plain data and arrays; see `keep_attributes`.

    Parameters
    ----------
    model : estimator of this package
        The estimator, fitted or not.
    attributes : dict
        The attributes of the estimator.

    Returns
    -------
    state : dict
        The state. What was learnt is plain data and arrays, without objects of this package.
        Objects of other classes, and attributes that a subclass added, are not converted.
    """
    if _keeps_attributes.get():
        return attributes
    writer = OpenWriter({})
    plain = to_plain(model, writer)
    if "state" in plain:
        # partial_fit continues with the state of the optimizer.
        optimizer = model.net_.optimizer_.state_dict()
        plain["optimizer"] = writer.write(optimizer, "The optimizer's state")
    known = _LEARNT | _OF_TOOLS | model.get_params(deep=False).keys()
    others = {name: value for name, value in attributes.items() if name not in known}
    return {**others, _STATE: {"plain": plain, "arrays": writer.arrays}}


def restore_attributes(cls: type, state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator from its state, or from its attributes themselves.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    state : dict
        The result of `convert_attributes`, or the attributes, as in a pickle.

    Returns
    -------
    attributes : dict
        The attributes.

    Raises
    ------
    ValueError
        If the state is invalid.
    """
    if _STATE not in state:
        return state
    others = {name: value for name, value in state.items() if name != _STATE}
    try:
        plain, arrays = state[_STATE]["plain"], state[_STATE]["arrays"]
        reader = Reader(arrays, {})
        of_model = {name: value for name, value in plain.items() if name != "optimizer"}
        model = from_plain(cls, of_model, reader)
        if "optimizer" in plain:
            restore_state(model.net_.optimizer_, reader.read(plain["optimizer"]))
        if both := sorted(vars(model).keys() & others):
            raise ValueError(f"it sets {both} twice")
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"The {cls.__name__} cannot be loaded: {error}") from error
    return {**vars(model), **others}
