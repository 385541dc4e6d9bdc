"""The mean of the members' predictions for each task, and the weights of the members in it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..nn.axes import Axes, Axis
from ..nn.shapes import check_tensor
from .losses import group_tasks
from .task import Task

# With many labels, a member with twice the loss of the best one has 2**-8 times its weight.
_SELECTIVITY = 8
# With so many labels the differences of the members' log losses are halved.
_LABELS_TO_HALVE = 100
_HUGE = 1e18
# Limit of the difference of log losses between adjacent members.
_GREATEST_STEP = 3.0


class MemberMean(nn.Module):
    """Module that computes the mean prediction of the members for each task.

    Probabilities, numbers or rates are averaged, depending on the kind of the task.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks, in the order of the outputs of the networks.
    n_members : int, default=1
        Number of members.
    dependent : sequence of (int, int), default=()
        Pairs of positions, (task, task that it depends on). Both have the same weights, so that
        an event is never more probable than the event that it depends on.

    Attributes
    ----------
    weights : Tensor of shape (n_members, n_tasks)
        Weight of each member for each task, a buffer. The weights of a task sum to 1. They are
        equal until `weigh` is called.
    """

    weights: Tensor

    def __init__(
        self, tasks: Sequence[Task], n_members: int = 1, dependent: Sequence[tuple[int, int]] = ()
    ):
        super().__init__()
        self.tasks = list(tasks)
        self.groups = group_tasks(tasks)
        self.dependent = list(dependent)
        self.register_buffer("weights", torch.full((n_members, len(tasks)), 1 / n_members))

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the weights; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        n_members, n_tasks = self.weights.shape
        return {"weights": (Axis(n_members=n_members), Axis.of_tasks(n_tasks))}

    def forward(self, outputs: Tensor) -> Tensor:
        """Average the predictions of the members.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of the members, of any floating type.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            Outputs of the same form, such as logits, that correspond to the mean prediction.
        """
        if len(outputs) == 1:
            return outputs[0]
        parts = []
        for task, positions, columns in self.groups:
            by_task = outputs[..., columns].unflatten(-1, (-1, task.n_outputs))
            weights = self.weights[:, None, positions, None].to(by_task)
            mean = task.average(by_task, weights)
            check_tensor(f"{type(task).__name__}.average", mean, by_task.shape[1:])
            parts.append(mean.flatten(-2))
        return torch.cat(parts, dim=-1)

    def weigh(self, losses: Tensor, n_labels: Tensor) -> None:
        """Set the weights of the members for each task, by a power of their validation losses.

        Members with similar losses have similar weights. A member that is clearly worse, for
        example because its dropout rate is too high for the task, has hardly any weight. With few
        labels most of a difference is chance, so the power, 8 n / (n + 100), is lower.

        Parameters
        ----------
        losses : Tensor of shape (n_members, n_tasks)
            The validation loss of each member for each task.
        n_labels : Tensor of shape (n_tasks,)
            Number n of validated labels of each task.
        """
        losses = losses.nan_to_num(nan=_HUGE, posinf=_HUGE).clamp(min=1 / _HUGE)
        power = _SELECTIVITY * n_labels / (n_labels + _LABELS_TO_HALVE)
        shares = (losses / losses.min(dim=0).values) ** -power
        shares = torch.where(losses < _HUGE, shares, 1 / _HUGE)
        for task, other in self.dependent:
            shares[:, task] = shares[:, other]
        self.weights.copy_(shares / shares.sum(dim=0))


def relative_losses(losses: Tensor, before: Tensor) -> Tensor:
    """Estimate the losses of the members, from comparisons of adjacent members on the same rows.

    The members are in the order of their settings, such as their dropout rates. The logarithm of
    the loss is therefore modelled as a parabola over the number of the member. Its coefficients
    are fitted to the comparisons by least squares.

    Parameters
    ----------
    losses : Tensor of shape (n_members, n_tasks)
        The loss of each member on some rows, which may differ between members.
    before : Tensor of shape (n_members, n_tasks)
        The loss of the previous member on the same rows; for the first member, that of the last.

    Returns
    -------
    Tensor of shape (n_members, n_tasks)
        The losses, up to a factor for each task.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.tasks.mean import relative_losses
    >>> losses = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    >>> found = relative_losses(losses, losses.roll(1, dims=0))
    >>> found.squeeze(1).round(decimals=3)
    tensor([1., 2., 4., 8.])
    """
    steps = torch.where((losses > 0) & (before > 0), losses / before, 1.0).log()
    steps = steps.nan_to_num(nan=0.0).clamp(-_GREATEST_STEP, _GREATEST_STEP)
    numbers = np.linspace(0, 1, len(losses))
    parabola = np.stack([numbers, numbers**2], axis=1)
    smooth = parabola @ np.linalg.pinv(parabola - np.roll(parabola, 1, axis=0))
    return (torch.as_tensor(smooth).to(steps) @ steps).exp()
