"""Predictions for a dataset, one block of rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from ..encoding.categories import UnknownColumns
from ..encoding.targets import TargetEncoder
from ..tables.files.columns import Columns
from ..tables.files.source import Source
from ..tables.frames import is_dataset
from ..tables.labels import Labels, join_labels

_Method = TypeVar("_Method", bound=Callable[..., Any])


def by_blocks(method: _Method) -> _Method:
    """Decorate a method of a network, so that for a dataset it returns a generator.

    The generator yields the results of the method for blocks of rows. An argument ``known`` then
    names columns of the dataset.
    """

    @wraps(method)
    def call(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        # Ensembles of other models read rows in memory only, and refuse a dataset.
        if not is_dataset(X) or not hasattr(self, "_predict_blocks"):
            return method(self, X, *args, **kwargs)
        return self._predict_blocks(X, method, *args, **kwargs)

    return cast(_Method, call)


def predict_blocks(
    X: Any,
    names: Iterable[str] | None,
    predict: Callable[..., Any],
    unknown: UnknownColumns,
    known: Any = None,
) -> Iterator[Any]:
    """Predict the rows of a dataset in their order.

    Parameters
    ----------
    X : dataset or path
        The rows.
    names : iterable of str or None
        Names of the columns that the model was fitted to; no other columns are read.
    predict : callable
        Function that is called with the features of a block of rows, a data frame whose index is
        the numbers of the rows, and with their labels as ``known``, if there are any.
    unknown : UnknownColumns
        What ``predict`` notes of unknown categories; it is reported after the last block.
    known : str, list of str or None, default=None
        Names of the columns of known labels.

    Returns
    -------
    iterator
        Iterator over the results of ``predict``.

    Raises
    ------
    ValueError
        If there are no names, or if the dataset lacks a column.
    """
    source, features = _open(X, names)
    if known is None:
        return _compute(source, features, features, lambda frame, _: predict(frame), unknown)
    columns = Columns.choose(source, known, None, features)

    def read(frame: pd.DataFrame, rows: Any) -> Any:
        return predict(frame, known=columns.y(rows).set_axis(frame.index, axis=0))

    return _compute(source, features, columns.names, read, unknown)


def compute_with_labels(
    X: Any,
    names: Iterable[str] | None,
    targets: TargetEncoder,
    y: Any,
    sample_weight: Any,
    compute: Callable[[pd.DataFrame], list[np.ndarray]],
    unknown: UnknownColumns,
) -> tuple[list[np.ndarray], list[Labels], np.ndarray | None]:
    """Compute the outputs of the tasks for a dataset, and read the labels and weights.

    Parameters
    ----------
    X, names : object
        See `predict_blocks`.
    targets : TargetEncoder
        The fitted encoder of the labels.
    y, sample_weight : object
        Names of columns of the dataset.
    compute : callable
        Function from the features of a block to a list with the outputs of each task.
    unknown : UnknownColumns
        See `predict_blocks`.

    Returns
    -------
    outputs : list of ndarray of shape (n_rows, n_outputs)
        The outputs of each task.
    labels : list of Labels
        The labels of each task.
    weights : ndarray of shape (n_rows,) or None
        The weights of the rows, if there are any.
    """
    source, features = _open(X, names)
    columns = Columns.choose(source, y, sample_weight, features)

    def read(frame: pd.DataFrame, rows: Any) -> tuple[list[np.ndarray], list[Labels], Any]:
        outputs = compute(frame)
        return outputs, targets.read(columns.y(rows), outputs[0]), columns.sample_weight(rows)

    blocks = _compute(source, features, columns.names, read, unknown)
    outputs, labels, weights = zip(*blocks, strict=True)
    return (
        [np.concatenate(of_task) for of_task in zip(*outputs, strict=True)],
        [_join(of_task) for of_task in zip(*labels, strict=True)],
        None if columns.weight is None else np.concatenate(weights),
    )


def _open(X: Any, names: Iterable[str] | None) -> tuple[Source, list[str]]:
    """Open a dataset, after a check that it has the columns that a model was fitted to."""
    if names is None:
        raise ValueError(
            "The model was fitted to columns without names, so its columns cannot be found in a "
            "dataset: fit it to a data frame or to a dataset."
        )
    source, features = Source.of(X), list(map(str, names))
    source.check_columns(features, "The model was fitted to the columns")
    return source, features


def _compute(
    source: Source,
    features: list[str],
    read: list[str],
    compute: Callable[[pd.DataFrame, Any], Any],
    unknown: UnknownColumns,
) -> Iterator[Any]:
    """Read blocks of some columns; call a function with the features and the rows of each."""
    columns = Columns(features, [], None, 2)
    for block in source.blocks(read):
        last = block.first + len(block)
        with block.row_group.named():
            numbers = pd.RangeIndex(block.first, last)
            result = compute(columns.X(block.rows).set_axis(numbers, axis=0), block.rows)
        if last == source.n_rows:
            # The caller may not ask for more after the last result.
            unknown.report()
        yield result


def _join(parts: Sequence[Labels]) -> Labels:
    """Concatenate the labels of blocks of rows."""
    observed = join_labels([part.observed for part in parts])
    return replace(parts[0], observed=observed, mask=np.concatenate([p.mask for p in parts]))
