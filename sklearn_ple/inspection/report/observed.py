"""The labels and predictions of a task in a report."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...metrics import expected_calibration_error
from ...metrics.views import ScoredTask, to_plain_array
from ..style import PALETTE

#: Number of groups of rows in which probabilities are compared with the labels.
N_BINS = 10


class Curve(NamedTuple):
    """What the curve of a class is drawn from: its name, its rows, and its probabilities."""

    name: str
    happened: np.ndarray
    proba: np.ndarray


@dataclass(frozen=True)
class Observed:
    """The labels of a task, and the predictions for the rows with a label.

    Attributes
    ----------
    scored : ScoredTask
        The task.
    labels : ndarray of shape (n_labels,)
        The labels.
    predicted : ndarray of shape (n_labels,)
        The predicted labels.
    proba : ndarray of shape (n_labels, n_classes) or None
        The probabilities of the classes; None if labels are numbers.
    """

    scored: ScoredTask
    labels: np.ndarray
    predicted: np.ndarray
    proba: np.ndarray | None

    @classmethod
    def of(cls, scored: ScoredTask) -> "Observed":
        """Predict the rows of a task that have a label."""
        rows = np.flatnonzero(scored.labels.notna())
        labels = to_plain_array(scored.labels.iloc[rows])
        if scored.classes is None:
            # Bools may be numbers, too.
            labels = labels.astype(np.float64)
        proba = None if scored.classes is None else scored.view.predict_proba(rows)
        return cls(scored, labels, scored.view.predict(rows), proba)

    @property
    def kind(self) -> str:
        """What the labels are: "classes", "times", some of which may be censored, or "numbers"."""
        if self.proba is not None:
            return "classes"
        return "times" if self.scored.task.censored else "numbers"

    @property
    def is_logarithmic(self) -> bool:
        """Whether numbers are shown on logarithmic axes: all are positive, as the task says."""
        numbers = np.concatenate([self.labels, self.predicted])
        return self.scored.task.log_scale and bool((numbers > 0).all())

    def list_curves(self) -> list[Curve]:
        """Return what the curve of each class that has one is drawn from.

        With two classes, only the second one has a curve. With more, each class has a curve
        against the rest. The most frequent class comes first.
        """
        if self.proba is None or self.scored.classes is None:
            return []
        found = [
            Curve(f"class {label}", self.labels == label, proba)
            for label, proba in zip(self.scored.classes, self.proba.T, strict=True)
        ]
        found = found[1:] if len(found) == 2 else found
        return sorted(found, key=lambda curve: -curve.happened.sum())[: len(PALETTE)]

    def compute_class_shares(self) -> pd.Series:
        """Return the share of each class among the labels, the greatest first."""
        return pd.Series(self.labels).value_counts(normalize=True)

    def compute_calibration_error(self) -> float | None:
        """Compute the expected calibration error of known classes; None if no label is known."""
        assert self.proba is not None
        assert self.scored.classes is not None
        known = np.isin(self.labels, self.scored.classes)
        if not known.any():
            return None
        return expected_calibration_error(
            self.labels[known],
            self.proba[known],
            N_BINS,
            strategy="quantile",
            labels=self.scored.classes,
        )
