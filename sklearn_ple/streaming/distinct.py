"""The distinct labels of a table that passes by, with how many there are of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..encoding import Labels, Table, dependent_pairs

# Distinct labels that are listed; a column of more holds numbers.
_MOST_DISTINCT = 2**16


class LabelCounts:
    """How many labels of each value there are, and how much they weigh, as blocks pass by.

    Parameters
    ----------
    none : ndarray of shape (0,)
        No label, of the labels' type.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        The distinct labels, as they first appear; the first one alone if they are too many.
    sums : ndarray of shape (2, n_values)
        Of each value the number of labels and the sum of their weights.
    too_many : bool
        Whether there are too many values to be classes: then the first one stands for all.
    """

    def __init__(self, none: np.ndarray):
        self.values = none
        self.sums = np.zeros((2, 0))
        self.too_many = False

    def add(self, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Count more labels, with their weights; return the place of each one's value."""
        if not len(labels):
            return np.empty(0, dtype=np.int64)
        if self.too_many:
            self.sums += [[len(labels)], [weights.sum()]]
            return np.zeros(len(labels), dtype=np.int64)
        places, new = pd.factorize(labels)
        sums = np.stack([np.bincount(places), np.bincount(places, weights)])
        # Values that were there keep their places.
        merged, values = pd.factorize(np.concatenate([self.values, new]))
        both = np.hstack([self.sums, sums])
        self.sums = np.stack([np.bincount(merged, row, len(values)) for row in both])
        n_before, self.values = len(self.values), values
        if len(values) > _MOST_DISTINCT:
            self.too_many, self.values = True, values[:1]
            self.sums = self.sums.sum(axis=1, keepdims=True)
            return np.zeros(len(labels), dtype=np.int64)
        return merged[n_before:][places]


class DistinctLabels:
    """The distinct labels of each column; those of tasks that depend on each other row by row.

    Parameters
    ----------
    depends_on : dict, "previous" or None
        As in the estimators.

    Attributes
    ----------
    columns : list of LabelCounts
        Those of each column; none before there was a block.
    """

    def __init__(self, depends_on: Any):
        self.depends_on = depends_on
        self.columns: list[LabelCounts] = []
        self._dependent: list[int] = []
        # Of each row two bits for each column of an event: none, or the place of its label from 1.
        self._rows = LabelCounts(np.empty(0, dtype=np.int64))

    def add(self, labels: Sequence[Labels], weights: np.ndarray) -> None:
        """Count the labels of more rows, those that have a weight."""
        if not self.columns:
            self.columns = [LabelCounts(column.observed[:0]) for column in labels]
            pairs = dependent_pairs(self.depends_on, [column.name for column in labels])
            self._dependent = sorted({position for pair in pairs for position in pair})
        numbers = np.zeros(len(weights), dtype=np.int64)
        for k, (column, counts) in enumerate(zip(labels, self.columns, strict=True)):
            own = column.drop(weights[:, k] == 0)
            places = counts.add(own.observed, weights[own.mask, k])
            if k in self._dependent:
                # Of more than two values, which no event has, none is asked for.
                bits = np.minimum(places, 2) + 1 << 2 * self._dependent.index(k)
                numbers[own.mask] += bits
        rows = numbers > 0
        self._rows.add(numbers[rows], weights[rows].max(axis=1))

    def table(self, sample: Table) -> tuple[Table, np.ndarray, np.ndarray]:
        """Return what stands for the labels of all rows.

        Parameters
        ----------
        sample : Table
            Some of the rows.

        Returns
        -------
        table : Table
            Rows of the distinct labels: column by column, but those of events side by side.
        counts : ndarray of shape (n_rows,)
            How many labels each row stands for.
        weights : ndarray of shape (n_rows,)
            The sum of their weights.
        """
        apart = [k for k in range(len(self.columns)) if k not in self._dependent]
        parts = [self.columns[k] for k in apart] + [self._rows]
        counts, weights = np.hstack([part.sums for part in parts])
        ends = np.cumsum([len(part.values) for part in parts])
        labels = []
        for k, column in enumerate(sample.labels):
            values, mask = self.columns[k].values, np.zeros(len(counts), dtype=bool)
            if k in self._dependent:
                places = self._rows.values >> 2 * self._dependent.index(k) & 3
                mask[len(mask) - len(places) :] = places > 0
                values = values[np.minimum(places[places > 0], len(values)) - 1]
            else:
                end = ends[apart.index(k)]
                mask[end - len(values) : end] = True
            labels.append(replace(column, observed=values, mask=mask))
        there = np.column_stack([column.mask for column in labels]).astype(np.float64)
        numbers = np.arange(len(counts))
        return Table(None, labels, there, sample.form, numbers), counts, weights
