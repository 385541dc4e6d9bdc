"""Uncertainty weighting (Kendall, Gal and Cipolla, CVPR 2018): the weights are learnt."""

import torch
from torch import nn

from sklearn_ple.balancing import Balancer


class Uncertainty(Balancer):
    """Divides each loss by a variance that is learnt, and adds the variance's logarithm."""

    def start(self, n_tasks):
        self.log_variances = nn.Parameter(torch.zeros(n_tasks))

    def backward(self, task_losses, module):
        there = task_losses > 0  # a task without a label in the batch keeps its variance
        weighted = task_losses * (-self.log_variances).exp() + self.log_variances
        weighted[there].sum().backward()
