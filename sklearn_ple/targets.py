"""From y to a matrix of targets with a mask of labels, and from outputs back to y's own form."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse
from sklearn.utils import check_consistent_length

from ._frames import is_polars, polars_to_pandas
from .tasks import TASK_KINDS, Task, by_task

# More distinct whole numbers than this are taken as a quantity, not as classes.
_MAX_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class Labels:
    """One column of y: the observed labels and where they are.

    Attributes
    ----------
    name : str
        Name of the column.
    observed : ndarray of shape (n_labels,)
        The labels that are there: bool, int64, float64 or object (str and the like).
    mask : ndarray of bool of shape (n_rows,)
        Where there is a label.
    declared : ndarray or None
        The categories that a categorical column declares.
    ordered : bool, default=False
        Whether it declares an order of them.
    """

    name: str
    observed: np.ndarray
    mask: np.ndarray
    declared: np.ndarray | None
    ordered: bool = False

    @classmethod
    def read(cls, name: str, column: pd.Series) -> Labels:
        """Read a column of any dtype, complaining by name about what is no label."""
        declared, ordered = None, False
        if isinstance(column.dtype, pd.CategoricalDtype):
            declared = _as_array(name, pd.Series(column.dtype.categories))
            ordered = column.dtype.ordered
            column = column.astype(object)
        mask = column.notna().to_numpy()
        return cls(name, _as_array(name, column[mask]), mask, declared, ordered)

    def take(self, rows: np.ndarray) -> Labels:
        """Take some rows, by number."""
        places = np.cumsum(self.mask) - 1
        mask = self.mask[rows]
        return replace(self, observed=self.observed[places[rows][mask]], mask=mask)

    def drop(self, mask: np.ndarray) -> Labels:
        """Drop the labels in a mask of shape (n_rows,), as if they were missing."""
        if not (mask & self.mask).any():
            return self
        return replace(self, observed=self.observed[~mask[self.mask]], mask=self.mask & ~mask)

    def infer_kind(self, family: str | None) -> str:
        """Infer the kind of task; a family ("class" or "number") settles what is ambiguous."""
        classes = np.unique(self.observed if self.declared is None else self.declared)
        class_kind = "binary" if len(classes) <= 2 else "ordinal" if self.ordered else "multiclass"
        is_number = self.observed.dtype.kind in "if" and self.declared is None
        if not is_number:
            return class_kind
        if family == "number":
            return "regression"
        if not np.array_equal(self.observed, np.round(self.observed)):
            if family == "class":
                raise ValueError(
                    f"Unknown label type: continuous. Target {self.name!r} holds fractions; a "
                    "classifier needs classes. Use PLERegressor or PLEClassifierRegressor."
                )
            return "regression"
        if family == "class" or len(classes) <= _MAX_INTEGER_CLASSES:
            return class_kind
        warnings.warn(
            f"Target {self.name!r} holds {len(classes)} distinct whole numbers and is taken as a "
            f"regression. Say so, or otherwise, by task_types={{{self.name!r}: 'regression'}} "
            "('quantile', 'count', 'ordinal' and 'multiclass' are the other kinds that fit).",
            UserWarning,
            stacklevel=2,
        )
        return "regression"


def _as_array(name: str, column: pd.Series) -> np.ndarray:
    """Turn labels, none missing, into an array of bool, int64, float64 or object."""
    dtype = column.infer_objects().dtype if column.dtype == object else column.dtype
    if types.is_bool_dtype(dtype):
        return column.to_numpy(dtype=bool)
    if types.is_integer_dtype(dtype):
        return column.to_numpy(dtype=np.int64)
    if types.is_float_dtype(dtype):
        values = column.to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(
                "Input y contains infinity or a value too large for dtype('float64'), in target "
                f"{name!r}: use NaN where there is no label."
            )
        return values
    kind = types.infer_dtype(column, skipna=True)
    if kind in ("string", "empty"):
        return column.to_numpy(dtype=object)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        return _as_array(
            name, pd.Series(column.tolist(), dtype=None if kind == "boolean" else float)
        )
    error = ValueError if kind == "complex" else TypeError
    raise error(
        f"Target {name!r} holds values of type {kind}, which are neither class labels nor "
        "numbers: convert the column to strings, bool, int or float."
    )


@dataclass(frozen=True)
class TargetForm:
    """How y came: what predictions are to look like.

    Attributes
    ----------
    library : {"numpy", "pandas", "polars"}
        Where y came from.
    ndim : int
        1 or 2.
    names : list of str
        The tasks' names.
    columns : list
        The columns' own names.
    dtypes : list
        The columns' dtypes.
    """

    library: str
    ndim: int
    names: list[str]
    columns: list[Any]
    dtypes: list[Any]

    def assemble(
        self, tasks: Sequence[Task], predictions: Sequence[np.ndarray], index: pd.Index | None
    ) -> Any:
        """Put the tasks' predicted labels together as y came.

        A class keeps its column's dtype, a number keeps a float's and is a float otherwise.
        """
        if self.ndim == 1:
            return predictions[0]
        if self.library == "numpy":
            kinds = {p.dtype.kind for p in predictions}
            mixed = len(kinds) > 1 and not kinds <= set("biuf")
            return np.column_stack([p.astype(object) if mixed else p for p in predictions])
        if self.library == "polars":
            import polars as pl

            series = []
            for column, dtype, task, values in zip(
                self.columns, self.dtypes, tasks, predictions, strict=True
            ):
                keeps = _keeps(dtype, dtype.is_float(), task)
                series.append(pl.Series(column, values.tolist(), dtype=dtype if keeps else None))
            return pl.DataFrame(series)
        frame = pd.DataFrame(dict(enumerate(predictions)), index=index)
        for position, (dtype, task) in enumerate(zip(self.dtypes, tasks, strict=True)):
            if _keeps(dtype, types.is_float_dtype(dtype), task):
                frame[position] = frame[position].astype(dtype)
        return frame.set_axis(self.columns, axis=1)

    def assemble_floats(self, columns: Sequence[np.ndarray], index: pd.Index | None) -> Any:
        """Put floats, one column a task, together as y came."""
        if self.ndim == 1:
            return columns[0]
        table = np.column_stack(columns)
        if self.library == "numpy":
            return table
        if self.library == "polars":
            import polars as pl

            return pl.DataFrame(table, schema=self.columns)
        return pd.DataFrame(table, index).set_axis(self.columns, axis=1)


def _keeps(dtype: Any, is_float: bool, task: Task) -> bool:
    """Whether a column's dtype holds what a task predicts: its classes, or fractions."""
    if not task.has_classes:
        return is_float
    # Classes that partial_fit declares may be none of a column's categories.
    is_closed = isinstance(dtype, pd.CategoricalDtype) or type(dtype).__name__ == "Enum"
    return not is_closed or set(task.classes) <= set(dtype.categories)


def read_targets(y: Any) -> tuple[list[Labels], TargetForm]:
    """Read y of any form: one `Labels` a column, and the form to give predictions back in."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    if sparse.issparse(y):
        raise TypeError("Sparse y is not supported: pass a dense array or a data frame.")
    if is_polars(y):
        library, table, source = "polars", polars_to_pandas(y), y
    elif isinstance(y, (pd.DataFrame, pd.Series)):
        library, table, source = "pandas", y, y
    else:
        table = source = _array_to_pandas(y)
        library = "numpy"
    if table.ndim == 1:
        columns, dtypes, series = [table.name], [source.dtype], [table]
        names = ["y" if table.name is None else str(table.name)]
    else:
        columns, dtypes = list(table.columns), list(source.dtypes)
        series = [table.iloc[:, position] for position in range(table.shape[1])]
        names = [f"y{c}" if isinstance(c, int) else str(c) for c in columns]
    if not names:
        raise ValueError("y has no column: there is nothing to learn.")
    if len(set(names)) < len(names):
        raise ValueError(f"The columns of y are not unique, {names}: rename them.")
    labels = [Labels.read(name, column) for name, column in zip(names, series, strict=True)]
    return labels, TargetForm(library, table.ndim, names, columns, dtypes)


def _array_to_pandas(y: Any) -> pd.DataFrame | pd.Series:
    # Lists may mix numbers and strings, which numpy would turn into strings all.
    array = np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"y should be a 1d array or a 2d array of shape (n_samples, n_tasks), got an array of "
            f"shape {array.shape} instead."
        )
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)


class TargetEncoder:
    """Learns the tasks from y; encodes labels into targets, decodes outputs into labels.

    Parameters
    ----------
    task_types : str, sequence of str or dict
        As in the estimators.
    family : {"class", "number"} or None
        The kinds that the estimator takes; None for all.
    classes : None, array-like, sequence or dict, default=None
        Declared classes: one array for a single task, else a sequence in task order (None for a
        task without) or a dict by name.

    Attributes
    ----------
    tasks : list of Task
        The fitted tasks, in the order of the columns.
    form : TargetForm
        How y came.
    """

    def __init__(self, task_types: Any, family: str | None, classes: Any = None):
        self.task_types = task_types
        self.family = family
        self.classes = classes

    def fit(self, labels: list[Labels], form: TargetForm, weights: np.ndarray) -> TargetEncoder:
        """Settle every column's kind and learn its classes or scale.

        Parameters
        ----------
        labels : list of Labels
            The columns.
        form : TargetForm
            How y came.
        weights : ndarray of shape (n_rows, n_tasks)
            Sample weights, zero where there is no label.
        """
        kinds = by_task(self.task_types, form.names, "task_types", default="auto")
        declared = dict.fromkeys(form.names)
        if self.classes is not None:
            single = len(form.names) == 1 and not isinstance(self.classes, Mapping)
            if single and np.ndim(self.classes[0]) == 0:
                declared = {form.names[0]: np.asarray(self.classes)}
            else:
                declared = by_task(self.classes, form.names, "classes", default=None)
        self.form = form
        self.tasks: list[Task] = []
        for position, column in enumerate(labels):
            kind = kinds[column.name]
            if not len(column.observed):
                raise ValueError(
                    f"Target {column.name!r} has no label at all: leave the column out."
                )
            # Given classes need not be in order; a column that is ordered has all of its own.
            if declared[column.name] is not None and not column.ordered:
                column = replace(column, declared=np.asarray(declared[column.name]))
            task = self._make_task(kind, column)
            task.fit(column.observed, weights[column.mask, position], column.declared)
            self.tasks.append(task)
        return self

    def _make_task(self, task_type: Any, column: Labels) -> Task:
        # A kind that has options comes with them in a tuple.
        is_tuple = isinstance(task_type, tuple) and task_type
        kind, *options = task_type if is_tuple else (task_type,)
        if kind == "auto":
            kind = column.infer_kind(self.family)
        if not isinstance(kind, str) or kind not in TASK_KINDS:
            raise ValueError(
                f"task_types of target {column.name!r} is {kind!r}; the kinds are "
                f"{['auto', *TASK_KINDS]}."
            )
        task = TASK_KINDS[kind](column.name, *options)
        if self.family is not None and task.has_classes != (self.family == "class"):
            raise ValueError(
                f"Target {column.name!r} is of kind {kind!r}, which this estimator does not learn"
                ": use PLEClassifierRegressor for tasks of any kind."
            )
        if not task.has_classes and column.observed.dtype == object:
            raise ValueError(
                f"Target {column.name!r} is of kind {kind!r} but holds strings, "
                f"{column.observed[0]!r} for one: convert it to numbers."
            )
        return task

    def encode(self, labels: list[Labels]) -> np.ndarray:
        """Encode labels as targets of shape (n_rows, n_tasks), zero where there is none."""
        targets = np.zeros((len(labels[0].mask), len(labels)))
        for position, (task, column) in enumerate(zip(self.tasks, labels, strict=True)):
            targets[column.mask, position] = task.encode(column.observed)
        return targets

    @property
    def names(self) -> list[str]:
        """The tasks' names."""
        return list(self.form.names)

    def check_same(self, form: TargetForm) -> None:
        """Check that y has the columns it was fitted with."""
        same_names = form.names == self.form.names or "numpy" in (form.library, self.form.library)
        if len(form.names) != len(self.form.names) or not same_names:
            raise ValueError(
                f"y has the targets {form.names}, but the estimator was fitted with {self.names}."
            )

    def read(self, y: Any, outputs: np.ndarray) -> list[Labels]:
        """Read the labels of a y like that of fit, for as many outputs."""
        labels, form = read_targets(y)
        self.check_same(form)
        check_consistent_length(outputs, labels[0].mask)
        return labels

    def split_outputs(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Cut the network's outputs, shape (..., sum of n_outputs), into the tasks' own."""
        bounds = np.cumsum([task.n_outputs for task in self.tasks])[:-1]
        return np.split(outputs, bounds, axis=-1)

    def decode(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Turn the network's outputs into every task's labels."""
        parts = self.split_outputs(outputs)
        return [task.predict(part) for task, part in zip(self.tasks, parts, strict=True)]

    def score(self, outputs: np.ndarray, labels: list[Labels], weights: np.ndarray) -> list[float]:
        """Score outputs task by task, NaN for a task without labels.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, sum of n_outputs)
            The network's outputs.
        labels : list of Labels
            The columns of y.
        weights : ndarray of shape (n_rows, n_tasks)
            The labels' weights.
        """
        return [
            task.score(column.observed, predictions[column.mask], weights[column.mask, position])
            if len(column.observed)
            else float("nan")
            for position, (task, column, predictions) in enumerate(
                zip(self.tasks, labels, self.decode(outputs), strict=True)
            )
        ]
