"""Fast adaptive multitask optimization (Liu, Feng, Stone and Liu: NeurIPS 2023)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..tasks import Task
from ..utils._sklearn import validate_parameter_constraints
from ..utils.constraints import COUNT, NOT_NEGATIVE, POSITIVE
from .balancer import Batch
from .logarithmic import LogarithmicBalancer

_CONSTRAINTS = {"learning_rate": [POSITIVE], "decay": [NOT_NEGATIVE], "every": [COUNT]}
# As in the authors' code: the least loss, and the parameters of Adam.
_LEAST = 1e-8
_BETAS = 0.9, 0.999
_EPS = 1e-8


class FAMO(LogarithmicBalancer):
    """Fast adaptive multitask optimization: the logarithms of all losses fall at the same rate.

    Let ``z = softmax(xi)``. The joint loss is ``c * sum_k z_k log L_k``, where c makes the mean of
    the losses' weights, ``c * z_k / L_k``, equal to 1. After a step, ``xi`` is updated with the
    gradient ``J^T (log L - log L') + decay * xi``. Here L' are the losses of the same rows after
    the step, and J is the Jacobian of the softmax. A task whose loss fell less than those of the
    others then has a greater weight.

    Computing L' requires another forward pass, with the same rows and the same units dropped.
    To save time, ``xi`` is updated only once in several steps, by Adam as in the authors' code.
    Updated in each, a step takes half as much time again.
    Tasks without a label in a batch are left out of its update. Losses must not be negative.

    ``balancing="famo"`` stands for this class with its defaults.

    Parameters
    ----------
    learning_rate : float, default=0.025
        Learning rate of ``xi``.
    decay : float, default=1e-3
        Weight decay of ``xi``, which draws the weights ``z`` towards equality; gamma in the paper.
    every : int, default=8
        Number of steps between updates of ``xi``; 1 in the paper.

    References
    ----------
    B. Liu, Y. Feng, P. Stone, Q. Liu. "FAMO: Fast Adaptive Multitask Optimization". NeurIPS 2023.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import FAMO
    >>> balancer = FAMO(every=1)
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    xi: Tensor
    moments: Tensor
    n_updates: Tensor

    def __init__(self, learning_rate: float = 0.025, decay: float = 1e-3, every: int = 8):
        super().__init__()
        self.learning_rate = learning_rate
        self.decay = decay
        self.every = every
        self._n_steps = 0

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Start with equal logits.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.

        Raises
        ------
        ValueError
            If ``learning_rate`` or ``every`` is not above 0, or ``decay`` is negative.
        """
        given = {name: getattr(self, name) for name in _CONSTRAINTS}
        validate_parameter_constraints(_CONSTRAINTS, given, caller_name="FAMO")
        super().start(tasks, n_members)
        shape = n_members, len(tasks)
        self.register_buffer("xi", torch.zeros(shape))
        # Adam's first and second moments, and the number of updates of each logit.
        self.register_buffer("moments", torch.zeros(2, *shape))
        self.register_buffer("n_updates", torch.zeros(shape))

    def begin_epoch(self) -> None:
        """Check the losses of the last epoch; the first step of each epoch updates ``xi``.

        Raises
        ------
        ValueError
            If a loss was negative.
        """
        super().begin_epoch()
        self._n_steps = 0

    def _shares_of(self, labelled: Tensor) -> Tensor:
        """Compute z as the softmax over the tasks that have a label in the batch."""
        shares = torch.where(labelled, self.xi, -torch.inf).softmax(dim=1)
        return torch.where(labelled, shares, 0.0)

    def weigh(self, batch: Batch) -> Tensor:
        """Compute the gradient of the joint loss with respect to the losses.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        losses, labelled = self.read_losses(batch)
        # Losses are compared with the least one, so that no ratio exceeds 1 or overflows.
        losses = losses.clamp(min=_LEAST)
        least = torch.where(labelled, losses, torch.inf).amin(dim=1, keepdim=True)
        ratios = self._shares_of(labelled) * (least / losses)
        n_labelled = labelled.sum(dim=1, keepdim=True)
        return n_labelled * ratios / ratios.sum(dim=1, keepdim=True)

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        """Update the logits from the decrease of the logarithms of the losses.

        Parameters
        ----------
        batch : Batch
            The losses of the batch before the step.
        """
        self._n_steps += 1
        if (self._n_steps - 1) % self.every:
            return
        labelled = batch.shares > 0
        before, after = (part.clamp(min=_LEAST).log() for part in (batch.losses, batch.again()))
        falls = torch.where(labelled, before - after, 0.0)
        shares = self._shares_of(labelled)
        gradient = shares * (falls - (shares * falls).sum(dim=1, keepdim=True))
        gradient = gradient + self.decay * self.xi
        labelled = labelled & gradient.isfinite()
        gradient = torch.where(labelled, gradient, 0.0)
        first, second = _BETAS
        mean = self.moments[0].lerp(gradient, 1 - first)
        moments = torch.stack([mean, self.moments[1].lerp(gradient**2, 1 - second)])
        self.moments.copy_(torch.where(labelled, moments, self.moments))
        self.n_updates += labelled
        n = self.n_updates.clamp(min=1)
        mean, square = self.moments[0] / (1 - first**n), self.moments[1] / (1 - second**n)
        self.xi -= torch.where(labelled, self.learning_rate * mean / (square.sqrt() + _EPS), 0.0)
