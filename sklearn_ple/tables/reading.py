"""Reading X: its shape and names, and what columns of objects hold."""

from collections.abc import Hashable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.api.extensions import ExtensionDtype
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ..utils.checks import check_unique, naming, shown
from .frames import is_dataset, keep_numbers, refuse_unread, to_pandas, use_native_order

# Numbers by the names that pandas infers, and by types, which may be mixed with bools.
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")
_NUMERIC = (int, float, np.bool_, np.integer, np.floating)
# Names of the types of vectors and of lists of text.
_LISTS = {"list", "tuple", "set", "frozenset", "ndarray"}

#: The features of rows, read and checked.
Features: TypeAlias = pd.DataFrame | sparse.csr_matrix


class Header(NamedTuple):
    """The columns of X in a fit.

    Attributes
    ----------
    n_columns : int
        Their number.
    names : list of str
        Their names; empty if they are not all strings.
    """

    n_columns: int
    names: list[str]

    @classmethod
    def of(cls, estimator: BaseEstimator) -> "Header":
        """Return the columns that an estimator was fitted to."""
        return cls(estimator.n_features_in_, list(getattr(estimator, "feature_names_in_", ())))

    def __str__(self) -> str:
        """Return the names or, without names, their number, for messages."""
        return str(self.names or self.n_columns)

    def attributes(self) -> dict[str, Any]:
        """Return the attributes in which scikit-learn's estimators keep their columns."""
        names = {"feature_names_in_": np.array(self.names, dtype=object)} if self.names else {}
        return {"n_features_in_": self.n_columns, **names}


@naming("X")
def read_features(X: Any, owner: str, header: Header | None = None) -> tuple[Features, Header]:
    """Check the shape and names of X, and turn it into a data frame or a CSR matrix.

    Columns of objects become numeric if they hold numbers. Otherwise they must hold categories.

    Parameters
    ----------
    X : object
        The features, see `MultiTaskEstimator.fit`.
    owner : str
        Name of the estimator's class, for messages.
    header : Header, optional
        The columns that X must have; by default they are those of a first fit.

    Returns
    -------
    features : DataFrame or CSR matrix of shape (n_rows, n_columns)
        The features; a CSR matrix if X is sparse.
    header : Header
        The columns of the fit.

    Raises
    ------
    TypeError
        If X is a dataset or a path, or if a column holds objects that are neither text nor
        numbers.
    ValueError
        If X is empty or a list of paths, or if it differs from that of fit.
    """
    if is_dataset(X):
        _refuse_dataset(X)
    X = to_pandas(X)
    if not isinstance(X, pd.DataFrame):
        X, header = _read_array(keep_numbers(X), owner, header)
        return (X if sparse.issparse(X) else _read_odd_columns(X)), header
    if not X.columns.is_unique:
        check_unique("X", X.columns.tolist())
    # Equal names need no check, and that of scikit-learn is slow for a single row.
    if header is None or not header.names or X.columns.tolist() != header.names:
        for name in X.columns:
            str(name).encode()  # Half a surrogate pair is an error.
        X, header = _validate(X, owner, header, skip_check_array=True)
    if 0 in X.shape:
        raise ValueError(f"X has {X.shape[0]} rows and {X.shape[1]} columns: it is empty.")
    return _read_odd_columns(X), header


def _read_array(X: Any, owner: str, header: Header | None) -> tuple[Features, Header]:
    """Turn an array into a data frame, and a sparse matrix into a CSR matrix."""
    is_sparse = sparse.issparse(X)
    # Arrays of objects or strings may hold categories.
    has_objects = not is_sparse and np.asarray(X).dtype.kind in ("O", "S", "U")
    # The encoder reads arrays of NumPy, not tensors.
    with config_context(array_api_dispatch=False):
        X, header = _validate(
            X,
            owner,
            header,
            accept_sparse="csr",
            dtype=None if has_objects else "numeric",
            # Infinity is checked later, so that the message can name the column.
            ensure_all_finite=False,
        )
    if not is_sparse:
        X = _decode(X) if X.dtype.kind == "S" else X
        return pd.DataFrame(X, columns=_name_columns(X.shape[1]), copy=False), header
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X, header


def _validate(X: Any, owner: str, header: Header | None, **options: Any) -> tuple[Any, Header]:
    """Check X and its columns by scikit-learn, which keeps columns in an estimator."""
    keeper = _make_class(owner)()
    if header is not None:
        vars(keeper).update(header.attributes())
    X = validate_data(keeper, X, reset=header is None, **options)
    return X, header or Header.of(keeper)


@lru_cache(maxsize=16)
def _make_class(owner: str) -> type[BaseEstimator]:
    """Return a class of this name, which messages of scikit-learn contain."""
    return type(owner, (BaseEstimator,), {})


def _read_odd_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of objects into numbers, dates or text, and all columns into native order."""
    dtypes = frame.dtypes.tolist()
    # pandas cannot take columns in the other byte order, as files of FITS and NetCDF hold them.
    odd = [
        place
        for place, dtype in enumerate(dtypes)
        if dtype.type is np.object_ or (isinstance(dtype, np.dtype) and not dtype.isnative)
    ]
    if odd:
        frame = frame.copy(deep=False)
    for position in odd:
        column = use_native_order(frame.iloc[:, position])
        if types.is_object_dtype(column.dtype):
            column = _read_objects(column, frame.columns[position])
        frame.isetitem(position, column)
    return frame


def _decode(X: np.ndarray) -> np.ndarray:
    """Turn an array of bytes into one of text."""
    try:
        return np.char.decode(X, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"X is an array of bytes that are not UTF-8 ({error}): decode it, for example by "
            'np.char.decode(X, "latin-1").'
        ) from error


def check_in_memory(X: Any) -> None:
    """Raise an error for a dataset, a path or a query where rows in memory are needed.

    A list of texts has rows, which a step of a pipeline may read.
    """
    refuse_unread(X)
    if is_dataset(X) and not isinstance(X, (list, tuple)):
        _refuse_dataset(X)


def _refuse_dataset(X: Any) -> None:
    """Raise an error for what has no columns: a dataset, a path, or a list of texts or paths."""
    if isinstance(X, (list, tuple)):
        raise ValueError(
            "Expected 2D array, got a list of text or paths instead: pass rows in memory, each as "
            "a list of values."
        )
    raise TypeError(
        'X is a dataset or a path, but rows in memory are needed here: pass a table. "Tables '
        'larger than memory" in the user guide says what reads files, and what does not.'
    )


@lru_cache(maxsize=16)
def _name_columns(n_columns: int) -> pd.Index:
    """Return names for the columns of an array, cached since they are slow to make."""
    return pd.Index([f"x{position}" for position in range(n_columns)])


def _read_objects(column: pd.Series, name: Hashable) -> pd.Series:
    # Some missing values, such as NaT, have their own type.
    column = column.where(column.notna(), np.nan)
    kind = types.infer_dtype(column, skipna=True) if column.notna().any() else "empty"
    if kind == "integer" and max(abs(int(v)) for v in column.dropna()) > 2**53:
        # As floats, neighbouring ids would become equal.
        for dtype in ("Int64", "UInt64"):
            with suppress(OverflowError):
                return column.astype(dtype)
    if kind == "date":
        return column.astype("datetime64[s]")
    # Some dates have no common dtype, such as those of several time zones.
    with suppress(ValueError):
        if kind in ("datetime", "datetime64"):
            return pd.to_datetime(column)
        if kind in ("timedelta", "timedelta64"):
            return pd.to_timedelta(column)
    # Bools count as numbers, as they do without missing values, for which pandas has a dtype.
    mixed = column.dropna() if kind.startswith("mixed") else ()
    if kind in _NUMBERS or (len(mixed) and all(isinstance(value, _NUMERIC) for value in mixed)):
        try:
            return column.astype(float)
        except OverflowError:
            raise TooLargeError.of(name, "float64") from None
    if kind not in ("string", "categorical"):
        values = column.dropna()
        kinds = sorted({type(value).__name__ for value in values})
        how = ""
        if _LISTS.issuperset(kinds):
            how = ' to columns of its entries (user guide, "Vectors and lists")'
        elif kinds == ["bytes"]:
            # As categories they would be learnt, but never be equal to text.
            how = ', for example to text, by .str.decode("utf-8")'
        elif len(kinds) == 1 and isinstance(values.iloc[0], Hashable):
            how = ', for example to categories, by .astype("category")'
        raise TypeError(
            f"Column {shown(name)} of X holds objects of type {', '.join(kinds)}: argument must "
            f"be a string or a number, and a column must not mix both. Convert it{how}."
        )
    return column


def is_number(dtype: np.dtype | ExtensionDtype) -> bool:
    """Return whether columns of a dtype hold numbers or bools."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biuf"
    if isinstance(dtype, pd.CategoricalDtype) or types.is_complex_dtype(dtype):
        return False
    # To pandas, bools of Arrow are not numeric.
    return types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype)


class TooLargeError(ValueError):
    """Raised for a column with infinity, or with a value too large for the dtype."""

    @classmethod
    def of(cls, name: Hashable, dtype: str) -> "TooLargeError":
        """Return the error that names the column and the dtype."""
        return cls(
            f"Input X contains infinity or a value too large for dtype({dtype!r}), in column "
            f"{shown(name)}: use NaN for missing values."
        )
