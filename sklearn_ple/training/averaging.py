"""The average of a network's weights over the last part of its steps."""

from __future__ import annotations

import copy
from typing import Any

import torch


class WeightAverage:
    """Averages the weights over the last part of the steps, for validation and prediction.

    The part grows with the steps (polynomial-decay averaging, Shamir and Zhang 2013), so that the
    start is forgotten however long training takes. torch's own `AveragedModel` goes through the
    network in each step, which takes ten times as long as the average itself.

    Parameters
    ----------
    module : Module
        The network that is trained, as it is at the start.
    share : float
        About which share of the steps so far is averaged over.

    Attributes
    ----------
    module : Module
        The network of averaged weights; what are no weights is as in the last step.
    """

    def __init__(self, module: torch.nn.Module, share: float):
        self.share = share
        self.module: Any = copy.deepcopy(module).eval()
        # Each where it is in the network that is trained, and in the average.
        self._weights = tuple(module.parameters()), tuple(self.module.parameters())
        self._buffers = tuple(module.buffers()), tuple(self.module.buffers())
        self._n_steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take a step in."""
        values, averages = self._weights
        torch._foreach_lerp_(averages, values, 1 / (1 + self.share * self._n_steps))
        buffers, copies = self._buffers
        if buffers:
            torch._foreach_copy_(copies, buffers)
        self._n_steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the average and how many steps it is over."""
        return {"module": self.module.state_dict(), "n_steps": self._n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from an average."""
        self.module.load_state_dict(state["module"])
        self._n_steps = state["n_steps"]
