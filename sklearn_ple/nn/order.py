"""The order of the tasks in a network, which may differ from that of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class TaskOrder(nn.Module):
    """Puts the tasks of a network, and their outputs, into the order of the labels.

    A network for which the order of the tasks has no meaning has them in the order of their names,
    so that the order of the labels has no effect on what is learnt.

    Parameters
    ----------
    positions : sequence of int
        For each task of the network its position in the order of the labels.
    n_outputs : sequence of int
        Number of outputs of each task of the network.

    Attributes
    ----------
    positions : list of int or None
        The positions; None if both orders are the same.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import TaskOrder
    >>> order = TaskOrder([1, 0], n_outputs=[1, 2])
    >>> order(torch.tensor([[0.0, 10.0, 20.0]]))
    tensor([[10., 20.,  0.]])
    >>> order.sort_as_network(["second", "first"]), order.sort_as_labels(["b", "a"])
    (['first', 'second'], ['a', 'b'])
    """

    columns: Tensor | None

    def __init__(self, positions: Sequence[int], n_outputs: Sequence[int]):
        super().__init__()
        in_order = sorted(positions)
        self.positions = None if list(positions) == in_order else list(positions)
        columns = None
        if self.positions is not None:
            by_task = torch.arange(sum(n_outputs)).split(list(n_outputs))
            columns = torch.cat(self.sort_as_labels(by_task))
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, outputs: Tensor) -> Tensor:
        """Put the outputs of the network's tasks into the order of the labels.

        Parameters
        ----------
        outputs : Tensor of shape (..., sum of n_outputs)
            The outputs of all tasks, in the order of the network.

        Returns
        -------
        Tensor of the same shape
            The outputs, in the order of the labels.
        """
        return outputs if self.columns is None else outputs.index_select(-1, self.columns)

    def sort_as_network(self, values: Sequence[Any]) -> list[Any]:
        """Put values of the tasks into the order of the network.

        Parameters
        ----------
        values : sequence
            One value for each task, in the order of the labels.

        Returns
        -------
        list
            The values, in the order of the network.
        """
        return list(values) if self.positions is None else [values[k] for k in self.positions]

    def sort_as_labels(self, values: Sequence[Any]) -> list[Any]:
        """Put values of the network's tasks into the order of the labels.

        Parameters
        ----------
        values : sequence
            One value for each task, in the order of the network.

        Returns
        -------
        list
            The values, in the order of the labels.
        """
        if self.positions is None:
            return list(values)
        by_position = dict(zip(self.positions, values, strict=True))
        return [by_position[k] for k in range(len(values))]
