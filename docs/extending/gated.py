"""A mixture of experts whose gates read a bottom of each task."""

from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.nn import Body, GateNames, mix


class OwnGates(Body):
    """Shared experts; a task's gate reads the task's own bottom."""

    def __init__(
        self, in_features, n_outputs, *, n_experts=3, width=32, **towers
    ):
        super().__init__(n_outputs, **towers)
        sizes = in_features, (width,)
        self.n_experts = n_experts
        self.experts = self.make_mlps(self.per_member(n_experts), *sizes)
        self.bottoms = self.make_mlps(self.per_task(), *sizes)
        self.gates = self.make_gates(self.per_task(), width, n_experts)
        self.towers = self.make_towers(width)

    def represent(self, inputs):
        n_members, n_experts = self.n_members, self.n_experts
        weights = self.gates(self.bottoms(inputs))
        weights = weights.unflatten(0, (n_members, self.n_tasks))
        bank = self.experts(inputs).unflatten(0, (n_members, 1, n_experts))
        return mix(weights, bank).flatten(0, 1)

    def gate_names(self, tasks):
        experts = [f"expert {i}" for i in range(1, self.n_experts + 1)]
        return [[GateNames(self.gates, list(tasks), [experts] * len(tasks))]]


@with_parameters
class OwnGatesClassifierRegressor(MultiTaskEstimator):
    """Shared experts with gates that read the tasks' own bottoms."""

    n_experts: int = 3

    network = OwnGates
