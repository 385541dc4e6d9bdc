"""Adaptive Information Transfer Multi-task (Xi et al., KDD 2021)."""

import math

import torch
from torch import nn

from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import BatchedLinear, Body, ByTask, EventLink, mix


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
        # There is no task before the first one.
        self.transfers = ByTask(
            Transfer(self, width) if task else nn.Identity()
            for task in range(self.n_tasks)
        )
        self.towers = self.make_towers(width)

    def represent(self, inputs):
        bottoms = self.bottoms(inputs).unflatten(0, (self.n_members, -1))
        known = list(bottoms.unbind(1))
        for task in range(1, self.n_tasks):
            known[task] = self.transfers[task](known[task - 1], known[task])
        return torch.stack(known, dim=1).flatten(0, 1)


class Transfer(nn.Module):
    """Attention to the task before and to the task's own bottom."""

    def __init__(self, network, width):
        super().__init__()
        one, two = network.per_member(), network.per_member(2)
        self.passed = network.make_mlps(one, width, (width,))
        self.queries_and_keys = BatchedLinear(two, width, width, bias=False)
        self.values = BatchedLinear(one, width, width, bias=False)

    def forward(self, before, own):
        # (n_members, 2 * n_rows, width)
        both = torch.cat([self.passed(before), own], dim=1)
        parts = self.queries_and_keys(both).unflatten(0, (len(both), 2))
        queries, keys = parts.unbind(1)
        scores = (queries * keys).sum(dim=-1) / math.sqrt(both.shape[-1])
        weights = scores.unflatten(1, (2, -1)).softmax(dim=1)
        return mix(weights, self.values(both).unflatten(1, (2, -1)))


class CalibratedLogits(EventLink):
    """An event must not be more probable than the one it depends on."""

    def __init__(self, columns, positions, weight=0.6):
        super().__init__(columns, positions)
        self.weight = weight

    def forward(self, outputs):
        if self.training:
            return outputs
        columns = list(outputs.unbind(-1))
        for task, other in self.parents:
            columns[task] = torch.minimum(columns[task], columns[other])
        return torch.stack(columns, dim=-1)

    def added_losses(self, outputs, targets, weights):
        probabilities = outputs.sigmoid().unbind(-1)
        added = [torch.zeros_like(outputs[..., 0])] * targets.shape[-1]
        pairs = zip(self.parents, self.positions, strict=True)
        for (column, other), (task, _) in pairs:
            excess = probabilities[column] - probabilities[other]
            added[task] = self.weight * excess.relu()
        return torch.stack(added, dim=-1)


@with_parameters
class AITMClassifierRegressor(MultiTaskEstimator):
    """Adaptive Information Transfer: the tasks in the order of y's columns.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    calibrator_weight : float, default=0.6
        Weight of the penalty on an event that is more probable than the one
        it ``depends_on``.
    """

    hidden_units: tuple = parameter(
        default=(64,),
        constraint=["array-like"],
        search=[(32,), (64,), (64, 64)],
        published=(128, 64, 32),
    )
    calibrator_weight: float = 0.6
    tower_hidden_units: tuple = parameter(default=(32,), published=())
    embedding_dim: int | str = parameter(default="auto", published=5)

    network = AITM

    def make_link(self, columns, positions):
        return CalibratedLogits(columns, positions, self.calibrator_weight)
