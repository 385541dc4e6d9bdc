"""The average of a network's weights over the last part of its steps."""

import copy
from typing import Any

import torch

from ..nn import TabularNetwork


class WeightAverage:
    """Averages the weights over the last part of the steps, for validation and prediction.

    This part grows with the number of steps (polynomial-decay averaging [1]_), so that the first
    steps are forgotten however long training takes. torch's own `AveragedModel` walks through the
    network in each step, which takes ten times as long as the average itself.

    Parameters
    ----------
    module : TabularNetwork
        The network that is trained, in its initial state.
    share : float
        Approximate share of the steps so far over which weights are averaged.

    Attributes
    ----------
    module : TabularNetwork
        The network with the averaged weights. Its buffers are those of the last step.

    References
    ----------
    .. [1] O. Shamir, T. Zhang. "Stochastic Gradient Descent for Non-smooth Optimization:
           Convergence Results and Optimal Averaging Schemes". ICML 2013.
    """

    def __init__(self, module: TabularNetwork, share: float):
        self.share = share
        self.module = copy.deepcopy(module).eval()
        # Pairs: the tensors of the network that is trained, and those of the average.
        self._weights = tuple(module.parameters()), tuple(self.module.parameters())
        self._buffers = tuple(module.buffers()), tuple(self.module.buffers())
        self._n_steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Include the weights after a step in the average."""
        values, averages = self._weights
        torch._foreach_lerp_(averages, values, 1 / (1 + self.share * self._n_steps))
        buffers, copies = self._buffers
        if buffers:
            torch._foreach_copy_(copies, buffers)
        self._n_steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of steps so far."""
        return {"module": self.module.state_dict(), "n_steps": self._n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved average."""
        self.module.load_state_dict(state["module"])
        self._n_steps = state["n_steps"]
