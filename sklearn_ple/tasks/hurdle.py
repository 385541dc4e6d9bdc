"""Numbers with many zeros, such as amounts spent: whether it is zero, and else how much."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from scipy.special import log_expit
from sklearn.metrics import d2_tweedie_score, make_scorer
from torch import Tensor
from torch.nn import functional as F

from .numbers import Amount
from .task import log_mean


class Hurdle(Amount):
    """A number with many zeros: the logit of "not zero", and the log of the mean of the others.

    The loss is the cross-entropy of the first output and, for labels that are not zero, half the
    gamma deviance of the second. The prediction is their product, the expected number. Each output
    is its own function of the features, after J. G. Cragg's hurdles (Econometrica 1971).
    """

    kind = "hurdle"
    words = "a number with many zeros"
    metric = make_scorer(d2_tweedie_score, power=1.5)

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
        # Where the label is zero there is no amount: any number keeps the gradient finite.
        log_ratio = torch.where(positive, targets, 1.0).log() - log_amount
        return crosses + torch.where(positive, log_ratio.exp() - log_ratio - 1, 0.0)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logit of the mean probability, and the log of what makes the mean number."""
        logit, log_amount = outputs.split(1, dim=-1)
        yes, no = (log_mean(F.logsigmoid(sign * logit), weights) for sign in (1, -1))
        expected = log_mean(F.logsigmoid(logit) + log_amount, weights)
        return torch.cat([yes - no, expected - yes], dim=-1)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of "not zero" times the mean of what is not."""
        return np.exp(log_expit(outputs[:, 0]) + outputs[:, 1]) * self.mean

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the same product."""
        return (F.logsigmoid(outputs[:, 0]) + outputs[:, 1]).exp() * self.mean

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return a power of the mean, 1.5: between a count's and an amount's without zeros."""
        return (means / self.mean) ** 1.5
