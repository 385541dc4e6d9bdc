"""Columns of a dataset: features, labels and weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..frames import to_pandas
from ..reading import is_number
from .source import Source


@dataclass(frozen=True)
class Columns:
    """Names of the columns that a fit reads.

    Attributes
    ----------
    features : list of str
        The columns of X.
    targets : list of str
        The columns of y.
    weight : str or None
        The column of sample_weight, if there is one.
    ndim : int
        Number of dimensions of y: 1 for a single name, 2 for a list of names.
    """

    features: list[str]
    targets: list[str]
    weight: str | None
    ndim: int

    @classmethod
    def choose(
        cls,
        source: Source,
        y: Any,
        sample_weight: Any = None,
        features: Sequence[str] | None = None,
        ending: str = "",
    ) -> "Columns":
        """Read and check the arguments that name columns of a dataset.

        Parameters
        ----------
        source : Source
            The dataset.
        y : str or list of str
            The columns of labels.
        sample_weight : str, optional
            The column of weights.
        features : sequence of str, optional
            The columns of X; by default all others.
        ending : str, default=""
            Suffix of the names of the arguments in messages, such as "_val".

        Returns
        -------
        Columns
            The names of the columns.

        Raises
        ------
        TypeError
            If y is not a name or a list of names, or sample_weight is not a name.
        ValueError
            If a column does not exist, if a name occurs twice, if a label or weight is among the
            given features, or if there is no feature.
        """
        targets = _read_names(source, y, ending)
        if sample_weight is not None:
            _check_weight(source, sample_weight, targets, ending)
        for argument, names in (("y", targets), ("sample_weight", [sample_weight])):
            if both := [name for name in names if name in (features or ())]:
                raise ValueError(
                    f"{argument}{ending} names {both}, which the model was fitted to as features: "
                    "name other columns."
                )
        if features is None:
            features = [n for n in source.names if n not in (*targets, sample_weight)]
            if not features:
                raise ValueError(f"{source} has no column in addition to {targets}: add features.")
        return cls(list(features), targets, sample_weight, 1 if isinstance(y, str) else 2)

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [*self.features, *self.targets, *([] if self.weight is None else [self.weight])]

    def X(self, rows: Any) -> pd.DataFrame:
        """Return the features of a table of Arrow, as a data frame."""
        return to_pandas(rows.select(self.features))

    def y(self, rows: Any) -> pd.DataFrame | pd.Series:
        """Return the labels of a table of Arrow, as a data frame, or as a column for a 1-D y."""
        frame = to_pandas(rows.select(self.targets), needs_order=True)
        return frame if self.ndim == 2 else frame.iloc[:, 0]

    def sample_weight(self, rows: Any) -> np.ndarray | None:
        """Return the weights of a table of Arrow, or None without a column of weights."""
        if self.weight is None:
            return None
        column = to_pandas(rows.select([self.weight])).iloc[:, 0]
        if not is_number(column.dtype):
            raise TypeError(
                f"sample_weight names the column {self.weight!r}, which is of dtype "
                f"{column.dtype}: it must contain numbers, 0 or more."
            )
        return column.to_numpy(dtype=np.float64, na_value=np.nan)


def read_labels(X: Any, y: Any, sample_weight: Any = None) -> tuple[Any, np.ndarray | None]:
    """Read the labels and weights of all rows of a dataset, whose columns y and weights name."""
    import pyarrow as pa

    source = Source.of(X)
    columns = Columns.choose(source, y, sample_weight, features=())
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


def _check_weight(source: Source, name: Any, targets: list[str], ending: str) -> None:
    """Check the name of the column of weights."""
    what = f"sample_weight{ending}"
    if not isinstance(name, str):
        raise TypeError(
            f"{what} is of type {type(name).__name__}, but X{ending} is a dataset: name the "
            "column of the weights."
        )
    source.check_columns([name], f"{what} names")
    if name in targets:
        raise ValueError(
            f"{what} and y{ending} both name the column {name!r}: one of them must name another."
        )
