"""Networks that read a table: from its numbers and category codes to ordered outputs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .body import Body
from .diagram import Node
from .inputs import InputLayer
from .linear_path import LinearPath
from .links import EventLink
from .names import ExpertNames, GateNames
from .shapes import check_tensor


class TabularNetwork(nn.Module):
    """A network that reads a table: an input layer, a body, and a linear path beside it.

    The input layer turns numbers and category codes into features, from which the body computes
    the outputs of all members. A linear path may lead from the numbers directly to the outputs,
    and a link may connect the outputs of events. The mean over the members is the prediction.

    Parameters
    ----------
    inputs : InputLayer
        The input layer.
    body : Body
        The network that reads the features.
    linear : LinearPath, optional
        The linear path, whose outputs are added to those of the body.
    link : EventLink, optional
        Link that turns the outputs of all members into outputs of the same shape.
    mean : callable, optional
        A function or module that turns the members' outputs, of shape (n_members, n_rows,
        n_outputs), into the outputs of their mean prediction, of shape (n_rows, n_outputs). By
        default the mean of the outputs.
    order : TaskOrder, optional
        The order of the tasks of the outputs; by default that of the body.

    Attributes
    ----------
    product_dtype : torch.dtype or None
        Data type of the body's matrix products in training. None, the initial value, is that of
        the parameters, which is always used in evaluation.

    Examples
    --------
    Two numbers and a column with four codes of categories:

    >>> import torch
    >>> from sklearn_ple.nn import PLE, CategoricalEmbedding
    >>> from sklearn_ple.nn import InputLayer, TabularNetwork
    >>> inputs = InputLayer(2, CategoricalEmbedding([4], "auto"))
    >>> network = TabularNetwork(inputs, PLE(inputs.n_features, [1, 1]))
    >>> codes = torch.zeros(10, 1, dtype=torch.int64)
    >>> network(torch.zeros(10, 2), codes).shape
    torch.Size([10, 2])
    """

    def __init__(
        self,
        inputs: InputLayer,
        body: Body,
        *,
        linear: LinearPath | None = None,
        link: EventLink | None = None,
        mean: Any = None,
        order: "TaskOrder | None" = None,
    ):
        super().__init__()
        self.inputs = inputs
        self.body = body
        self.linear = linear
        self.link = link
        self.mean = mean
        self.order = TaskOrder([], []) if order is None else order
        self.product_dtype: torch.dtype | None = None

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks: the members' mean of ``t^k(g^k(x)) + linear(x)``.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        outputs = self.member_outputs(numbers, codes)
        return outputs.mean(dim=0) if self.mean is None else self.mean(outputs)

    def member_outputs(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks for each member.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers) or (n_members, n_rows, n_numbers)
            The numeric features. The rows are the same for all members, or different for each.
        codes : Tensor of shape (n_rows, n_columns) or (n_members, n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        return self._link_outputs(self._compute_unlinked(numbers, codes))

    def training_outputs(
        self, numbers: Tensor, codes: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the outputs, and the terms that the link adds to the losses.

        Parameters
        ----------
        numbers, codes : Tensor
            The inputs, see `member_outputs`.
        targets, weights : Tensor
            The encoded labels and their weights, see `EventLink.added_losses`.

        Returns
        -------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs, the same as those of `member_outputs`.
        added : Tensor of shape (n_members, n_rows, n_tasks) or None
            The terms that are added to the losses; None if there are none.
        """
        outputs = self._compute_unlinked(numbers, codes)
        if self.link is None:
            return outputs, None
        linked = self._link_outputs(outputs)
        added = self.link.added_losses(outputs, targets, weights)
        if added is not None:
            expected = (*outputs.shape[:-1], targets.shape[-1])
            check_tensor(f"{type(self.link).__name__}.added_losses", added, expected)
        return linked, added

    def _link_outputs(self, outputs: Tensor) -> Tensor:
        """Link the outputs of events that depend on others, if there are any."""
        if self.link is None:
            return outputs
        linked = self.link(outputs)
        check_tensor(f"{type(self.link).__name__}.forward", linked, outputs.shape)
        return linked

    def _compute_unlinked(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of the members before the link."""
        features = self.inputs(numbers, codes)
        with self._product_context(features):
            outputs = self.order(self.body(features))
        if self.linear is None:
            return outputs
        # Numbers do not depend on parameters, so their gradient is not needed.
        return outputs + self.linear(features if numbers.requires_grad else features.detach())

    def representations(self, numbers: Tensor, codes: Tensor) -> list[Tensor]:
        """Compute the representations that the towers of the tasks read.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        list of Tensor of shape (n_members, n_rows, width)
            The representations, one for each task.
        """
        read = self.body.representations(self.inputs(numbers, codes))
        if not isinstance(read, list):
            by_task = read.unflatten(0, (self.body.n_members, -1))
            # All tasks may read the same.
            read = by_task.expand(-1, self.body.n_tasks, -1, -1).unbind(1)
        return self.order.sort_as_labels(read)

    @property
    def representation_widths(self) -> list[int]:
        """Width of each task's representation."""
        return self.order.sort_as_labels(self.body.towers.widths)

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the gates of the body, and their experts.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of GateNames
            The names, see `PLE.gate_names`; empty if the body has no gates.
        """
        name_gates = getattr(self.body, "gate_names", None)
        return [] if name_gates is None else name_gates(self.order.sort_as_network(tasks))

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        """Name the experts of the body.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of ExpertNames
            The names, see `PLE.expert_names`; empty if the body has no banks of experts.
        """
        name_experts = getattr(self.body, "expert_names", None)
        return [] if name_experts is None else name_experts(self.order.sort_as_network(tasks))

    def nodes(self, tasks: Sequence[str]) -> list[list[Node]]:
        """Describe the parts of one member's body.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of Node
            The nodes, see `Body.nodes`.
        """
        rows = self.body.nodes(self.order.sort_as_network(tasks))
        positions = self.order.sort_as_network(range(len(tasks)))
        for node in {node for row in rows for node in row}:
            if node.task is not None:
                node.task = positions[node.task]
        # Shared nodes come after those of the tasks.
        last = len(tasks)
        return [sorted(row, key=lambda b: last if b.task is None else b.task) for row in rows]

    def _product_context(self, features: Tensor) -> AbstractContextManager:
        """Return a context in which matrices are multiplied in ``product_dtype`` in training."""
        if self.product_dtype is None or not self.training:
            return nullcontext()
        return torch.autocast(features.device.type, self.product_dtype)


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
            by_task = np.split(np.arange(sum(n_outputs)), np.cumsum(n_outputs)[:-1])
            columns = torch.tensor(np.concatenate(self.sort_as_labels(by_task)))
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
