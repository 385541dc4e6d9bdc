"""Weights of the labels of each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tables.table import Table
from .class_weights import balanced_by
from .encoder import TableEncoder


class Tally:
    """Sums the weights of the labels of each class, of all rows and of the training rows.

    Parameters
    ----------
    encoder : TableEncoder
        The encoder with the fitted tasks.
    """

    def __init__(self, encoder: TableEncoder):
        self.encoder = encoder
        sizes = [len(task.classes) if task.has_classes else 1 for task in encoder.tasks]
        self.totals = [np.zeros(size) for size in sizes]
        self.weights = [np.zeros(size) for size in sizes]

    def add(self, table: Table, weights: np.ndarray) -> None:
        """Add rows, each of which represents rows with a total weight."""
        for k, codes, rows, _ in self._coded(table):
            own = np.bincount(codes, weights[rows], len(self.totals[k]))
            self.totals[k] += own
            self.weights[k] += own

    def leave_out(self, table: Table) -> None:
        """Subtract validation rows from the weights of the training rows."""
        for k, codes, _, weights in self._coded(table):
            left = self.weights[k] - np.bincount(codes, weights, len(self.totals[k]))
            # A tiny remainder is due to rounding.
            self.weights[k] = np.where(left > 1e-9 * self.weights[k], left, 0.0)

    def _coded(self, table: Table) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Return, for each task, its position and the codes, rows and weights of its labels."""
        targets, weights, _ = self.encoder.encode_labels(table)
        coded = []
        for k, task in enumerate(self.encoder.tasks):
            rows = np.flatnonzero(weights[:, k])
            codes = targets[rows, k] if task.has_classes else np.zeros(len(rows))
            coded.append((k, codes.astype(np.int64), rows, weights[rows, k]))
        return coded

    def balanced(self, class_weight: Any) -> dict[str, Any] | None:
        """Replace "balanced" by the class weights that follow from the totals of all rows."""
        return balanced_by(self.totals, self.encoder.tasks, class_weight)

    def mean_weights(self, class_weight: dict[str, Any] | None, n_rows: int) -> np.ndarray:
        """Compute the mean weight of the given number of training rows for each task."""
        sums = []
        for task, own in zip(self.encoder.tasks, self.weights, strict=True):
            by_class = (class_weight or {}).get(task.name)
            if by_class is not None:
                own = own * [by_class.get(label, 1.0) for label in task.classes.tolist()]
            sums.append(own.sum())
        return np.array(sums) / max(n_rows, 1)
