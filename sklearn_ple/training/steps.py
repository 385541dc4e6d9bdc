"""The steps of a training: the losses of a batch, and their gradients."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..balancing import Balancer, Batch, Representation, cut_below
from ..nn import Body, TabularNetwork
from ..nn.draws import Draws, generator_for
from ..nn.members import MemberRange
from ..nn.shapes import check_tensor
from ..tasks import TaskLosses
from ..utils.processes import current
from .averaging import WeightAverage
from .rows import EncodedBatch
from .validation import find_kept


class Steps(NamedTuple):
    """The results of the steps of an epoch.

    Attributes
    ----------
    sums : Tensor of shape (n_batches, 2, n_members, n_tasks)
        The sums of losses, and the sums of weights.
    balance : tuple of Tensor of shape (n_batches, n_members, n_tasks)
        The balancer's weights of the tasks, and whether they had a label; empty if the balancer
        has no weights.
    """

    sums: Tensor
    balance: tuple[Tensor, ...]


@dataclass(eq=False)
class Stepper:
    """Computes the losses of batches, and with a balancer their gradients.

    Parameters
    ----------
    module : Module
        The network that is trained.
    losses : TaskLosses
        The losses of the tasks.
    balancer : Balancer
        Turns the losses into gradients.
    mean_weights : Tensor of shape (n_tasks,) or (n_members, 1, n_tasks)
        Average weight of a row in training.
    device : str or torch.device
        Device of the network.
    average : WeightAverage or None
        The average of the network's weights, which is updated after each step.
    sums_members : bool
        Whether gradients are those of the sum of the members' losses, as if each member were
        trained alone, and not of their mean.
    members : MemberRange
        The members that the network consists of.

    Attributes
    ----------
    n_steps : int
        Number of steps so far, in this process or in workers.
    """

    module: TabularNetwork
    losses: TaskLosses
    balancer: Balancer
    mean_weights: Tensor
    device: str | torch.device
    average: WeightAverage | None
    sums_members: bool
    members: MemberRange

    def __post_init__(self) -> None:
        self.n_steps = 0
        n_own = len(self.members)
        self._scale = float(n_own) if self.sums_members else n_own / self.members.n_all

    def begin_epoch(self, task_weights: Tensor) -> None:
        """Begin an epoch in which the tasks have these weights, of shape (n_tasks,)."""
        self._task_weights = task_weights
        self._sums: list[Tensor] = []
        self._balance: list[tuple[Tensor, Tensor]] = []
        self.balancer.begin_epoch()

    def end_epoch(self) -> Steps:
        """Return the results of all steps of the epoch."""
        balance = tuple(map(torch.stack, zip(*self._balance, strict=True)))
        steps = Steps(torch.stack(self._sums), balance)
        del self._task_weights, self._sums, self._balance
        return steps

    def differentiate(self, batch: EncodedBatch) -> dict[str, Any]:
        """Compute the losses of a batch, store their sums, and let the balancer differentiate."""
        rows = self._place(batch)
        draws = Draws()
        # Create the generator before its state is stored.
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
            return self._join_losses(trained, rows)[0]

        self._sums.append(sums.detach())
        losses, shares, part = self._join_losses(trained, rows)
        cut = cuts[0] if cuts else None
        step = self._step = Batch(losses, shares, again, cut)
        weights = self.balancer.backward(step)
        if weights is not None:
            check_tensor(f"{type(self.balancer).__name__}.backward", weights, losses.shape)
            self._balance.append((weights, step.shares > 0))
        self._check_gradients()
        penalty = _add_penalty(self.module.body, part)
        if self._scale != 1.0:
            parameters = [*self.module.parameters(), *self.balancer.parameters()]
            torch._foreach_mul_([p.grad for p in parameters if p.grad is not None], self._scale)
        return {"loss": step.losses.detach().sum(dim=1).mean() + penalty, "y_pred": outputs}

    def after_step(self) -> None:
        """Update the balancer and the average of the weights after a step of the optimizer."""
        self.balancer.after_step(self._step)
        if self.average is not None:
            self.average.update()
        self.n_steps += 1

    def _cut_below_towers(self) -> AbstractContextManager[Sequence[Representation]]:
        """Detach the input of the towers, if the balancer uses it."""
        if not self.balancer.reads_representation:
            return nullcontext([])
        module, body = self.module, self.module.body
        order = module.order.sort_as_network(range(body.n_tasks))
        return cut_below(body.towers, body.n_members, module.link is not None, order)

    def _evaluate(
        self, inputs: dict[str, Tensor], labels: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the members' outputs for a batch, and twice the sums of losses and weights.

        The second sums include the terms that the link of the outputs adds to the losses in
        training.
        """
        targets, weights, *folds = labels
        if folds:
            weights = weights * find_kept(folds[0], self.members).unsqueeze(-1)
        counts = weights / self.mean_weights
        outputs, added = self.module.training_outputs(**inputs, targets=targets, weights=counts)
        sums = self.losses.member_sums(outputs, targets, counts)
        if added is None:
            return outputs, sums, sums
        return outputs, sums, torch.stack([sums[0] + (counts * added).sum(dim=-2), sums[1]])

    def _join_losses(
        self, sums: Tensor, rows: EncodedBatch
    ) -> tuple[Tensor, Tensor, Tensor | float]:
        """Turn sums into losses and shares, see `Batch`, and the share of this process's rows.

        Sums are divided by the average weight of a batch of the same size, and not by the weight
        of the labels in the batch. So the weight of a label does not depend on its batch.
        """
        n_own = len(rows[1][0])
        sums, n_rows = current().join(sums, n_own)
        losses, shares = sums / n_rows
        weights = self._task_weights
        return weights * losses, (weights > 0) * shares.detach(), n_own / n_rows

    def _place(self, batch: EncodedBatch) -> EncodedBatch:
        """Move a batch to the device; a batch that is already there is not copied."""
        inputs, labels = batch
        inputs = {name: part.to(self.device) for name, part in inputs.items()}
        return inputs, [part.to(self.device) for part in labels]

    def _check_gradients(self) -> None:
        """Check after the first step of an epoch that the balancer computed gradients."""
        if len(self._sums) > 1:
            return
        what = f"{type(self.balancer).__name__}.backward left the network"
        if all(p.grad is None for p in self.module.parameters()):
            raise ValueError(
                f"{what} without gradients: it must call backward on a tensor that is computed "
                "from batch.losses."
            )
        if self.balancer.reads_representation:
            towers = {id(p) for p in self.module.body.towers.parameters()}
            below = [p for p in self.module.body.parameters() if id(p) not in towers]
            if below and all(p.grad is None for p in below):
                raise ValueError(
                    f"{what} below the towers without gradients: with reads_representation it "
                    "must also call batch.representation.backward(weights)."
                )


def _add_penalty(body: Body, share: Tensor | float) -> Tensor | float:
    """Compute the gradients of a network's penalty, and return the penalty.

    Parameters
    ----------
    body : Body
        The network.
    share : Tensor or float
        This process's share of the rows of the batch.

    Returns
    -------
    Tensor or float
        The penalty, summed over the processes.

    Raises
    ------
    ValueError
        If the penalty is not a number.
    """
    penalty: object = body.penalty()
    if isinstance(penalty, Real):
        return float(penalty)
    part = check_tensor(f"{type(body).__name__}.penalty", penalty, ()) * share
    # A penalty may depend on no parameter, for example that of a single subspace.
    if part.requires_grad:
        part.backward()
    return current().total(part.detach())
