"""Reading y: the labels of its columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse

from ..utils.checks import check_unique, described, naming, shown
from .form import TargetForm
from .frames import drop_order, find_library, is_polars, to_pandas
from .kinds import select_learnt
from .plausibility import warn_of_text

#: More distinct integers than this are a quantity, not classes.
MAX_INTEGER_CLASSES = 10
# Fewer distinct integers are classes. The largest of counts is rarer than this share of the most
# frequent one, and the larger half of them has a smaller share of the labels than that.
_LEAST_COUNTS, _RARE, _UPPER_HALF = 6, 0.1, 0.25


@dataclass(frozen=True)
class Labels:
    """The labels of one column of y, and the rows that have them.

    Attributes
    ----------
    name : str
        Name of the column.
    observed : ndarray of shape (n_labels,)
        The labels that are not missing, as bool, int64, uint64 (if int64 is too small), float64 or
        object (for strings).
    mask : ndarray of bool of shape (n_rows,)
        Whether a row has a label.
    declared : ndarray or None
        The categories that a categorical column declares.
    ordered : bool, default=False
        Whether the categories are ordered.
    weighed : bool, default=False
        Whether labels became missing because their weight is zero.
    """

    name: str
    observed: np.ndarray
    mask: np.ndarray
    declared: np.ndarray | None
    ordered: bool = False
    weighed: bool = False

    @classmethod
    def read(cls, name: str, column: pd.Series) -> "Labels":
        """Read a column of any dtype; errors name the column."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            declared = _as_array(name, pd.Series(column.dtype.categories))
            codes = column.cat.codes.to_numpy()
            mask = codes >= 0
            return cls(name, declared[codes[mask]], mask, declared, column.dtype.ordered)
        mask = column.notna().to_numpy()
        return cls(name, _as_array(name, column[mask]), mask, None)

    def take(self, rows: np.ndarray) -> "Labels":
        """Return the labels of some rows, by number."""
        places = np.cumsum(self.mask) - 1
        mask = self.mask[rows]
        return replace(self, observed=self.observed[places[rows][mask]], mask=mask)

    def drop(self, mask: np.ndarray) -> "Labels":
        """Return labels without those of a weight of zero, in a mask of shape (n_rows,)."""
        if not (mask & self.mask).any():
            return self
        kept = self.mask & ~mask
        return replace(self, observed=self.observed[~mask[self.mask]], mask=kept, weighed=True)

    def infer_kind(self, family: str | None) -> str:
        """Infer the kind of task; a family, "class" or "number", decides ambiguous cases."""
        classes = np.unique(self.observed if self.declared is None else self.declared)
        class_kind = "binary" if len(classes) <= 2 else "ordinal" if self.ordered else "multiclass"
        is_number = self.observed.dtype.kind in "iuf" and self.declared is None
        if not is_number:
            if self.observed.dtype == object and self.declared is None:
                warn_of_text(self.name, classes, len(self.observed))
            return class_kind
        if family == "number":
            return "regression"
        is_whole = np.array_equal(classes, np.round(classes))
        if family == "class" and not is_whole:
            raise ValueError(
                f"Unknown label type: continuous. Target {self.name!r} holds fractions, but a "
                "classifier needs classes. Use PLERegressor or PLEClassifierRegressor."
            )
        is_class = family == "class" or numbers_are_classes(self.observed)
        return class_kind if is_class else "regression"

    def describe_doubt(self) -> str:
        """Return what numbers hold that are inferred to be a regression, but may be classes."""
        distinct = np.unique(self.observed)
        if self.observed.dtype.kind in "iu":
            # Their number may differ between the folds of a search, which would repeat a warning.
            if len(distinct) <= MAX_INTEGER_CLASSES:
                return "integers that look like counts"
            return f"more than {MAX_INTEGER_CLASSES} distinct integers"
        is_doubtful = np.array_equal(distinct, np.round(distinct))
        is_doubtful &= len(distinct) <= MAX_INTEGER_CLASSES
        return f"at most {MAX_INTEGER_CLASSES} distinct whole numbers as floats" * is_doubtful


def join_labels(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate the labels of parts of a column, whose dtypes may differ."""
    # Without labels, a part has no dtype of its own.
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if {part.dtype for part in parts} == {np.dtype(np.int64), np.dtype(np.uint64)}:
        # As floats, large numbers beside each other would become equal.
        parts = [part.astype(np.uint64) for part in parts]
    return np.concatenate(parts)


def numbers_are_classes(observed: np.ndarray) -> bool:
    """Return whether numbers are classes: at most two whole numbers, or few distinct integers.

    The latter are not if they look like counts.
    """
    distinct = np.unique(observed)
    if len(distinct) <= 2:
        # They are often floats: if labels are missing, or in an array with other numbers.
        return np.array_equal(distinct, np.round(distinct))
    is_few = distinct.dtype.kind in "iu" and len(distinct) <= MAX_INTEGER_CLASSES
    return is_few and not look_like_counts(observed)


def look_like_counts(observed: np.ndarray) -> bool:
    """Return whether a few distinct integers look like counts, of which large ones are rare.

    So a column of counts is one of numbers, also in a part of the rows that lacks the largest.
    """
    values, counts = np.unique(observed, return_counts=True)
    n = len(values)
    in_range = _LEAST_COUNTS <= n <= MAX_INTEGER_CLASSES and 0 <= values[0] <= 1
    if not in_range or values[-1] - values[0] >= 2 * n:
        return False
    mode = int(counts.argmax())
    falling, noise = counts[mode:], 2 * np.sqrt(counts[mode:-1] + counts[mode + 1 :])
    falls = bool((np.diff(falling) <= noise).all()) and counts[-1] < _RARE * counts[mode]
    return falls and counts[(n + 1) // 2 :].sum() < _UPPER_HALF * counts.sum()


def _infer_dtype(column: pd.Series) -> Any:
    """Return the dtype that the objects of a column have in common."""
    try:
        return column.infer_objects().dtype
    except OverflowError:
        # Before pandas 3, for whole numbers that are too large for a float.
        return column.dtype


def _as_array(name: str, column: pd.Series) -> np.ndarray:
    """Turn labels without missing ones into an array of bool, int64, uint64, float64 or object."""
    dtype = _infer_dtype(column) if column.dtype == object else column.dtype
    if types.is_bool_dtype(dtype):
        return column.to_numpy(dtype=bool)
    if types.is_integer_dtype(dtype):
        is_long = types.is_unsigned_integer_dtype(dtype) and column.max() > np.iinfo(np.int64).max
        return column.to_numpy(dtype=np.uint64 if is_long else np.int64)
    if types.is_float_dtype(dtype):
        values = column.to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(
                "Input y contains infinity or a value too large for dtype('float64'), in target "
                f"{name!r}: use NaN for missing labels."
            )
        return values
    kind = types.infer_dtype(column, skipna=True)
    if kind in ("string", "empty"):
        return column.to_numpy(dtype=object)
    if kind == "boolean":
        return column.to_numpy(dtype=bool)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return _as_array(name, pd.Series([_as_float(label) for label in column], dtype=float))
    if kind == "integer":
        raise ValueError(
            f"Target {name!r} holds whole numbers that do not fit into 64 bits: convert them to "
            "strings if they are classes, and to floats otherwise."
        )
    error = ValueError if kind == "complex" else TypeError
    raise error(
        f"Target {name!r} holds values of type {kind}, which are neither class labels nor "
        "numbers: convert the column to strings, bool, int or float."
    )


def _as_float(label: SupportsFloat) -> float:
    try:
        return float(label)
    except OverflowError:
        return float("inf")


@naming("y")
def read_targets(
    y: Any, ignored: Callable[[Sequence[str]], list[int]] | None = None, first: int | None = None
) -> tuple[list[Labels], TargetForm]:
    """Read the labels of y, and its form.

    Parameters
    ----------
    y : object
        The labels, see `MultiTaskEstimator.fit`.
    ignored : callable or None, default=None
        A function that returns, from the names of all columns, the positions of those that are not
        tasks.
    first : int or None, default=None
        The number from which columns without names are counted, as "y2", "y3" and so on. None
        names them as `as_frame` does.

    Returns
    -------
    labels : list of Labels
        The labels of each task.
    form : TargetForm
        The form of y.

    Raises
    ------
    TypeError
        If y is sparse, or holds values that cannot be labels.
    ValueError
        If y is None, has no column, has columns with equal names, or holds infinity; if all
        columns are ignored.
    """
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    if sparse.issparse(y):
        raise TypeError("Sparse y is not supported: pass a dense array or a data frame.")
    table = _as_pandas(y, "y", needs_order=True)
    frame = _name_tasks(table)
    names = list(frame.columns)
    if not names:
        raise ValueError("y has no column: there is nothing to learn.")
    library = find_library(y)
    form = TargetForm.of(table if library == "pandas" else y, library, table.ndim, names)
    if first is not None and form.columns in ([], [None]):
        names = [f"y{first + place}" for place in range(len(names))]
    check_unique("y", names)
    kept = select_learnt(names, ignored)
    out = sorted(set(range(len(names))).difference(kept))
    labels = [Labels.read(names[k], frame.iloc[:, k]) for k in kept]
    return labels, replace(replace(form, names=names).take(kept), ignored=out)


def as_frame(y: Any, input_name: str = "y") -> pd.DataFrame:
    """Turn labels of any form into a data frame with the names of the tasks.

    Parameters
    ----------
    y : array-like, Series or DataFrame of shape (n_rows,) or (n_rows, n_tasks)
        The labels, observed or predicted.
    input_name : str, default="y"
        Name of the labels in messages.

    Returns
    -------
    DataFrame of shape (n_rows, n_tasks)
        The labels. Columns keep their names, as strings. A single column without a name is called
        "y", and several are called "y0", "y1" and so on. Numbers with fractions are floats of
        NumPy.
    """
    with naming(input_name):
        return _name_tasks(_as_pandas(y, input_name))


def _name_tasks(table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return labels as a data frame with the names of the tasks, see `as_frame`."""
    if table.ndim == 1:
        name = "y" if table.name is None else str(table.name)
        return _use_plain_floats(table).to_frame(name)
    names = [f"y{c}" if isinstance(c, int) else str(c) for c in table.columns]
    for name in names:
        name.encode()  # Half a surrogate pair is an error.
    table = table.set_axis(names, axis=1)
    for position in range(len(names)):
        column = table.iloc[:, position]
        if (plain := _use_plain_floats(column)) is not column:
            table.isetitem(position, plain)
    return table


def _use_plain_floats(column: pd.Series) -> pd.Series:
    """Turn floats that are not NumPy's, and decimals, into floats whose missing values are NaN."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = pd.Series(column.cat.categories)
        plain = _use_plain_floats(categories)
        return column if plain is categories else column.cat.rename_categories(plain.to_numpy())
    if types.is_float_dtype(column.dtype) and not isinstance(column.dtype, np.dtype):
        # In columns of Arrow, NaN is not a missing value.
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), column.index)
    may_be_decimal = column.dtype == object or isinstance(column.dtype, pd.ArrowDtype)
    if may_be_decimal and types.infer_dtype(column, skipna=True) == "decimal":
        floats = [np.nan if pd.isna(label) else _as_float(label) for label in column]
        return pd.Series(floats, column.index, dtype=np.float64)
    return column


def _as_pandas(y: Any, input_name: str, needs_order: bool = False) -> pd.DataFrame | pd.Series:
    if is_polars(y):
        # Unlike an Enum, a Categorical declares no order of its categories.
        y = drop_order(y)
    y = to_pandas(y, needs_order)
    is_index = isinstance(y, pd.Index) and not isinstance(y, pd.MultiIndex)
    if is_index or isinstance(y, pd.api.extensions.ExtensionArray):
        # As an array it would lose the classes that it declares, and their order.
        y = pd.Series(y)
    if isinstance(y, (pd.DataFrame, pd.Series)):
        return y
    # Lists may mix numbers and strings, all of which NumPy would turn into strings.
    array = np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if array.ndim not in (1, 2):
        # A dict, a set or a generator is a single object to NumPy.
        remedy = f": pass pandas.DataFrame({input_name})" if isinstance(y, Mapping) else ""
        raise ValueError(
            f"{input_name} should be a 1d array or a 2d array of shape (n_samples, n_tasks), got "
            f"{described(array if array.ndim else y)} instead{remedy}."
        )
    if array.dtype.names:
        raise ValueError(
            f"{input_name} is an array with the fields {list(array.dtype.names)}: pass "
            f"pandas.DataFrame({input_name}). A time until an event is a single number, which is "
            "negative if it is censored."
        )
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)


def check_type(name: str, kind: str, classes: np.ndarray | None, observed: np.ndarray) -> None:
    """Check that labels are text, or numbers (including bools), as they were in fit.

    Parameters
    ----------
    name, kind : str
        Name and kind of the task.
    classes : ndarray or None
        Classes of the task; None if its labels are numbers.
    observed : ndarray
        The labels that are not missing.

    Raises
    ------
    ValueError
        If they are of the other type.
    """
    if not len(observed):
        return
    is_text = observed.dtype.kind not in "biuf"
    if is_text == (classes is not None and np.asarray(classes).dtype.kind not in "biuf"):
        return
    is_of = f"is of kind {kind!r}"
    if classes is not None:
        is_of = f"its classes are {'numbers' if is_text else 'text'}, such as {shown(classes[0])}"
    raise ValueError(
        f"Target {name!r} holds {'text' if is_text else 'numbers'}, such as "
        f"{shown(observed[0])}, but {is_of}: pass labels of the same type as in fit."
    )
