"""The kinds of task: how many outputs, which loss, how outputs become predictions, which score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, r2_score
from torch import Tensor
from torch.nn import functional as F


class Task(ABC):
    """One column of y: its kind is the class, what was learnt from its labels are the attributes.

    Labels come as an array of the observed ones; targets, outputs and losses are those of the
    network. A new kind is one subclass.

    Parameters
    ----------
    name : str
        Name of the column.

    Attributes
    ----------
    classes : ndarray or None
        The sorted class labels; None where labels are numbers.
    n_outputs : int
        Number of outputs the network has for this task.
    """

    kind: ClassVar[str]
    has_classes: ClassVar[bool] = False

    def __init__(self, name: str):
        self.name = name
        self.classes: Any = None
        self.n_outputs = 1

    @abstractmethod
    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn classes or scale from the observed labels and their sample weights."""

    @abstractmethod
    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn observed labels into the network's targets, as floats."""

    @staticmethod
    @abstractmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each target; outputs have one axis more, of ``n_outputs``."""

    @staticmethod
    @abstractmethod
    def average(outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the outputs of the networks' mean prediction.

        The first axis is the networks'; their weights sum to one and have as many axes.
        """

    @abstractmethod
    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs of shape (n_rows, n_outputs) into labels."""

    @abstractmethod
    def score(self, labels: Any, predictions: Any, weights: Any = None) -> float:
        """Compute the default score of predictions; the greater the better."""


class ClassTask(Task):
    """A task whose labels are classes."""

    has_classes = True

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn the classes: those declared, else those observed."""
        self.classes = np.unique(labels if classes is None else classes)
        if len(self.classes) < 2:
            raise ValueError(
                f"Target {self.name!r} has 1 class only, {self.classes[0]!r}: there is nothing to "
                "learn. Leave it out, or declare more classes by a categorical column."
            )
        return self

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels into positions among the classes."""
        positions = pd.Index(self.classes).get_indexer(labels)
        if (unknown := positions < 0).any():
            raise ValueError(
                f"Target {self.name!r} holds the label {labels[unknown].tolist()[0]!r}, which "
                f"is not among its classes {self.classes.tolist()}: declare all classes at the "
                "start, by a categorical column or partial_fit's classes."
            )
        return positions.astype(np.float64)

    def score(self, labels: Any, predictions: Any, weights: Any = None) -> float:
        """Compute the accuracy."""
        return float(accuracy_score(labels, predictions, sample_weight=weights))

    @abstractmethod
    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities of shape (n_rows, n_classes)."""

    @abstractmethod
    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into scikit-learn's scores: (n_rows,) if binary, else per class."""


class Binary(ClassTask):
    """Two classes: one logit, binary cross-entropy."""

    kind = "binary"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn the two classes."""
        super().fit(labels, weights, classes)
        if len(self.classes) > 2:
            raise ValueError(
                f"Target {self.name!r} is binary but has {len(self.classes)} classes, "
                f"{self.classes.tolist()[:5]} and so on: set task_types to 'multiclass' for it."
            )
        return self

    @staticmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the binary cross-entropy of logits."""
        return F.binary_cross_entropy_with_logits(outputs[..., 0], targets, reduction="none")

    @staticmethod
    def average(outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the logit of the mean probability."""
        odds = [_log_mean(F.logsigmoid(sign * outputs), weights) for sign in (1, -1)]
        return odds[0] - odds[1]

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Choose the second class where its logit is positive."""
        return self.classes[(outputs[:, 0] > 0).astype(int)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of both classes."""
        return np.column_stack([expit(-outputs[:, 0]), expit(outputs[:, 0])])

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Give the logit of the second class."""
        return outputs[:, 0]


class Multiclass(ClassTask):
    """Two classes or more: a logit each, cross-entropy."""

    kind = "multiclass"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn the classes."""
        super().fit(labels, weights, classes)
        self.n_outputs = len(self.classes)
        return self

    @staticmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the cross-entropy of logits."""
        log_probabilities = outputs.log_softmax(dim=-1)
        return -log_probabilities.gather(-1, targets.long().unsqueeze(-1)).squeeze(-1)

    @staticmethod
    def average(outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the logs of the mean probabilities, which are logits."""
        return _log_mean(outputs.log_softmax(dim=-1), weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Choose the class with the greatest logit."""
        return self.classes[outputs.argmax(axis=1)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of the classes."""
        return softmax(outputs, axis=1)

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Give the logits; their difference where there are two classes."""
        return outputs[:, 1] - outputs[:, 0] if self.n_outputs == 2 else outputs


class NumberTask(Task):
    """A task whose labels are numbers."""

    def score(self, labels: Any, predictions: Any, weights: Any = None) -> float:
        """Compute R², which takes two labels at least."""
        if len(labels) < 2:
            return float("nan")
        return float(r2_score(labels, predictions, sample_weight=weights))


class Regression(NumberTask):
    """Any number: squared error of the label standardised by the (weighted) mean and deviation."""

    kind = "regression"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn mean and standard deviation."""
        self.mean = float(np.average(labels, weights=weights))
        deviation = float(np.sqrt(np.average((labels - self.mean) ** 2, weights=weights)))
        # A constant label leaves no more than the rounding error of its mean.
        self.scale = deviation if deviation > 1e-12 * max(1.0, abs(self.mean)) else 1.0
        return self

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Standardise."""
        return (labels - self.mean) / self.scale

    @staticmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the squared error."""
        return (outputs[..., 0] - targets) ** 2

    @staticmethod
    def average(outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the mean."""
        return (weights * outputs).sum(dim=0)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Give the label's own units back."""
        return outputs[:, 0] * self.scale + self.mean


class Count(NumberTask):
    """A number that is not negative: Poisson, the output is the log of the rate over the mean."""

    kind = "count"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn the mean."""
        self._check(labels)
        self.mean = float(np.average(labels, weights=weights)) or 1.0
        return self

    def _check(self, labels: np.ndarray) -> None:
        if labels.min(initial=0.0) < 0:
            raise ValueError(
                f"Target {self.name!r} is a count but holds {labels.min():g}: counts are not "
                "negative. Set task_types to 'regression' for it."
            )

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Divide by the mean."""
        self._check(labels)
        return labels / self.mean

    @staticmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute half the Poisson deviance: zero for a perfect rate."""
        log_rate = outputs[..., 0]
        return log_rate.exp() - targets * log_rate + targets.xlogy(targets) - targets

    @staticmethod
    def average(outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the log of the mean rate."""
        return _log_mean(outputs, weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Give the rate."""
        return np.exp(outputs[:, 0]) * self.mean


def _log_mean(logs: Tensor, weights: Tensor) -> Tensor:
    """Average along the first axis what is given by its logs."""
    return (logs + weights.log()).logsumexp(dim=0)


#: The kinds by the names that ``task_types`` takes.
TASK_KINDS: dict[str, type[Task]] = {
    cls.kind: cls for cls in (Binary, Multiclass, Regression, Count)
}


def by_task(value: Any, names: Sequence[str], parameter: str, default: Any) -> dict[str, Any]:
    """Spread a parameter over the tasks: one value for all, a list in order, or a dict by name."""
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - set(names), key=str):
            raise ValueError(f"{parameter} names {unknown}, but the tasks are {list(names)}.")
        return {name: value.get(name, default) for name in names}
    if value is None:
        return dict.fromkeys(names, default)
    if hasattr(value, "__len__") and not isinstance(value, str):
        if len(value) != len(names):
            raise ValueError(
                f"{parameter} has {len(value)} entries, but there are {len(names)} tasks: "
                f"{list(names)}."
            )
        return dict(zip(names, value, strict=True))
    return dict.fromkeys(names, value)
