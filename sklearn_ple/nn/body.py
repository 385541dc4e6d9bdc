"""What all multi-task networks have in common: features in, every task's outputs out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .diagram import Block


class Body(nn.Module, ABC):
    """A multi-task network: a subclass says what each task's tower reads, and has ``towers``.

    Parameters
    ----------
    n_members : int
        Number of independent networks.
    n_tasks : int
        Number of tasks of each.
    n_views : int, optional
        Number of views of the features that it reads; one for each member by default.
    """

    towers: Any

    def __init__(self, n_members: int, n_tasks: int, n_views: int | None = None):
        super().__init__()
        self.n_members = n_members
        self.n_tasks = n_tasks
        self.n_views = n_members if n_views is None else n_views

    def representations(self, inputs: Tensor) -> Any:
        """Compute what the towers read.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features as each member sees them. Without the first axis, all see the same.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
            One representation per member and task; where the tasks' differ in width, a list of
            one tensor of shape (n_members, n_rows, width) for each task.
        """
        views = inputs if inputs.dim() == 3 else inputs.expand(self.n_views, *inputs.shape)
        return self._represent(views)

    @abstractmethod
    def _represent(self, inputs: Tensor) -> Any:
        """Compute the representations from inputs with a first axis."""

    def diagram(self, tasks: Sequence[str]) -> list[list[Block]]:
        """Tell what one member consists of.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of Block
            Rows of blocks, from the features up; the last one is that of the towers.
        """
        rows, read = self._diagram(tasks)
        towers = [
            Block("tower", task, position, n, own)
            for position, (task, n, own) in enumerate(
                zip(tasks, self.towers.n_parameters, read, strict=True)
            )
        ]
        return [*rows, towers]

    @abstractmethod
    def _diagram(self, tasks: Sequence[str]) -> tuple[list[list[Block]], list[list[Block]]]:
        """Give the rows below the towers, and the blocks that each task's tower reads."""

    def penalty(self) -> Tensor | float:
        """Compute what is added to the loss in training; nothing for most networks.

        Returns
        -------
        Tensor or float
            The penalty, a scalar.
        """
        return 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the outputs of all tasks.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features as each member sees them. For a single member the first axis may be left
            out.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The tasks' outputs side by side; without a first axis if the inputs have none.
        """
        outputs = self.towers(self.representations(inputs))
        return outputs if inputs.dim() == 3 else outputs.squeeze(0)

    def _for_each_task(self, shared: Tensor) -> Tensor:
        """Give every task what its member has: (n_members, ...) to (n_members * n_tasks, ...)."""
        return shared.repeat_interleave(self.n_tasks, dim=0)

    def _side_by_side(self, own: Tensor, shared: Tensor) -> Tensor:
        """Join what tasks have of their own and what they share, along the last axis."""
        return torch.cat([own, self._for_each_task(shared)], dim=-1)
