"""Uncertainty weighting (Kendall, Gal and Cipolla, CVPR 2018)."""

import torch
from torch import nn

from sklearn_ple.balancing import Balancer


class Uncertainty(Balancer):
    """Divides each loss by a learnt variance, and adds its logarithm."""

    def start(self, tasks, n_members):
        self.log_variances = nn.Parameter(torch.zeros(n_members, len(tasks)))

    def weigh(self, batch):
        return (-self.log_variances).exp()

    def backward(self, batch):
        weights = self.weigh(batch)
        # A task without a label in the batch keeps its variance.
        terms = weights * batch.losses + batch.shares * self.log_variances
        terms.sum(dim=1).mean().backward()
        return weights.detach()
