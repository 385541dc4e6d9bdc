"""The form of y, in which predictions are returned."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..tasks import Task


@dataclass(frozen=True)
class TargetForm:
    """The form of y, in which predictions are returned.

    Attributes
    ----------
    library : {"numpy", "pandas", "polars"}
        Library of y.
    ndim : int
        Number of dimensions, 1 or 2.
    names : list of str
        Names of the tasks.
    columns : list
        Names of the columns; empty if y is not a data frame or series.
    dtypes : list
        Data types of the columns; empty if y is not a data frame or series. None for a column of
        another library, which is predicted in the dtype of its labels.
    ignored : list of int, default=[]
        Positions in y of columns that are not tasks. The other lists do not contain them.
    levels : list, default=[]
        Names of the levels of y's columns; most data frames have one level. Empty if y is not a
        data frame of pandas.
    """

    library: str
    ndim: int
    names: list[str]
    columns: list[Any]
    dtypes: list[Any]
    ignored: list[int] = field(default_factory=list)
    levels: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, y: Any, library: str, ndim: int, names: list[str]) -> "TargetForm":
        """Return the form of a y of a library, with a number of dimensions and names of tasks."""
        if library == "numpy":
            return cls(library, ndim, names, [], [])
        if ndim == 1:
            # Without a name, a Series of polars has an empty one.
            name = None if library == "polars" and y.name == "" else y.name
            return cls(library, ndim, names, [name], [y.dtype])
        levels = [] if library == "polars" else list(y.columns.names)
        return cls(library, ndim, names, list(y.columns), list(y.dtypes), levels=levels)

    def ignored_among(self, names: Sequence[str]) -> list[int]:
        """Return the positions to ignore in a y of this form, which may lack ignored columns."""
        return self.ignored if len(names) == len(self.names) + len(self.ignored) else []

    def rename(self, labels: Sequence[Any]) -> list[Any]:
        """Return the labels of an array, whose columns have no names, with those of the tasks."""
        return [
            replace(column, name=name) for column, name in zip(labels, self.names, strict=True)
        ]

    def take(self, positions: Sequence[int]) -> "TargetForm":
        """Return the form for some of the columns; the number of dimensions stays the same."""
        columns, dtypes = (
            [entries[k] for k in positions] if entries else []
            for entries in (self.columns, self.dtypes)
        )
        names = [self.names[k] for k in positions]
        return replace(self, names=names, columns=columns, dtypes=dtypes)

    def assemble(
        self, tasks: Sequence[Task], predictions: Sequence[np.ndarray], index: pd.Index | None
    ) -> Any:
        """Join the predicted labels of the tasks in the form of y.

        Classes keep the data type of their column. Numbers keep a float type that can hold them,
        and are float64 otherwise.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        predictions : sequence of ndarray of shape (n_rows,)
            The predicted labels of each task.
        index : Index or None
            Index of a data frame of pandas.

        Returns
        -------
        ndarray or DataFrame of shape (n_rows, n_tasks), or ndarray of shape (n_rows,)
            The predictions.
        """
        if self.ndim == 1:
            return predictions[0]
        if self.library == "numpy":
            kinds = {p.dtype.kind for p in predictions}
            mixed = len(kinds) > 1 and (not kinds <= set("biuf") or any(map(_is_long, tasks)))
            parts = [p.astype(object) if mixed else p for p in predictions]
            return np.column_stack(parts)
        if self.library == "polars":
            import polars as pl

            series = []
            for column, dtype, task, values in zip(
                self.columns, self.dtypes, tasks, predictions, strict=True
            ):
                plain = pl.Series(dtype=dtype).to_numpy().dtype
                keeps = _keeps(dtype, plain, task)
                kept = pl.Series(column, values.tolist(), dtype=dtype if keeps else None)
                series.append(kept if _holds(kept, values) else pl.Series(column, values))
            return pl.DataFrame(series)
        columns = {
            position: self._in_dtype(position, task, values, index)
            for position, (task, values) in enumerate(zip(tasks, predictions, strict=True))
        }
        frame = pd.DataFrame(columns, index=index)
        frame.columns = self._names_of_columns()
        return frame

    def _in_dtype(
        self, position: int, task: Task, values: np.ndarray, index: pd.Index | None
    ) -> Any:
        """Convert the labels of a task to the dtype of its column, if that can hold them."""
        dtype = self.dtypes[position]
        plain = getattr(dtype, "numpy_dtype", dtype)
        if not _keeps(dtype, plain, task):
            return values
        if dtype == values.dtype and dtype.kind in "biuf":
            return values
        kept: pd.Categorical | pd.Series
        if isinstance(dtype, pd.CategoricalDtype):
            # The same as pandas makes from labels, in a tenth of the time for a single row.
            places = {category: place for place, category in enumerate(dtype.categories)}
            codes = [places[label] for label in values.tolist()]
            kept = pd.Categorical.from_codes(codes, dtype=dtype)
        else:
            with np.errstate(over="ignore"):
                kept = pd.Series(values, index).astype(dtype)
        return kept if _holds(kept, values) else values

    def assemble_floats(self, columns: Sequence[np.ndarray], index: pd.Index | None) -> Any:
        """Join floats, one column for each task, in the form of y."""
        if self.ndim == 1:
            return columns[0]
        table = np.column_stack(columns)
        if self.library == "numpy":
            return table
        if self.library == "polars":
            import polars as pl

            return pl.DataFrame(table, schema=self.columns)
        return pd.DataFrame(table, index, self._names_of_columns())

    def _names_of_columns(self) -> pd.Index:
        # Tuples become an index of several levels, unless y had a single one.
        index = pd.Index(self.columns, tupleize_cols=len(self.levels) != 1)
        return index.set_names(self.levels) if index.nlevels == len(self.levels) else index


def _is_long(task: Task) -> bool:
    """Return whether a task has an integer class that a float cannot represent."""
    if not task.has_classes or task.classes.dtype.kind not in "iu":
        return False
    return any(float(label) != int(label) for label in task.classes)


def _keeps(dtype: Any, plain: np.dtype, task: Task) -> bool:
    """Return whether a column's dtype can hold predictions of a task: its classes, or floats.

    ``plain`` is the dtype of NumPy that corresponds to the dtype, if there is one.
    """
    if dtype is None:
        return False
    if not task.has_classes:
        return plain.kind == "f"
    classes = task.classes
    # Classes that partial_fit declares may not be categories of the column, or be too large.
    if isinstance(dtype, pd.CategoricalDtype) or type(dtype).__name__ == "Enum":
        return set(classes) <= set(dtype.categories)
    if not isinstance(plain, np.dtype) or not {plain.kind, classes.dtype.kind} <= set("biuf"):
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array_equal(classes.astype(plain), classes)


def _holds(column: ArrayLike, values: np.ndarray) -> bool:
    """Return whether no finite prediction has become infinite in a column."""
    if values.dtype.kind != "f":
        return True
    kept = np.asarray(column, dtype=np.float64)
    return bool((np.isfinite(kept) | ~np.isfinite(values)).all())
