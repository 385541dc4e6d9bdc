"""Checks of what the methods of a task return, which may be of a user's own class."""

from numbers import Real

import numpy as np

from ..utils.checks import naming, shown
from .task import Task


def array_of(
    task: Task, method: str, argument: np.ndarray, further: tuple[int, ...] = ()
) -> np.ndarray:
    """Call a method of a task, and check that it returns an array with an entry for each row.

    Parameters
    ----------
    task : Task
        The task.
    method : str
        Name of the method; "encode" must return finite floats.
    argument : ndarray of shape (n_rows, ...)
        The argument of the method.
    further : tuple of int, default=()
        Further axes of the result.

    Returns
    -------
    ndarray of shape (n_rows, *further)
        What the method returned.

    Raises
    ------
    ValueError
        If it returned anything else.
    """
    # What is too small for a float is zero, also where the caller makes NumPy raise errors.
    with np.errstate(under="ignore"):
        result = getattr(task, method)(argument)
    of_floats, shape = method == "encode", (len(argument), *further)
    is_array = isinstance(result, np.ndarray)
    if not is_array or result.shape != shape or (of_floats and result.dtype.kind != "f"):
        found = f"{result.dtype} of shape {result.shape}" if is_array else type(result).__name__
        kind = f"an array{' of floats' if of_floats else ''} of shape {shape}"
        raise _wrong(task, method, found, kind)
    if of_floats and not (finite := np.isfinite(result)).all():
        value, label = result[~finite][0], argument[~finite][0]
        raise _wrong(task, method, f"{value} for the label {shown(label)}", "finite numbers")
    return result


def class_array(task: Task, method: str, outputs: np.ndarray) -> np.ndarray | None:
    """Call "predict_proba" or "decision_function" of a task; return None if it has no classes."""
    if not task.has_classes:
        return None
    n_classes = len(task.classes)
    # With two classes there is one score, the logit of the second.
    one_number = method == "decision_function" and n_classes == 2
    return array_of(task, method, outputs, () if one_number else (n_classes,))


def score_of(
    task: Task, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None
) -> float:
    """Score predictions of a task, and check that the score is a number."""
    with naming(f"Task {task.name!r}"):
        score: object = task.score(labels, predictions, weights)
    if not isinstance(score, Real):
        raise _wrong(task, "score", type(score).__name__, "a number")
    return float(score)


def _wrong(task: Task, method: str, found: str, expected: str) -> ValueError:
    """Return the error of a method that returned something else than expected."""
    called = f"Task {task.name!r}: {type(task).__name__}.{method}"
    return ValueError(f"{called} returned {found}; expected {expected}.")
