"""Adaptive Information Transfer Multi-task (Xi et al., KDD 2021)."""

import math

import torch
from torch import nn

from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import BatchedLinear, Body


class AITM(Body):
    """Each task attends to its own bottom and to the task before it."""

    def __init__(
        self, in_features, n_outputs, *, hidden_units=(64,), **towers
    ):
        super().__init__(n_outputs, **towers)
        width = hidden_units[-1]
        self.bottoms = self.make_mlps(
            self.per_task(), in_features, hidden_units
        )
        later = range(1, self.n_tasks)
        self.transfers = nn.ModuleList(
            self.make_mlps(self.per_member(), width, (width,)) for _ in later
        )
        # Query, key and value of each task's attention.
        self.attentions = nn.ModuleList(
            BatchedLinear(self.per_member(3), width, width) for _ in later
        )
        self.towers = self.make_towers(width)

    def represent(self, inputs):
        bottoms = self.bottoms(inputs).unflatten(0, (self.n_members, -1))
        first, *others = bottoms.unbind(1)
        known = [first]
        layers = zip(others, self.transfers, self.attentions, strict=True)
        for own, transfer, attention in layers:
            # What comes from the task before, and the task's own:
            # (n_members, 2 * n_rows, width).
            both = torch.cat([transfer(known[-1]), own], dim=1)
            parts = attention(both).unflatten(0, (self.n_members, 3))
            query, key, value = parts.unflatten(2, (2, -1)).unbind(1)
            scores = (query * key).sum(dim=-1) / math.sqrt(own.shape[-1])
            weights = scores.softmax(dim=1).unsqueeze(-1)
            known.append((weights * value).sum(dim=1))
        return torch.stack(known, dim=1).flatten(0, 1)


@with_parameters
class AITMClassifierRegressor(MultiTaskEstimator):
    """Adaptive Information Transfer: the tasks in the order of y's columns.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    """

    hidden_units: tuple = parameter(
        default=(64,),
        constraint=["array-like"],
        search=[(32,), (64,), (64, 64)],
    )

    network = AITM
