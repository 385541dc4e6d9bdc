"""The kinds of task whose labels are classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, softmax
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.preprocessing import label_binarize
from torch import Tensor
from torch.nn import functional as F

from .constant import constant
from .task import Task, log_mean


def mean_one_vs_rest_auc(
    y_true: np.ndarray, y_score: np.ndarray, *, labels: np.ndarray, sample_weight: Any = None
) -> float:
    """Compute the mean ROC AUC of the classes that y_true holds, each against the rest."""
    # Scikit-learn's is undefined if but one class, perhaps a rare one, is absent.
    present = np.isin(labels, y_true)
    indicators = label_binarize(y_true, classes=labels)[:, present]
    return roc_auc_score(indicators, y_score[:, present], sample_weight=sample_weight)


_ONE_VS_REST_AUC = make_scorer(mean_one_vs_rest_auc, response_method="predict_proba")


def accuracy(labels: Any, predictions: Any, weights: Any = None) -> float:
    """Compute the accuracy of labels of any type: scikit-learn's takes fractions for numbers."""
    return float(np.average(np.asarray(labels) == np.asarray(predictions), weights=weights))


class ClassTask(Task):
    """A task whose labels are classes.

    Attributes
    ----------
    order : slice or ndarray of int of shape (n_classes,), default=slice(None)
        Which of the sorted classes come first in tables of probabilities; by default as sorted.
    """

    words = "classes"
    has_classes = True
    order: Any = slice(None)

    @property
    def metric(self) -> Any:
        """ROC AUC; of more than two classes the mean of each against the rest."""
        return "roc_auc" if len(self.classes) <= 2 else _ONE_VS_REST_AUC

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes: those declared, else those observed."""
        self.classes = np.unique(labels if classes is None else classes)
        if len(self.classes) < 2:
            raise ValueError(
                f"Target {self.name!r} has 1 class only, {self.classes.tolist()[0]!r}: there is "
                f"nothing to learn. Pass task_types={{{self.name!r}: 'ignore'}} to leave it out, "
                "or declare more classes by a categorical column."
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
        return accuracy(labels, predictions, weights)

    @abstractmethod
    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities of shape (n_rows, n_classes)."""

    @abstractmethod
    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into scikit-learn's scores: (n_rows,) if binary, else per class."""

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Turn outputs into what `predict_proba` returns, by operations of torch."""
        raise NotImplementedError(f"{type(self).__name__} has no traced_predict_proba.")


class Binary(ClassTask):
    """Two classes: one logit, binary cross-entropy."""

    kind = "binary"
    words = "two classes"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the two classes."""
        super().fit(labels, weights, classes)
        if len(self.classes) > 2:
            raise ValueError(
                f"Target {self.name!r} is binary but has {len(self.classes)} classes, "
                f"{self.classes.tolist()[:5]} and so on: set task_types to 'multiclass' for it."
            )
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the binary cross-entropy of logits."""
        return F.binary_cross_entropy_with_logits(outputs[..., 0], targets, reduction="none")

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logit of the mean probability."""
        odds = [log_mean(F.logsigmoid(sign * outputs), weights) for sign in (1, -1)]
        return odds[0] - odds[1]

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Choose the second class where its logit is positive."""
        return self.classes[(outputs[:, 0] > 0).astype(int)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of both classes."""
        return np.column_stack([expit(-outputs[:, 0]), expit(outputs[:, 0])])

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Return the logit of the second class."""
        return outputs[:, 0]

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Choose the second class where its logit is positive."""
        return (outputs[:, 0] > 0).long()

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Turn logits into the probabilities of both classes."""
        return torch.cat([-outputs, outputs], dim=1).sigmoid()


class Multiclass(ClassTask):
    """Two classes or more: a logit each, cross-entropy."""

    kind = "multiclass"
    words = "several classes"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes."""
        super().fit(labels, weights, classes)
        self.n_outputs = len(self.classes)
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the cross-entropy of logits."""
        log_probabilities = outputs.log_softmax(dim=-1)
        return -log_probabilities.gather(-1, targets.long().unsqueeze(-1)).squeeze(-1)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logs of the mean probabilities, which are logits."""
        return log_mean(outputs.log_softmax(dim=-1), weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Choose the class with the greatest logit."""
        return self.classes[outputs.argmax(axis=1)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of the classes."""
        return softmax(outputs, axis=1)

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Return the logits; their difference where there are two classes."""
        return outputs[:, 1] - outputs[:, 0] if self.n_outputs == 2 else outputs

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Choose the class with the greatest logit."""
        return outputs.argmax(dim=1)

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Turn logits into the probabilities of the classes."""
        return outputs.softmax(dim=1)


class Ordinal(Multiclass):
    """Classes in an order: a logit each, cross-entropy of whether the label is above each class.

    With K classes these are K - 1 binary questions, as in Niu et al. (CVPR 2016) and CORAL (Cao,
    Mirjalili and Raschka 2020), and a class further off answers more of them wrongly. Their
    answers never contradict each other, since all are sums of one softmax. The loss is the mean of
    their cross-entropies: with two classes the cross-entropy.

    Attributes
    ----------
    order : ndarray of int of shape (n_classes,)
        Positions of the classes, which are sorted as scikit-learn wants them, from the least up.
    """

    kind = "ordinal"
    words = "classes in an order"

    @property
    def group(self) -> tuple:
        """What tasks must have in common for their losses to be computed together."""
        return (*super().group, *self.order)

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes and their order: that in which they are declared, else of numbers."""
        if classes is None and labels.dtype == object:
            raise ValueError(
                f"Target {self.name!r} is of kind 'ordinal' but holds strings, {labels[0]!r} for "
                "one, without an order: make its column an ordered categorical, or take numbers."
            )
        super().fit(labels, weights, classes)
        ascending = self.classes if classes is None else pd.Index(classes).unique()
        self.order = pd.Index(self.classes).get_indexer(ascending)
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean of the binary cross-entropies."""
        where = torch.int64, outputs.device
        order = constant(tuple(self.order.tolist()), *where)
        ranks = constant(tuple(np.argsort(self.order).tolist()), *where)
        logs = outputs.log_softmax(dim=-1).index_select(-1, order)
        not_above = logs.logcumsumexp(dim=-1)[..., :-1]
        above = logs.flip(-1).logcumsumexp(dim=-1).flip(-1)[..., 1:]
        below_last = torch.arange(len(ranks) - 1, device=outputs.device)
        is_above = ranks[targets.long()].unsqueeze(-1) > below_last
        return -torch.where(is_above, above, not_above).mean(dim=-1)
