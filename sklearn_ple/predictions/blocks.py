"""Predictions for a dataset, one block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..encoding.categories import UnknownColumns
from ..tables.files.columns import Columns
from ..tables.files.source import Source
from ..tables.labels import Labels, join_labels


def predicted_blocks(model: Any, X: Any, predict: Callable[[pd.DataFrame], Any]) -> Iterator[Any]:
    """Predict the rows of a dataset in their order.

    Parameters
    ----------
    model : estimator
        The fitted estimator. Only the columns that it was fitted with are read.
    X : dataset or path
        The rows.
    predict : callable
        Function that is called with the features of a block of rows, a data frame whose index is
        the numbers of the rows.

    Returns
    -------
    iterator
        Iterator over the results of ``predict``.

    Raises
    ------
    ValueError
        If the estimator was fitted to columns without names, or if the dataset lacks a column.
    """
    source, features = _open(model, X)

    def blocks() -> Iterator[Any]:
        unknown = UnknownColumns()
        for block in source.blocks(features):
            with block.unit.named(), unknown.of_block():
                predicted = predict(_frame(block.rows, features, block.first))
            if block.first + len(block) == source.n_rows:
                # The caller may not ask for more after the last result.
                unknown.report()
            yield predicted

    return blocks()


def outputs_and_labels(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    compute: Callable[[pd.DataFrame], list[np.ndarray]],
) -> tuple[list[np.ndarray], list[Labels], np.ndarray | None]:
    """Compute the outputs of the tasks for a dataset, and read the labels and weights.

    Parameters
    ----------
    model, X : object
        See `predicted_blocks`.
    y, sample_weight : object
        Names of columns of the dataset.
    compute : callable
        Function from the features of a block to a list with the outputs of each task.

    Returns
    -------
    outputs : list of ndarray of shape (n_rows, n_outputs)
        The outputs of each task.
    labels : list of Labels
        The labels of each task.
    weights : ndarray of shape (n_rows,) or None
        The weights of the rows, if there are any.
    """
    source, features = _open(model, X)
    columns = Columns.choose(source, y, sample_weight, features)
    outputs, labels = [], []
    weights: list[Any] = []
    unknown = UnknownColumns()
    for block in source.blocks(columns.names):
        with block.unit.named(), unknown.of_block():
            outputs.append(compute(_frame(block.rows, features, block.first)))
            labels.append(model._encoder.targets.read(columns.y(block.rows), outputs[-1][0]))
            weights.append(columns.sample_weight(block.rows))
    unknown.report()
    return (
        [np.concatenate(own) for own in zip(*outputs, strict=True)],
        [_joined(own) for own in zip(*labels, strict=True)],
        None if columns.weight is None else np.concatenate(weights),
    )


def _open(model: Any, X: Any) -> tuple[Source, list[str]]:
    check_is_fitted(model)
    if not hasattr(model, "feature_names_in_"):
        raise ValueError(
            "The model was fitted to columns without names, so its columns cannot be found in a "
            "dataset: fit it to a data frame or to a dataset."
        )
    source = Source.of(X)
    features = model.feature_names_in_.tolist()
    source.check_columns(features, "The model was fitted to the columns")
    return source, features


def _frame(rows: Any, features: list[str], first: int) -> pd.DataFrame:
    """Return the features of rows, with the numbers of the rows as index."""
    frame = Columns(features, [], None, 2).X(rows)
    return frame.set_axis(pd.RangeIndex(first, first + len(frame)), axis=0)


def _joined(parts: tuple[Labels, ...]) -> Labels:
    """Concatenate the labels of blocks of rows."""
    observed = join_labels([part.observed for part in parts])
    return replace(parts[0], observed=observed, mask=np.concatenate([p.mask for p in parts]))
