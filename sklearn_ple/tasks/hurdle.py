"""Amounts of which many are zero, such as spending: whether it is zero and, if not, how much."""

from typing import Self

import numpy as np
import torch
from scipy.special import log_expit
from sklearn.metrics import make_scorer
from torch import Tensor
from torch.nn import functional as F

from .numbers import Amount, d2_deviance_score
from .task import average_logs


class Hurdle(Amount):
    """An amount that is often zero: the probability of "not zero" times the mean if not zero.

    The first output is the logit of "not zero". The second is the logarithm of the mean of the
    amounts that are not zero, in units of their mean in training. The loss is the cross-entropy of
    the first output and, for labels that are not zero, half the gamma deviance of the second. The
    prediction is the expected amount. The two outputs are separate functions of the features, as
    in a hurdle model [1]_.

    References
    ----------
    .. [1] J. G. Cragg. "Some Statistical Models for Limited Dependent Variables with Application
           to the Demand for Durable Goods". Econometrica 1971.
    """

    kind = "hurdle"
    words = "a number with many zeros"
    metric = make_scorer(d2_deviance_score, power=1.5)

    def __init__(self) -> None:
        super().__init__()
        self.n_outputs = 2

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the mean of the labels that are not zero."""
        self._check(labels)
        self._warn_if_constant(labels)
        positive = labels > 0
        self.mean = self._mean(labels[positive], weights[positive])
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the cross-entropy and, where the label is not zero, half the gamma deviance."""
        logit, log_amount = outputs.unbind(-1)
        positive = targets > 0
        crosses = F.binary_cross_entropy_with_logits(logit, positive.to(logit), reduction="none")
        # Where the label is zero there is no amount: a 1 in its place keeps the gradient finite.
        log_ratio = torch.where(positive, targets, 1.0).log() - log_amount
        return crosses + torch.where(positive, log_ratio.exp() - log_ratio - 1, 0.0)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the outputs that predict the mean probability and the mean amount."""
        logit, log_amount = outputs.split(1, dim=-1)
        yes, no = (average_logs(F.logsigmoid(sign * logit), weights) for sign in (1, -1))
        expected = average_logs(F.logsigmoid(logit) + log_amount, weights)
        return torch.cat([yes - no, expected - yes], dim=-1)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the expected amount: the probability of "not zero" times the mean if not zero."""
        return self._amount(log_expit(outputs[:, 0]) + outputs[:, 1])

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Compute what `predict` returns with torch operations only."""
        return self._traced_amount(F.logsigmoid(outputs[:, 0]) + outputs[:, 1])

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return the mean to the power of 1.5, between those of a Poisson (1) and a gamma (2)."""
        return (means / self.mean) ** 1.5
