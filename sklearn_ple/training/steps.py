"""The steps of a net: a batch's losses, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from skorch import NeuralNet
from torch import Tensor

from ..balancing import Batch, Representation, cut_below
from ..nn.draws import Draws, generator_for
from ..processes import current
from ..tasks import TaskLosses
from .averaging import WeightAverage
from .together import add_penalty
from .validation import mean_weights, without_left_out


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


class SteppingNet(NeuralNet):
    """A net whose steps are those of several tasks' losses, as a balancer differentiates them."""

    losses: TaskLosses
    # All are there in training only.
    _average: WeightAverage | None
    _mean_weights: Tensor | None
    _weights: Tensor
    _batch: Any

    def weigh_rows(self, rows: Any) -> None:
        """Learn how much the rows weigh that are trained on."""
        self._mean_weights = mean_weights(rows, self.n_members).to(self.device)

    @property
    def n_members(self) -> int:
        """Number of the ensemble's members, where the network may be that of some of them."""
        return len(self.module_.mean.weights)

    def _train_epoch(self, iterator: Any, step_fn: Any, fit_params: dict[str, Any]) -> Steps:
        """Train on every batch."""
        self._set_training(True)
        self._sums: list[Tensor] = []
        self._balance: list[tuple[Tensor, Tensor]] = []
        self.criterion_.begin_epoch()
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=True)
            step = step_fn(batch, **fit_params)
            self.criterion_.after_step(self._batch)
            if self._average is not None:
                self._average.update()
            self.notify("on_batch_end", batch=batch, training=True, **step)
        balance = tuple(map(torch.stack, zip(*self._balance, strict=True)))
        steps = Steps(torch.stack(self._sums), balance)
        del self._sums, self._balance
        return steps

    def train_step_single(self, batch: Any, **_: Any) -> dict[str, Any]:
        """Compute a batch's losses, keep their sums, and let the balancer differentiate them."""
        # A callback may have evaluated the network.
        if not self.module_.training:
            self._set_training(True)
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
        step = self._batch = Batch(losses, shares, again, *cuts)
        weights = self.criterion_.backward(step)
        if weights is not None:
            self._balance.append((weights, step.shares > 0))
        self._check_gradients()
        penalty = add_penalty(self.module_.body, part)
        return {"loss": step.losses.detach().sum(dim=1).mean() + penalty, "y_pred": outputs}

    def _cut_below_towers(self) -> AbstractContextManager[Sequence[Representation]]:
        """Cut off what the towers read, where the balancer works there."""
        if not self.criterion_.reads_representation:
            return nullcontext([])
        body = self.module_.body
        return cut_below(body.towers, body.n_members, dependent=self.module_.link is not None)

    def _evaluate(self, inputs: Any, labels: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the members' outputs for a batch, and the sums of their losses and weights.

        The last are those sums with what the outputs' link adds to the losses in training.
        """
        targets, weights, *folds = labels
        if folds:
            weights = without_left_out(weights, folds[0], self.n_members)
        counts = weights / self._mean_weights
        outputs, added = self.module_.training_outputs(**inputs, targets=targets, weights=counts)
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
        weights = self._weights
        return weights * losses, (weights > 0) * shares.detach(), n_own / n_rows

    def _placed(self, batch: Any) -> Any:
        """Move a batch to the device; of one that is there nothing is copied."""
        inputs, labels = batch
        inputs = {name: part.to(self.device) for name, part in inputs.items()}
        return inputs, [part.to(self.device) for part in labels]

    def _check_gradients(self) -> None:
        if len(self._sums) == 1 and all(p.grad is None for p in self.module_.parameters()):
            raise ValueError(
                f"{type(self.criterion_).__name__}.backward left the network without gradients: "
                "it must call backward on what it makes of the task losses."
            )
