"""From X to standardised numbers and category codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

from ._frames import to_pandas

#: Codes of a category that is missing, and of one never seen; the others follow.
MISSING, UNKNOWN = 0, 1


class FeatureEncoder:
    """Learns scales and categories from X; encodes X for the network.

    Numbers are standardised (with the rows' weights); a missing one becomes 0, the mean, beside an
    indicator if the column had missing values in fit. Categories become codes, 0 for a missing and
    1 for an unknown one. Sparse X is scaled without centring and stays sparse.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None
        As in the estimators.

    Attributes
    ----------
    categories : list of pandas.Index
        The categories of each categorical column, those seen in fit.
    cardinalities : list of int
        Number of codes of each categorical column.
    n_numbers : int
        Number of numeric features that come out.
    """

    def __init__(self, categorical_features: Any):
        self.categorical_features = categorical_features

    def fit(self, X: pd.DataFrame | sparse.csr_matrix, row_weights: np.ndarray) -> FeatureEncoder:
        """Learn scales and categories.

        Parameters
        ----------
        X : DataFrame or CSR matrix of shape (n_rows, n_columns)
            The table.
        row_weights : ndarray of shape (n_rows,)
            Weights of the rows in the means and deviations of the numbers.
        """
        is_categorical = self._find_categorical(X)
        self.categorical_positions = np.flatnonzero(is_categorical)
        self.number_positions = np.flatnonzero(~is_categorical)
        self.categories = [
            pd.Index(X.iloc[:, position].dropna().astype(object).unique(), dtype=object)
            for position in self.categorical_positions
        ]
        self.cardinalities = [len(categories) + 2 for categories in self.categories]
        self.n_numbers = 0
        if len(self.number_positions):
            # Not a Pipeline: it would ask for routing where scikit-learn's metadata routing is on.
            self.scaler = StandardScaler(with_mean=not sparse.issparse(X))
            self.imputer = SimpleImputer(
                strategy="constant", fill_value=0.0, add_indicator=True, keep_empty_features=True
            )
            numbers = self._read_numbers(X)
            with np.errstate(invalid="ignore"):  # The mean of a column without values is NaN.
                self.scaler.fit(numbers, sample_weight=row_weights)
            self.n_numbers = self.imputer.fit_transform(self.scaler.transform(numbers)).shape[1]
        return self

    def transform(self, X: pd.DataFrame | sparse.csr_matrix) -> tuple[Any, np.ndarray]:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame or CSR matrix of shape (n_rows, n_columns)
            The table, with the columns of fit.

        Returns
        -------
        numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
            The standardised numbers and the indicators of missing ones.
        codes : ndarray of int64 of shape (n_rows, n_categorical)
            The category codes.
        """
        codes = np.empty((X.shape[0], len(self.categories)), dtype=np.int64)
        for out, (position, categories) in enumerate(
            zip(self.categorical_positions, self.categories, strict=True)
        ):
            column = X.iloc[:, position]
            # As objects: pandas would look a number up among intervals, say.
            values = pd.Index(column.astype(object), dtype=object)
            codes[:, out] = categories.get_indexer(values) + 2
            codes[column.isna().to_numpy(), out] = MISSING
        if not len(self.number_positions):
            return np.empty((X.shape[0], 0)), codes
        numbers = self.imputer.transform(self.scaler.transform(self._read_numbers(X)))
        # The imputer's are by column, the batches by row.
        return numbers.tocsr() if sparse.issparse(numbers) else numbers, codes

    def _read_numbers(self, X: Any) -> Any:
        if sparse.issparse(X):
            return X
        numbers = X.iloc[:, self.number_positions]
        for name, dtype in zip(numbers.columns, numbers.dtypes, strict=True):
            if not _is_number(dtype):
                raise ValueError(
                    f"Column {name!r} of X held numbers in fit but is of dtype {dtype} now."
                )
        numbers = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(numbers).any(axis=0)
        if infinite.any():
            name = X.columns[self.number_positions[infinite][0]]
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float64'), in column "
                f"{name!r}: use NaN where a value is missing."
            )
        return numbers

    def _find_categorical(self, X: Any) -> np.ndarray:
        """Tell which columns are categories, and check that the others are numbers."""
        choice = self.categorical_features
        is_categorical = np.zeros(X.shape[1], dtype=bool)
        if sparse.issparse(X):
            if choice is not None and not _is_from_dtype(choice):
                raise ValueError(
                    "categorical_features needs a dense X or a data frame: sparse X holds numbers."
                )
            return is_categorical
        dtypes = X.dtypes.tolist()
        if _is_from_dtype(choice):
            is_categorical[:] = [_is_category(dtype) for dtype in dtypes]
        elif choice is not None:
            is_categorical[_positions(choice, X)] = True
        for name, dtype, categorical in zip(X.columns, dtypes, is_categorical, strict=True):
            if not categorical and not _is_number(dtype):
                raise TypeError(
                    f"Column {name!r} of X is of dtype {dtype}, which is no number: convert it, "
                    "or name it in categorical_features."
                )
        return is_categorical


def _is_from_dtype(choice: Any) -> bool:
    return isinstance(choice, str) and choice == "from_dtype"


def _is_category(dtype: Any) -> bool:
    return (
        isinstance(dtype, pd.CategoricalDtype)
        or types.is_object_dtype(dtype)
        or types.is_string_dtype(dtype)
    )


def _is_number(dtype: Any) -> bool:
    return types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)


def _positions(choice: Any, X: pd.DataFrame) -> Any:
    """Turn names, positions or a mask into what indexes the columns."""
    values = np.asarray([choice] if isinstance(choice, str) else choice)
    if values.dtype.kind in "biu":
        limit = len(values) if values.dtype.kind == "b" else int(values.max(initial=0)) + 1
        wrong_mask = values.dtype.kind == "b" and limit != X.shape[1]
        if wrong_mask or limit > X.shape[1] or values.min(initial=0) < 0:
            raise ValueError(
                f"categorical_features {values.tolist()} does not fit X, which has {X.shape[1]} "
                "columns."
            )
        return values
    if unknown := sorted(set(values.tolist()) - set(X.columns), key=str):
        raise ValueError(
            f"categorical_features names {unknown}, which are no columns of X; it has "
            f"{list(X.columns)}."
        )
    return X.columns.isin(values)


def read_features(estimator: BaseEstimator, X: Any, reset: bool) -> Any:
    """Check X's shape and names for an estimator; give a data frame, or a CSR matrix if sparse.

    Columns of objects become numbers where they hold numbers, else they must hold categories.
    """
    X = to_pandas(X)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if 0 in X.shape:
            raise ValueError(f"X has {X.shape[0]} rows and {X.shape[1]} columns: it is empty.")
        frame = X
    else:
        # Arrays of objects or strings may hold categories.
        has_objects = not sparse.issparse(X) and np.asarray(X).dtype.kind in "OSU"
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=None if has_objects else "numeric",
            ensure_all_finite=False if has_objects else "allow-nan",
        )
        if sparse.issparse(X):
            return X
        frame = pd.DataFrame(X).add_prefix("x")
    objects = [
        position for position, dtype in enumerate(frame.dtypes) if types.is_object_dtype(dtype)
    ]
    if objects:
        frame = frame.copy(deep=False)
    for position in objects:
        frame.isetitem(position, _read_objects(frame.iloc[:, position], frame.columns[position]))
    return frame


def _read_objects(column: pd.Series, name: Any) -> pd.Series:
    kind = types.infer_dtype(column, skipna=True)
    # Bools are numbers here too, as without missing values, where pandas gives them their dtype.
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        return pd.to_numeric(column.where(column.notna(), np.nan).astype(float))
    if kind not in ("string", "categorical"):
        kinds = sorted({type(value).__name__ for value in column.dropna()})
        raise TypeError(
            f"Column {name!r} of X holds objects of type {', '.join(kinds)}: argument must be a "
            "string or a number, and of one kind in a column. Convert it."
        )
    return column
