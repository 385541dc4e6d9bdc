"""How many labels of each class there are, and how much the labels weigh."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..encoding import Table, TableEncoder, balanced_by


class Tally:
    """Counts labels, some rows of a table at a time.

    Parameters
    ----------
    encoder : TableEncoder
        It knows the tasks.
    """

    def __init__(self, encoder: TableEncoder):
        self.encoder = encoder
        sizes = [len(task.classes) if task.has_classes else 1 for task in encoder.tasks]
        self.counts = [np.zeros(size, dtype=np.int64) for size in sizes]
        self.weights = [np.zeros(size) for size in sizes]
        self.n_trained_on = 0

    def add(self, table: Table, trained_on: np.ndarray) -> None:
        """Count the labels of rows, of which some are trained on."""
        targets, weights, _ = self.encoder.encode_labels(table)
        self.n_trained_on += int(trained_on.sum())
        for k, task in enumerate(self.encoder.tasks):
            codes = targets[:, k] if task.has_classes else np.zeros(len(targets))
            codes, there = codes.astype(np.int64), weights[:, k] > 0
            read = there & trained_on
            size = len(self.counts[k])
            self.counts[k] += np.bincount(codes[there], minlength=size)
            self.weights[k] += np.bincount(codes[read], weights[read, k], minlength=size)

    def balanced(self, class_weight: Any) -> dict[str, Any] | None:
        """Replace "balanced" by the weights that follow from the counts."""
        return balanced_by(self.counts, self.encoder.tasks, class_weight)

    def mean_weights(self, class_weight: dict[str, Any] | None) -> np.ndarray:
        """Compute what a row that is trained on weighs on average, for each task."""
        sums = []
        for task, own in zip(self.encoder.tasks, self.weights, strict=True):
            by_class = (class_weight or {}).get(task.name)
            if by_class is not None:
                own = own * [by_class.get(label, 1.0) for label in task.classes.tolist()]
            sums.append(own.sum())
        means = np.array(sums) / max(self.n_trained_on, 1)
        return np.where(means > 0, means, 1.0)
