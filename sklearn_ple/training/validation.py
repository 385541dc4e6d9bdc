"""The rows that are set aside from training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..encoding import Labels, TargetEncoder
from .data import TableRows


@dataclass(frozen=True)
class Validation:
    """Rows that a network is validated on.

    Attributes
    ----------
    rows : TableRows
        The rows, encoded.
    labels : sequence of Labels
        Their labels as they came, to score predictions by.
    weights : ndarray of shape (n_rows, n_tasks)
        The labels' sample weights.
    targets : TargetEncoder
        The tasks.
    """

    rows: TableRows
    labels: Sequence[Labels]
    weights: np.ndarray
    targets: TargetEncoder

    def score(self, outputs: np.ndarray) -> list[float]:
        """Score the network's outputs, of shape (n_rows, sum of n_outputs), task by task."""
        parts = self.targets.split_outputs(outputs)
        return self.targets.score(parts, self.labels, self.weights)
