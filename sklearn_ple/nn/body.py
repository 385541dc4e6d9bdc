"""What all multi-task networks have in common: features in, every task's outputs out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .diagram import Block
from .mlp import BatchedMLP
from .towers import TOWER_DEFAULTS, SeparateTowers, TowerOptions, Towers


class Body(nn.Module, ABC):
    """A multi-task network: a subclass says what each task's tower reads, and has ``towers``.

    Parameters
    ----------
    n_outputs : sequence of int
        Number of outputs of each task.
    n_views : int, optional
        Number of views of the features that it reads; one for each member by default.
    **towers : TowerOptions
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `TowerOptions`.

    Raises
    ------
    TypeError
        If there is an option of another name.
    """

    towers: Any

    def __init__(
        self,
        n_outputs: Sequence[int],
        *,
        n_views: int | None = None,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__()
        if unknown := sorted(towers.keys() - TOWER_DEFAULTS.keys()):
            raise TypeError(
                f"{type(self).__name__} takes no {', '.join(unknown)}. Beside its own parameters "
                f"it takes {', '.join(TOWER_DEFAULTS)}."
            )
        options = TOWER_DEFAULTS | towers
        self.n_outputs = list(n_outputs)
        self.n_tasks = len(self.n_outputs)
        self.tower_hidden_units = options["tower_hidden_units"]
        self.activation = options["activation"]
        self.dropout = options["dropout"]
        self.n_members = options["n_members"]
        self.n_views = self.n_members if n_views is None else n_views

    def make_towers(self, widths: int | Sequence[int]) -> Towers | SeparateTowers:
        """Make the towers, with the network's options.

        Parameters
        ----------
        widths : int or sequence of int
            Width of what the towers read; where the tasks' differ, one for each task.

        Returns
        -------
        Towers or SeparateTowers
            The towers of all tasks. They read one tensor, or of several widths a list of one
            tensor for each task.

        Raises
        ------
        ValueError
            If there are not as many widths as tasks.
        """
        options: dict[str, Any] = {
            "hidden_units": self.tower_hidden_units,
            "activation": self.activation,
            "dropout": self.dropout,
            "n_members": self.n_members,
        }
        if not isinstance(widths, Sequence):
            return Towers(widths, self.n_outputs, **options)
        if len(widths) != self.n_tasks:
            raise ValueError(f"widths={widths} are not one for each of {self.n_tasks} tasks.")
        # Towers of different input widths can't be evaluated together.
        return SeparateTowers(
            Towers(width, [n], **options) for width, n in zip(widths, self.n_outputs, strict=True)
        )

    def make_mlps(
        self, n_groups: int, n_per_group: int, in_features: int, hidden_units: Sequence[int]
    ) -> BatchedMLP:
        """Make MLPs of one shape, with the network's activation and dropout.

        Parameters
        ----------
        n_groups : int
            Number of distinct inputs: that of the members, or of the members' tasks.
        n_per_group : int
            Number of MLPs that read each input.
        in_features : int
            Width of the input.
        hidden_units : sequence of int
            Width of every layer, the last one's included.

        Returns
        -------
        BatchedMLP
            The MLPs, evaluated together.
        """
        return BatchedMLP(
            n_groups,
            n_per_group,
            in_features,
            hidden_units,
            activation=self.activation,
            dropout=self.dropout,
        )

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
