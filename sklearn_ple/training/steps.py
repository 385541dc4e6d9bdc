"""The steps of a training: a batch's losses, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..balancing import Balancer, Batch, Representation, cut_below
from ..nn.draws import Draws, generator_for
from ..processes import current
from ..tasks import TaskLosses
from .averaging import WeightAverage
from .together import add_penalty
from .validation import without_left_out


class Steps(NamedTuple):
    """What the steps of an epoch came to.

    Attributes
    ----------
    sums : Tensor of shape (n_batches, 2, n_members, n_tasks)
        The sums of losses and of weights.
    balance : tuple of Tensor of shape (n_batches, n_members, n_tasks)
        How much the tasks counted, and where they had a label; empty where they just count.
    """

    sums: Tensor
    balance: tuple[Tensor, ...]


class Stepper:
    """Computes the steps of a training: a batch's losses, and their gradients by a balancer.

    Parameters
    ----------
    module : Module
        The network that is trained.
    losses : TaskLosses
        The losses of the tasks.
    balancer : Balancer
        How they become one step.
    mean_weights : Tensor of shape (n_tasks,) or (n_members, 1, n_tasks)
        How much a row weighs on average of those that are trained on.
    device : str or torch.device
        Where the network is.
    average : WeightAverage, optional
        The average of the network's weights, to take each step in.
    """

    def __init__(
        self,
        module: Any,
        losses: TaskLosses,
        balancer: Balancer,
        mean_weights: Tensor,
        device: Any,
        average: WeightAverage | None = None,
    ):
        self.module = module
        self.losses = losses
        self.balancer = balancer
        self.mean_weights = mean_weights
        self.device = device
        self.average = average

    @property
    def n_members(self) -> int:
        """Number of the ensemble's members, where the network may be that of some of them."""
        return len(self.module.mean.weights)

    def begin_epoch(self, task_weights: Tensor) -> None:
        """Begin an epoch in which the tasks have these weights, of shape (n_tasks,)."""
        self._task_weights = task_weights
        self._sums: list[Tensor] = []
        self._balance: list[tuple[Tensor, Tensor]] = []
        self.balancer.begin_epoch()

    def end_epoch(self) -> Steps:
        """Return what the steps since the beginning of the epoch came to."""
        balance = tuple(map(torch.stack, zip(*self._balance, strict=True)))
        steps = Steps(torch.stack(self._sums), balance)
        del self._task_weights, self._sums, self._balance
        return steps

    def differentiate(self, batch: Any) -> dict[str, Any]:
        """Compute a batch's losses, keep their sums, and let the balancer differentiate them."""
        rows = self._placed(batch)
        draws = Draws()
        # It is there before the first draw, to be kept as it is then.
        generator_for(torch.device(self.device))
        drawn = draws.state_dict()
        with self._cut_below_towers() as cuts:
            outputs, sums, trained = self._evaluate(*rows)

        def again() -> Tensor:
            now = draws.state_dict()
            draws.load_state_dict(drawn)
            with torch.no_grad():
                trained = self._evaluate(*rows)[-1]
            draws.load_state_dict(now)
            return self._joint(trained, rows)[0]

        self._sums.append(sums.detach())
        losses, shares, part = self._joint(trained, rows)
        step = self._step = Batch(losses, shares, again, *cuts)
        weights = self.balancer.backward(step)
        if weights is not None:
            self._balance.append((weights, step.shares > 0))
        self._check_gradients()
        penalty = add_penalty(self.module.body, part)
        return {"loss": step.losses.detach().sum(dim=1).mean() + penalty, "y_pred": outputs}

    def after_step(self) -> None:
        """Let the balancer and the average take in what the optimizer did."""
        self.balancer.after_step(self._step)
        if self.average is not None:
            self.average.update()

    def _cut_below_towers(self) -> AbstractContextManager[Sequence[Representation]]:
        """Cut off what the towers read, where the balancer works there."""
        if not self.balancer.reads_representation:
            return nullcontext([])
        body = self.module.body
        return cut_below(body.towers, body.n_members, dependent=self.module.link is not None)

    def _evaluate(self, inputs: Any, labels: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the members' outputs for a batch, and the sums of their losses and weights.

        The last are those sums with what the outputs' link adds to the losses in training.
        """
        targets, weights, *folds = labels
        if folds:
            weights = without_left_out(weights, folds[0], self.n_members)
        counts = weights / self.mean_weights
        outputs, added = self.module.training_outputs(**inputs, targets=targets, weights=counts)
        sums = self.losses.member_sums(outputs, targets, counts)
        if added is None:
            return outputs, sums, sums
        return outputs, sums, torch.stack([sums[0] + (counts * added).sum(dim=-2), sums[1]])

    def _joint(self, sums: Tensor, rows: Any) -> tuple[Tensor, Tensor, Any]:
        """Turn sums into terms of the joint loss, shares of the labels, and that of these rows.

        They are divided by the weight that as many rows have on average, not by that of the labels
        in the batch: so every label counts alike, whichever batch it comes in.
        """
        n_own = len(rows[1][0])
        sums, n_rows = current().join(sums, n_own)
        losses, shares = sums / n_rows
        weights = self._task_weights
        return weights * losses, (weights > 0) * shares.detach(), n_own / n_rows

    def _placed(self, batch: Any) -> Any:
        """Move a batch to the device; of one that is there nothing is copied."""
        inputs, labels = batch
        inputs = {name: part.to(self.device) for name, part in inputs.items()}
        return inputs, [part.to(self.device) for part in labels]

    def _check_gradients(self) -> None:
        if len(self._sums) == 1 and all(p.grad is None for p in self.module.parameters()):
            raise ValueError(
                f"{type(self.balancer).__name__}.backward left the network without gradients: "
                "it must call backward on what it makes of the task losses."
            )
