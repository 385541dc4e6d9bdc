"""The kinds of task whose labels are classes."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from pandas.api import types
from scipy.special import expit, softmax
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import make_scorer, roc_auc_score
from torch import Tensor
from torch.nn import functional as F

from ..utils.warn import warn
from .constant import constant
from .task import Task, average_logs


def mean_one_vs_rest_auc(
    y_true: np.ndarray,
    y_score: np.ndarray,
    *,
    labels: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> float:
    """Compute the mean one-vs-rest ROC AUC of the classes that occur in y_true."""
    # scikit-learn's is undefined as soon as one class, perhaps a rare one, is absent.
    indicators = y_true[:, np.newaxis] == labels
    present = indicators.any(axis=0)
    if not present.any():
        warn(
            f"none of the labels, such as {y_true.tolist()[0]!r}, is among the task's classes "
            f"{labels.tolist()[:20]}: pass labels of these values and of their type.",
            UndefinedMetricWarning,
        )
        return np.nan
    if y_score.ndim == 1:
        # Of two classes, scorers pass the second one only.
        y_score = np.column_stack([-y_score, y_score])
    indicators = indicators[:, present].astype(int)
    return roc_auc_score(indicators, y_score[:, present], sample_weight=sample_weight)


#: The metric of more than two classes, and of two if there are labels of other classes.
ONE_VS_REST_AUC = make_scorer(mean_one_vs_rest_auc, response_method="predict_proba")


def accuracy(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Compute the accuracy of labels of any type; scikit-learn's rejects floats with fractions."""
    return float(np.average(np.asarray(labels) == np.asarray(predictions), weights=weights))


def _without_bools(labels: np.ndarray) -> np.ndarray:
    """Turn bools into 0 and 1, because pandas finds no bool among numbers."""
    return labels.astype(int) if types.infer_dtype(labels) == "boolean" else labels


class ClassTask(Task):
    """A task whose labels are classes."""

    words = "classes"
    has_classes = True

    @property
    def metric(self) -> Any:
        """ROC AUC; with more than two classes, the mean of the one-vs-rest ROC AUCs."""
        return "roc_auc" if len(self.classes) <= 2 else ONE_VS_REST_AUC

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes: the declared ones or, without any, the observed ones."""
        self.classes = np.unique(labels if classes is None else classes)
        if len(self.classes) < 2:
            raise ValueError(
                f"Target {self.name!r} has 1 class only, {self.classes.tolist()[0]!r}: there is "
                f"nothing to learn. Pass task_types={{{self.name!r}: 'ignore'}} to leave it out, "
                "or declare more classes, with a categorical column or with the classes of "
                f"partial_fit.{self._describe_remedy(labels)}"
            )
        return self

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels into their positions in ``classes``."""
        # Without a dtype, pandas would look for one among objects, which takes longer.
        own, given = (
            pd.Index(values, dtype=values.dtype)
            for values in (_without_bools(self.classes), _without_bools(labels))
        )
        positions = own.get_indexer(given)
        if (unknown := positions < 0).any():
            raise ValueError(
                f"Target {self.name!r} holds the label {labels[unknown].tolist()[0]!r}, which "
                f"is not among its classes {self.classes.tolist()}: declare all classes at the "
                "start, with a categorical column or with the classes of partial_fit."
                f"{self._describe_remedy(labels)}"
            )
        return positions.astype(np.float64)

    def _describe_remedy(self, labels: np.ndarray) -> str:
        """Return a remedy for numbers that may be no classes."""
        kinds = f"task_types={{{self.name!r}: 'regression'}}"
        return f" If it is a quantity, set {kinds}." if labels.dtype.kind in "iuf" else ""

    def score(
        self, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Compute the accuracy."""
        return accuracy(labels, predictions, weights)

    @abstractmethod
    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities of shape (n_rows, n_classes)."""

    @abstractmethod
    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into scores, of shape (n_rows,) if binary, else (n_rows, n_classes)."""

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Compute what `predict_proba` returns with torch operations only, for ONNX."""
        raise NotImplementedError(f"{type(self).__name__} has no traced_predict_proba.")


class Binary(ClassTask):
    """Two classes: one logit, trained with binary cross-entropy."""

    kind = "binary"
    words = "two classes"

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the two classes."""
        super().fit(labels, weights, classes)
        if len(self.classes) > 2:
            raise ValueError(
                f"Target {self.name!r} is binary but has {len(self.classes)} classes, such as "
                f"{self.classes.tolist()[:5]}: set task_types to 'multiclass' for it."
            )
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the binary cross-entropy of logits."""
        return F.binary_cross_entropy_with_logits(outputs[..., 0], targets, reduction="none")

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logit of the mean probability."""
        odds = [average_logs(F.logsigmoid(sign * outputs), weights) for sign in (1, -1)]
        return odds[0] - odds[1]

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the second class where its logit is positive, else the first."""
        return self.classes[(outputs[:, 0] > 0).astype(int)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of both classes."""
        return np.column_stack([expit(-outputs[:, 0]), expit(outputs[:, 0])])

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Return the logit of the second class."""
        return outputs[:, 0]

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return 1, the second class, where its logit is positive, else 0."""
        return (outputs[:, 0] > 0).long()

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Turn logits into the probabilities of both classes."""
        return torch.cat([-outputs, outputs], dim=1).sigmoid()


class Multiclass(ClassTask):
    """Two or more classes: one logit for each, trained with cross-entropy."""

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
        """Return the logarithms of the mean probabilities, which are valid logits."""
        return average_logs(outputs.log_softmax(dim=-1), weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the class with the greatest logit."""
        return self.classes[outputs.argmax(axis=1)]

    def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
        """Turn logits into the probabilities of the classes."""
        return softmax(outputs, axis=1)

    def decision_function(self, outputs: np.ndarray) -> np.ndarray:
        """Return the logits or, with two classes, the second minus the first."""
        return outputs[:, 1] - outputs[:, 0] if self.n_outputs == 2 else outputs

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the position of the class with the greatest logit."""
        return outputs.argmax(dim=1)

    def traced_predict_proba(self, outputs: Tensor) -> Tensor:
        """Turn logits into the probabilities of the classes."""
        return outputs.softmax(dim=1)


class Ordinal(Multiclass):
    """Classes with an order: one logit for each, trained on "is the label above this class?".

    With K classes there are K - 1 such questions, as in Niu et al. [1]_ and in CORAL [2]_. The
    further a predicted class is from the label, the more of them are answered wrongly. The answers
    never contradict each other, because all are sums of one softmax. The loss is the mean of their
    binary cross-entropies. With two classes it is the ordinary cross-entropy.

    Attributes
    ----------
    order : ndarray of int of shape (n_classes,)
        Positions of the classes in ``classes``, which are sorted as scikit-learn expects, from the
        lowest class to the highest.

    References
    ----------
    .. [1] Z. Niu, M. Zhou, L. Wang, X. Gao, G. Hua. "Ordinal Regression with Multiple Output CNN
           for Age Estimation". CVPR 2016.
    .. [2] W. Cao, V. Mirjalili, S. Raschka. "Rank Consistent Ordinal Regression for Neural
           Networks with Application to Age Estimation". Pattern Recognition Letters 2020.
    """

    kind = "ordinal"
    words = "classes in an order"
    order: np.ndarray

    @property
    def group(self) -> tuple:
        """Values that tasks must share for their losses to be computed together."""
        return (*super().group, *self.order)

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes and their order: as declared or, for numbers, ascending."""
        if classes is None and labels.dtype == object:
            raise ValueError(
                f"Target {self.name!r} is of kind 'ordinal' but holds strings, {labels[0]!r} for "
                "example, which have no order: make its column an ordered categorical (with "
                "polars, an Enum), or use numbers."
            )
        super().fit(labels, weights, classes)
        ascending = self.classes if classes is None else pd.Index(classes).unique()
        self.order = pd.Index(self.classes).get_indexer(ascending)
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean of the K - 1 binary cross-entropies."""
        where = torch.int64, outputs.device
        order = constant(tuple(self.order.tolist()), *where)
        ranks = constant(tuple(np.argsort(self.order).tolist()), *where)
        logs = outputs.log_softmax(dim=-1).index_select(-1, order)
        not_above = logs.logcumsumexp(dim=-1)[..., :-1]
        above = logs.flip(-1).logcumsumexp(dim=-1).flip(-1)[..., 1:]
        below_last = torch.arange(len(ranks) - 1, device=outputs.device)
        is_above = ranks[targets.long()].unsqueeze(-1) > below_last
        return -torch.where(is_above, above, not_above).mean(dim=-1)
