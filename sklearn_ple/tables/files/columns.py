"""Columns of a dataset: features, labels and weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..frames import to_pandas
from ..reading import is_number
from .source import Source

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Columns:
    """Names of the columns that a fit reads.

    Attributes
    ----------
    features : list of str
        The columns of X.
    targets : list of str
        The columns of y.
    weight : str, list of str or None
        The column of sample_weight, or one for each task, if there are any.
    ndim : int
        Number of dimensions of y: 1 for a single name, 2 for a list of names.
    group : str, optional
        The column of the groups of rows, if there is one.
    """

    features: list[str]
    targets: list[str]
    weight: str | list[str] | None
    ndim: int
    group: Any = None

    @classmethod
    def choose(
        cls,
        source: Source,
        y: Any,
        sample_weight: Any = None,
        features: Sequence[str] | None = None,
        ending: str = "",
        group: Any = None,
    ) -> "Columns":
        """Read and check the arguments that name columns of a dataset.

        Parameters
        ----------
        source : Source
            The dataset.
        y : str or list of str
            The columns of labels.
        sample_weight : str or list of str, optional
            The column of weights, or that of each task.
        features : sequence of str, optional
            The columns of X; by default all others.
        ending : str, default=""
            Suffix of the names of the arguments in messages, such as "_val".
        group : str, optional
            The column of the groups of rows, which is then no feature.

        Returns
        -------
        Columns
            The names of the columns.

        Raises
        ------
        TypeError
            If y or sample_weight is not a name or a list of names, or group not a name.
        ValueError
            If a column does not exist, if a name occurs twice, if a label or weight is among the
            given features, or if there is no feature.
        """
        targets = _read_names(source, y, ending)
        weights = _read_weights(source, sample_weight, targets, ending)
        if group is not None:
            if not isinstance(group, str):
                raise TypeError("groups must be the name of a column, because X is a dataset.")
            source.check_columns([group], "groups names")
        for argument, names in (("y", targets), ("sample_weight", weights)):
            if both := [name for name in names if name in (features or ())]:
                raise ValueError(
                    f"{argument}{ending} names {both}, which the model was fitted to as features: "
                    "name other columns."
                )
        if features is None:
            features = [n for n in source.names if n not in (*targets, *weights, group)]
            if not features:
                raise ValueError(f"{source} has no column in addition to {targets}: add features.")
        return cls(list(features), targets, sample_weight, 1 if isinstance(y, str) else 2, group)

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [*self.features, *self.labelled]

    @property
    def labelled(self) -> list[str]:
        """Names of the columns of labels and weights."""
        return [*self.targets, *dict.fromkeys(_as_list(self.weight))]

    @property
    def surveyed(self) -> list[str]:
        """Names of all columns, with that of the groups."""
        return [*dict.fromkeys([*self.names, *([self.group] if self.group else [])])]

    def group_keys(self, row_numbers: np.ndarray, rows: "pyarrow.Table") -> np.ndarray:
        """Return a hash of the group of each row of a table of Arrow."""
        groups = to_pandas(rows.select([self.group])).iloc[:, 0]
        if groups.isna().any():
            raise ValueError(f"groups names {self.group!r}, which has no group for some rows.")
        return pd.util.hash_pandas_object(groups, index=False).to_numpy()

    def X(self, rows: "pyarrow.Table") -> pd.DataFrame:
        """Return the features of a table of Arrow, as a data frame."""
        return to_pandas(rows.select(self.features))

    def y(self, rows: "pyarrow.Table") -> pd.DataFrame | pd.Series:
        """Return the labels of a table of Arrow, as a data frame, or as a column for a 1-D y."""
        frame = to_pandas(rows.select(self.targets), needs_order=True)
        return frame if self.ndim == 2 else frame.iloc[:, 0]

    def sample_weight(self, rows: "pyarrow.Table") -> np.ndarray | None:
        """Return the weights of a table of Arrow, or None without a column of weights."""
        if self.weight is None:
            return None
        columns = [_read_numbers(rows, name) for name in _as_list(self.weight)]
        return columns[0] if isinstance(self.weight, str) else np.column_stack(columns)


def _as_list(weight: str | list[str] | None) -> list[str]:
    """Return the names of the columns of weights."""
    if isinstance(weight, (list, tuple)):
        return list(weight)
    return [] if weight is None else [weight]


def _read_numbers(rows: "pyarrow.Table", name: str) -> np.ndarray:
    """Return a column of weights of a table of Arrow."""
    column = to_pandas(rows.select([name])).iloc[:, 0]
    if not is_number(column.dtype):
        raise TypeError(
            f"sample_weight names the column {name!r}, which is of dtype {column.dtype}: it must "
            "contain numbers, 0 or more."
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def read_labels(
    X: Any, y: Any, sample_weight: Any = None, features: Sequence[str] = ()
) -> tuple[Any, np.ndarray | None]:
    """Read the labels and weights of all rows of a dataset, whose columns y and weights name.

    None of them may be among the features of a fitted model.
    """
    import pyarrow as pa

    source = Source.of(X)
    columns = Columns.choose(source, y, sample_weight, features)
    rows = pa.concat_tables([block.rows for block in source.blocks(columns.names)])
    return columns.y(rows), columns.sample_weight(rows)


def _read_names(source: Source, y: Any, ending: str) -> list[str]:
    """Return the names of the columns of labels, after a check."""
    names = [y] if isinstance(y, str) else y
    is_list = isinstance(names, (list, tuple)) and names
    if not is_list or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"y{ending} is of type {type(y).__name__}, but X{ending} is a dataset: name the "
            f"columns that are labels, such as y{ending}=['click', 'purchase']."
        )
    names = list(names)
    source.check_columns(names, f"y{ending} names")
    if len(set(names)) < len(names):
        raise ValueError(f"y{ending} names a column twice: {names}. Name each column once.")
    return names


def _read_weights(
    source: Source, weight: str | list[str] | None, targets: list[str], ending: str
) -> list[str]:
    """Return the names of the columns of weights, after a check."""
    what, names = f"sample_weight{ending}", _as_list(weight)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"{what} is of type {type(weight).__name__}, but X{ending} is a dataset: name the "
            "column of the weights, or that of each task."
        )
    source.check_columns(names, f"{what} names")
    if both := [name for name in names if name in targets]:
        raise ValueError(
            f"{what} and y{ending} both name the column {both[0]!r}: one of them must name "
            "another."
        )
    return names
