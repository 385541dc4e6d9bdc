"""Which columns of files are features, labels and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..encoding import to_pandas
from .source import Source


@dataclass(frozen=True)
class Columns:
    """The columns that a fit reads, by name.

    Attributes
    ----------
    features : list of str
        The columns of X.
    targets : list of str
        Those of y.
    weight : str or None
        That of sample_weight, if there is one.
    ndim : int
        Dimensions of y: 1 if it was a name, 2 for a list of names.
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
    ) -> Columns:
        """Read what is passed beside a dataset.

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
            What follows on the names of what is passed, in messages.
        """
        targets = [y] if isinstance(y, str) else y
        is_list = isinstance(targets, (list, tuple)) and targets
        if not is_list or not all(isinstance(name, str) for name in targets):
            raise TypeError(
                f"y{ending} is of type {type(y).__name__}, but X{ending} is a dataset: name the "
                f"columns that are labels, as y{ending}=['click', 'purchase']."
            )
        targets = list(targets)
        source.check_columns(targets, f"y{ending}")
        if len(set(targets)) < len(targets):
            raise ValueError(f"y{ending} names a column twice: {targets}.")
        if sample_weight is not None:
            what = f"sample_weight{ending}"
            if not isinstance(sample_weight, str):
                raise TypeError(
                    f"{what} is of type {type(sample_weight).__name__}, but X{ending} is a "
                    "dataset: name the column of the weights."
                )
            source.check_columns([sample_weight], what)
            if sample_weight in targets:
                raise ValueError(f"{what} and y{ending} both name the column {sample_weight!r}.")
        if features is None:
            features = [n for n in source.names if n not in (*targets, sample_weight)]
            if not features:
                raise ValueError(f"{source} has no column beside {targets}: there is no feature.")
        return cls(list(features), targets, sample_weight, 1 if isinstance(y, str) else 2)

    @property
    def names(self) -> list[str]:
        """All columns."""
        return [*self.features, *self.targets, *([] if self.weight is None else [self.weight])]

    def X(self, rows: Any) -> pd.DataFrame:
        """Return the features of rows of Arrow, as a data frame."""
        return to_pandas(rows.select(self.features))

    def y(self, rows: Any) -> pd.DataFrame | pd.Series:
        """Return their labels, as a data frame or as a column."""
        frame = to_pandas(rows.select(self.targets))
        return frame if self.ndim == 2 else frame.iloc[:, 0]

    def sample_weight(self, rows: Any) -> np.ndarray | None:
        """Return their weights, if there are any."""
        if self.weight is None:
            return None
        column = to_pandas(rows.select([self.weight])).iloc[:, 0]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            raise TypeError(
                f"sample_weight names the column {self.weight!r}, which is of dtype "
                f"{column.dtype}: it must hold numbers, 0 or more."
            )
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
