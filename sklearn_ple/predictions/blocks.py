"""Predictions for a dataset, one block of rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import pandas as pd

from ..encoding.categories import UnknownColumns
from ..tables.files.columns import Columns
from ..tables.files.source import Source
from ..tables.frames import is_dataset
from ..utils.checks import naming

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
    names: Sequence[str],
    predict: Callable[..., Any],
    unknown: UnknownColumns,
    known: Any = None,
) -> Iterator[Any]:
    """Predict the rows of a dataset in their order.

    Parameters
    ----------
    X : dataset or path
        The rows.
    names : sequence of str
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
    if not names:
        raise ValueError(
            "The model was fitted to columns without names, so its columns cannot be found in a "
            "dataset: fit it to a data frame or to a dataset."
        )
    source, features = Source.of(X), list(map(str, names))
    source.check_columns(features, "The model was fitted to the columns")
    columns = Columns(features, [], None, 2)
    if known is not None:
        with naming("known"):
            columns = Columns.choose(source, known, None, features)

    def generate() -> Iterator[Any]:
        for block in source.blocks(columns.names):
            last = block.first + len(block)
            numbers = pd.RangeIndex(block.first, last)
            with block.row_group.named():
                labels = {}
                if known is not None:
                    labels["known"] = columns.y(block.rows).set_axis(numbers, axis=0)
                result = predict(columns.X(block.rows).set_axis(numbers, axis=0), **labels)
            if last == source.n_rows:
                # The caller may not ask for more after the last result.
                unknown.report()
            yield result

    return generate()
