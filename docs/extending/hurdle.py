"""A hurdle: numbers with many zeros, such as amounts spent. Is it zero? If not, how much is it?"""

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_ple.tasks import NumberTask, log_mean


class Hurdle(NumberTask):
    """Two outputs: the logit of "not zero", and the log of the mean of what is not.

    The loss is the cross-entropy of the one and half the gamma deviance of the other; what is
    predicted is the product of both, the expected number.
    """

    kind = "hurdle"
    words = "a number with many zeros"

    def __init__(self):
        super().__init__()
        self.n_outputs = 2

    def fit(self, labels, weights, classes):
        if labels.min() < 0:
            raise ValueError(f"Target {self.name!r} is a hurdle but holds {labels.min():g}.")
        positive = labels > 0
        # Without any amount there is no scale to learn.
        amounts = np.average(labels, weights=weights * positive) if positive.any() else 1.0
        self.mean = float(amounts)
        return self

    def encode(self, labels):
        return labels / self.mean

    def loss(self, outputs, targets):
        logit, log_mean_amount = outputs.unbind(-1)
        positive = targets > 0
        crosses = F.binary_cross_entropy_with_logits(logit, positive.to(logit), reduction="none")
        # Where the label is zero there is no amount: any number keeps the gradient finite.
        ratio = torch.where(positive, targets, 1.0) * (-log_mean_amount).exp()
        amount = ratio - ratio.log() - 1
        return crosses + torch.where(positive, amount, 0.0)

    def average(self, outputs, weights):
        logit, log_amount = outputs.split(1, dim=-1)
        yes = log_mean(F.logsigmoid(logit), weights)
        no = log_mean(F.logsigmoid(-logit), weights)
        expected = log_mean(F.logsigmoid(logit) + log_amount, weights)
        return torch.cat([yes - no, expected - yes], dim=-1)

    def predict(self, outputs):
        probability = 1 / (1 + np.exp(-outputs[:, 0]))
        return probability * np.exp(outputs[:, 1]) * self.mean
