"""The members of an ensemble: what they differ in, how they are weighed, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .tasks import Task, check_shape, grouped

# With fewer members, each with its own dropout rate, none of the rates might suit.
_LEAST_OF_DIFFERENT_RATES = 4
_MOST_DROPPED = 0.9

# A member whose loss is twice the best one's counts 2**-8 as much.
_SELECTIVITY = 8
_HUGE = 1e18
# Between members that are compared, the logarithm of the loss differs by so much at most.
_GREATEST_STEP = 3.0


@dataclass(frozen=True)
class Members:
    """What the networks that are trained side by side differ in, beside their random weights.

    What suits a table, and which of its tasks, is not known before. Validation then weighs them.

    Parameters
    ----------
    n : int
        Number of members.

    Examples
    --------
    >>> from sklearn_ple.members import Members
    >>> Members(5).rates(0.25)
    [0.0, 0.125, 0.25, 0.375, 0.5]
    >>> Members(3).ramp
    array([0. , 0.5, 1. ])
    """

    n: int

    def rates(self, mean: float) -> list[float]:
        """Place rates of dropout evenly around their mean, from none to twice as much or to 0.9.

        Fewer than four members all have the mean.

        Parameters
        ----------
        mean : float
            The mean rate, from 0 to 1.

        Returns
        -------
        list of float
            A rate for each member, ascending.
        """
        low, high = max(0.0, 2 * mean - _MOST_DROPPED), min(2 * mean, _MOST_DROPPED)
        if self.n < _LEAST_OF_DIFFERENT_RATES or mean > _MOST_DROPPED:
            return [mean] * self.n
        return torch.linspace(low, high, self.n, dtype=torch.float64, device="cpu").tolist()

    @property
    def ramp(self) -> np.ndarray:
        """How far each member lets the bins' steps count: from 0, in the first one, to 1."""
        return np.linspace(0, 1, self.n) if self.n > 1 else np.array([0.5])

    @property
    def linear_shares(self) -> np.ndarray:
        """How much of a linear start each member has: from 1, in the first one, to 0.

        A linear start also determines what a network looks for: some members start without one.
        """
        return torch.linspace(1, 0, self.n).numpy() if self.n > 1 else np.array([0.5], np.float32)


class MemberMean(nn.Module):
    """The mean prediction of several networks, task by task: of probabilities, numbers or rates.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks, in the order of the networks' outputs.
    n_members : int, default=1
        Number of networks.
    dependent : sequence of (int, int), default=()
        Positions of tasks that depend on others, and of these: both are averaged alike, so that
        what implies another event is never more probable.

    Attributes
    ----------
    weights : Tensor of shape (n_members, n_tasks)
        How much each member counts for each task, a buffer; they sum to one over the members, and
        are equal until `weigh` is called.
    """

    weights: Tensor

    def __init__(
        self,
        tasks: Sequence[Task],
        n_members: int = 1,
        dependent: Sequence[tuple[int, int]] = (),
    ):
        super().__init__()
        self.groups = grouped(tasks)
        self.dependent = list(dependent)
        self.register_buffer("weights", torch.full((n_members, len(tasks)), 1 / n_members))

    def forward(self, outputs: Tensor) -> Tensor:
        """Average the members' predictions.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The members' outputs, of any floating type.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The outputs that stand for the mean prediction.
        """
        if len(outputs) == 1:
            return outputs[0]
        parts = []
        for task, positions, columns in self.groups:
            own = outputs[..., columns].unflatten(-1, (-1, task.n_outputs))
            weights = self.weights[:, None, positions, None].to(own)
            mean = task.average(own, weights)
            check_shape(task, "average", mean, own.shape[1:])
            parts.append(mean.flatten(-2))
        return torch.cat(parts, dim=-1)

    def weigh(self, losses: Tensor) -> None:
        """Weigh the members, for each task, by a power of their loss on rows of validation.

        Where they are about as good, all count about alike; one that is clearly worse, as with
        too much dropout for the task, hardly counts.

        Parameters
        ----------
        losses : Tensor of shape (n_members, n_tasks)
            Each member's loss of each task.
        """
        losses = losses.nan_to_num(nan=_HUGE, posinf=_HUGE).clamp(min=1 / _HUGE)
        shares = (losses / losses.min(dim=0).values) ** -_SELECTIVITY
        for task, other in self.dependent:
            shares[:, task] = shares[:, other]
        self.weights.copy_(shares / shares.sum(dim=0))


def relative_losses(own: Tensor, before: Tensor) -> Tensor:
    """Compute how large each member's loss is, from comparisons of neighbours on the same rows.

    Members are in the order of all that they differ in, such as their dropout, so that the
    logarithm of their loss is taken for a parabola over their numbers. Its slope and its bend are
    those that fit the comparisons best.

    Parameters
    ----------
    own : Tensor of shape (n_members, n_tasks)
        The loss of each member on some rows.
    before : Tensor of shape (n_members, n_tasks)
        The loss of the member before, for the first one that of the last, on the same rows.

    Returns
    -------
    Tensor of shape (n_members, n_tasks)
        Losses up to a factor of each task.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.members import relative_losses
    >>> losses = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    >>> relative_losses(losses, losses.roll(1, dims=0)).squeeze(1).round(decimals=3)
    tensor([1., 2., 4., 8.])
    """
    steps = torch.where((own > 0) & (before > 0), own / before, 1.0).log()
    steps = steps.nan_to_num(nan=0.0).clamp(-_GREATEST_STEP, _GREATEST_STEP)
    numbers = np.linspace(0, 1, len(own))
    parabola = np.stack([numbers, numbers**2], axis=1)
    smooth = parabola @ np.linalg.pinv(parabola - np.roll(parabola, 1, axis=0))
    return (torch.as_tensor(smooth).to(steps) @ steps).exp()
