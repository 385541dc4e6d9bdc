"""Weights of the distinct labels of a table that is read block by block."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..labels import Labels, join_labels
from ..table import Table

# Largest number of distinct labels that are listed; a column with more is regarded as numbers.
_MOST_DISTINCT = 2**16


class LabelTotals:
    """Total weight of the labels of each value, updated block by block.

    Parameters
    ----------
    none : ndarray of shape (0,)
        An empty array with the dtype of the labels.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        The distinct labels, in the order of their first occurrence. If there are too many, only
        the first one, which then represents all.
    weights : ndarray of shape (n_values,)
        The sum of the weights of the labels of each value.
    too_many : bool
        Whether there are too many values to be classes.
    """

    def __init__(self, none: np.ndarray):
        self.values = none
        self.weights: np.ndarray = np.zeros(0)
        self.too_many = False

    def add(self, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Add labels with their weights, and return the position of each label's value."""
        if self.too_many:
            self.weights += weights.sum()
            return np.zeros(len(labels), dtype=np.int64)
        places, new = pd.factorize(labels)
        both = np.append(self.weights, np.bincount(places, weights))
        # Values that exist already keep their positions.
        merged, values = pd.factorize(join_labels([self.values, new]))
        self.weights = np.bincount(merged, both, len(values))
        n_before, self.values = len(self.values), values
        if len(values) > _MOST_DISTINCT:
            self.too_many, self.values = True, values[:1]
            self.weights = self.weights.sum(keepdims=True)
            return np.zeros(len(labels), dtype=np.int64)
        return merged[n_before:][places]


class DistinctLabels:
    """Distinct labels of each column; for tasks that depend on each other, distinct rows.

    Parameters
    ----------
    pairs : list of tuple of int
        Positions of tasks that depend on each other, see `pair_dependent_tasks`.

    Attributes
    ----------
    columns : list of LabelTotals
        The labels of each column; empty before the first block.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]]):
        self.columns: list[LabelTotals] = []
        self._dependent = sorted({position for pair in pairs for position in pair})
        # For each distinct row, the number of the label of each event, from 1, or 0 without one.
        none = np.zeros((0, len(self._dependent)), dtype=np.int8)
        self._rows = pd.DataFrame(none, columns=self._dependent).assign(weight=np.zeros(0))

    def add(self, labels: Sequence[Labels], weights: np.ndarray) -> None:
        """Add the labels of a block, except those without a weight."""
        if not self.columns:
            self.columns = [LabelTotals(column.observed[:0]) for column in labels]
        numbers = np.zeros(weights.shape, dtype=np.int8)
        for k, (column, totals) in enumerate(zip(labels, self.columns, strict=True)):
            weighed = column.drop(weights[:, k] == 0)
            places = totals.add(weighed.observed, weights[weighed.mask, k])
            # Events have two values; others are rejected later.
            numbers[weighed.mask, k] = np.minimum(places, 2) + 1
        if self._dependent:
            rows = pd.DataFrame(numbers[:, self._dependent], columns=self._dependent)
            rows = rows.assign(weight=weights.max(axis=1))[rows.any(axis=1)]
            both = pd.concat([self._rows, rows])
            self._rows = both.groupby(self._dependent, sort=False, as_index=False).sum()

    def table(self, sample: Table) -> tuple[Table, np.ndarray]:
        """Return a small table whose rows represent the labels of all rows.

        Parameters
        ----------
        sample : Table
            A sample of the rows.

        Returns
        -------
        table : Table
            A row for each distinct label of a column, with all other columns missing; for tasks
            that depend on each other, a row for each distinct combination of their labels.
        weights : ndarray of shape (n_rows,)
            Sum of the weights of the rows that each row of the table represents.
        """
        apart = [k for k in range(len(self.columns)) if k not in self._dependent]
        totals = [self.columns[k].weights for k in apart]
        weights = np.concatenate([*totals, self._rows["weight"]])
        ends = np.cumsum([len(column_weights) for column_weights in totals])
        labels = []
        for k, column in enumerate(sample.labels):
            values, mask = self.columns[k].values, np.zeros(len(weights), dtype=bool)
            if k in self._dependent:
                places = self._rows[k].to_numpy(dtype=np.int64)
                mask[len(mask) - len(places) :] = places > 0
                values = values[np.minimum(places[places > 0], len(values)) - 1]
            else:
                end = ends[apart.index(k)]
                mask[end - len(values) : end] = True
            labels.append(replace(column, observed=values, mask=mask))
        there = np.column_stack([column.mask for column in labels]).astype(np.float64)
        numbers = np.arange(len(weights))
        return Table(None, labels, there, sample.form, numbers), weights
