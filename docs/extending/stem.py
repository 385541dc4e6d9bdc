"""STEM (Su, Pan, Wang, Xiao, Quan, Chen, Jiang: AAAI 2024), of one level."""

import torch

from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import Axis, Body, mix


class STEM(Body):
    """A task weighs all experts, but trains only its own and shared ones."""

    def __init__(
        self,
        in_features,
        n_outputs,
        *,
        n_shared_experts=1,
        n_specific_experts=1,
        expert_hidden_units=(64,),
        gate_hidden_units=(),
        **towers,
    ):
        # Embeddings of each task, and shared ones.
        views = [*range(len(n_outputs)), None]
        super().__init__(n_outputs, views=views, **towers)
        specific = self.per_task(n_specific_experts)
        shared = self.per_member(n_shared_experts)
        units = expert_hidden_units
        self.specific_experts = self.make_mlps(specific, in_features, units)
        self.shared_experts = self.make_mlps(shared, in_features, units)
        self.gates = self.make_gates(
            self.per_task(),
            in_features,
            Axis((*specific.runs, *shared.runs)),
            hidden_units=gate_hidden_units,
        )
        # (n_tasks, n_experts, 1): which of the specific experts are a task's.
        is_own = torch.eye(self.n_tasks).unsqueeze(2)
        is_own = is_own.repeat_interleave(n_specific_experts, dim=1)
        self.register_buffer("is_own", is_own, persistent=False)
        self.towers = self.make_towers(units[-1])

    def represent(self, inputs):
        views = inputs.unflatten(0, (self.n_members, -1))
        of_tasks, of_all = views[:, :-1].flatten(0, 1), views[:, -1]
        weights = self.gates(of_tasks + self.for_each_task(of_all))
        weights = weights.unflatten(0, (self.n_members, -1))
        # (n_members, 1, n_experts, n_rows, width)
        specific, shared = (
            experts(read).unflatten(0, (self.n_members, 1, -1))
            for experts, read in (
                (self.specific_experts, of_tasks),
                (self.shared_experts, of_all),
            )
        )
        own, others = weights.tensor_split([self.is_own.shape[1]], dim=2)
        trained = torch.cat([own * self.is_own, others], dim=2)
        mixed = mix(trained, specific, shared)
        # No gradient flows from a task to the experts of other tasks.
        mixed = mixed + mix(own * (1 - self.is_own), specific.detach())
        return mixed.flatten(0, 1)


@with_parameters
class STEMClassifierRegressor(MultiTaskEstimator):
    """STEM: shared and task-specific embeddings and experts.

    Parameters
    ----------
    n_shared_experts, n_specific_experts : int, default=1
        Number of shared experts, and of experts of each task.
    expert_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every expert.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate.
    """

    n_shared_experts: int = 1
    n_specific_experts: int = 1
    expert_hidden_units: tuple = parameter(
        default=(64,), published=(512, 256, 128)
    )
    gate_hidden_units: tuple = parameter(default=(), published=(128, 64))
    tower_hidden_units: tuple = parameter(default=(32,), published=(128, 64))
    embedding_dim: int | str = parameter(default="auto", published=10)

    network = STEM
    treats_tasks_alike = True

    def views(self, n_tasks):
        return [*range(n_tasks), None]
