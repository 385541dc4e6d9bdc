"""The average of a network's weights over the last part of its steps."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel


class WeightAverage:
    """Averages the weights over the last part of the steps, for validation and prediction.

    The part grows with the steps (polynomial-decay averaging, Shamir and Zhang 2013), so that the
    start is forgotten however long training takes.

    Parameters
    ----------
    module : Module
        The network that is trained, as it is at the start.
    share : float
        About which share of the steps so far is averaged over.
    """

    def __init__(self, module: torch.nn.Module, share: float):
        self.share = share
        self._averaged = AveragedModel(module, multi_avg_fn=self._average).eval()

    @property
    def module(self) -> Any:
        """The network of averaged weights."""
        return self._averaged.module

    def update(self, module: torch.nn.Module) -> None:
        """Take a step in."""
        self._averaged.update_parameters(module)

    @torch.no_grad()
    def _average(self, averages: Any, values: Any, n_before: Any) -> None:
        torch._foreach_lerp_(averages, values, 1 / (1 + self.share * int(n_before)))
