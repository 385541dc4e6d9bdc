"""What all multi-task networks have in common: features in, every task's outputs out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .diagram import Block, Diagram, size
from .mlp import BatchedMLP
from .towers import TOWER_DEFAULTS, SeparateTowers, TowerOptions, Towers


class Body(nn.Module, ABC):
    """A multi-task network: what all have in common, and what one's own is built upon.

    A subclass makes its layers and its ``towers`` in ``__init__``, by `make_mlps` and
    `make_towers`, and computes what each task's tower reads in `represent`. By some further
    hooks it may describe more of itself:

    - `penalty`, which is added to the loss in training;
    - `diagram`, what it consists of, which pictures of it show;
    - ``gate_names``, for a network with `Gates`, their names and those of the experts that they
      weigh, as `PLE.gate_names` returns them; ``gate_weights`` of an estimator needs it;
    - ``expert_names``, the names of the experts in each bank, as `PLE.expert_names` returns them;
      `~sklearn_ple.inspection.expert_health` looks by it at what they put out.

    All members, independent networks of one shape, are evaluated together. Tensors have them on
    the first axis: one input for each, and one representation for each task of the first member,
    then of the second, and so on.

    Parameters
    ----------
    n_outputs : sequence of int
        Number of outputs of each task.
    n_views : int, optional
        Number of views of the features that it reads; one for each member by default.
    **towers : TowerOptions
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `TowerOptions`.

    Attributes
    ----------
    n_tasks : int
        Number of tasks.
    n_members : int
        Number of independent networks.
    n_views : int
        Number of views of the features.
    activation : str
        A key of `ACTIVATIONS`.

    Raises
    ------
    TypeError
        If there is an option of another name.

    See Also
    --------
    TabularNetwork : What turns a table into the features that a body reads.

    Examples
    --------
    A linear layer that all tasks share, below linear towers:

    >>> import torch
    >>> from sklearn_ple.nn import BatchedLinear, Body
    >>> class LowRank(Body):
    ...     def __init__(self, in_features, n_outputs, *, rank=4, **towers):
    ...         super().__init__(n_outputs, **towers)
    ...         self.shared = BatchedLinear(self.n_members, 1, in_features, rank)
    ...         self.towers = self.make_towers(rank)
    ...
    ...     def represent(self, inputs):
    ...         return self.for_each_task(self.shared(inputs))
    >>> network = LowRank(7, [1, 3], tower_hidden_units=(), n_members=2)
    >>> network(torch.zeros(2, 10, 7)).shape
    torch.Size([2, 10, 4])
    """

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
        # Made by the subclass, once the width of what they read is known.
        self.towers: Any = None

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
        self,
        n_groups: int,
        n_per_group: int,
        in_features: int,
        hidden_units: Sequence[int],
        *,
        linear_output: bool = False,
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
        linear_output : bool, default=False
            Whether the last layer is not activated.

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
            linear_output=linear_output,
        )

    def for_each_task(self, shared: Tensor) -> Tensor:
        """Repeat what the tasks of a member share, once for each task.

        Parameters
        ----------
        shared : Tensor of shape (n_members, ...)
            What each member has.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, ...)
            The same for every task of a member.
        """
        return shared.repeat_interleave(self.n_tasks, dim=0)

    def side_by_side(self, own: Tensor, shared: Tensor) -> Tensor:
        """Join what tasks have of their own and what they share, along the last axis.

        Parameters
        ----------
        own : Tensor of shape (n_members * n_tasks, n_rows, own_width)
            What each task of a member has.
        shared : Tensor of shape (n_members, n_rows, shared_width)
            What each member has.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, own_width + shared_width)
            Both, for every task of a member.
        """
        return torch.cat([own, self.for_each_task(shared)], dim=-1)

    @abstractmethod
    def represent(self, inputs: Tensor) -> Tensor | list[Tensor]:
        """Compute what the towers read: the hook that makes a network.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features as each member sees them.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
            One representation per member and task, the tasks of a member side by side. Where
            towers were made of several widths, a list of one tensor of shape (n_members, n_rows,
            width) for each task.
        """

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        """Describe what one member consists of below the towers: an optional hook.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        rows : list of list of Block
            Rows of blocks, from the features up. By default one block, of all that is no tower.
        read : list of list of Block
            For each task the blocks that its tower reads; none for the features.
        """
        towers = set(self.towers.parameters())
        below = [parameter for parameter in self.parameters() if parameter not in towers]
        block = Block("body", type(self).__name__, None, size(below, self.n_members))
        return [[block]], [[block] for _ in tasks]

    def penalty(self) -> Tensor | float:
        """Compute what is added to the loss in training: an optional hook.

        Returns
        -------
        Tensor or float
            The penalty, a scalar; by default 0.
        """
        return 0.0

    def representations(self, inputs: Tensor) -> Tensor | list[Tensor]:
        """Compute what the towers read, from inputs with or without a first axis.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features as each member sees them. Without the first axis, all see the same.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
            What `represent` returns.

        Raises
        ------
        ValueError
            If there are not as many views as it reads, or `represent` returns what the towers do
            not read.
        """
        self._check_towers()
        views = inputs if inputs.dim() == 3 else inputs.expand(self.n_views, *inputs.shape)
        if len(views) != self.n_views:
            raise ValueError(
                f"{type(self).__name__} reads {self.n_views} views of the features, but there are "
                f"{len(views)}: the network and the estimator's n_views must agree."
            )
        read = self.represent(views)
        self._check_shapes(read, views.shape[1])
        return read

    def _check_towers(self) -> None:
        """Raise an error if the subclass made no towers."""
        if self.towers is None:
            raise AttributeError(
                f"{type(self).__name__} has no towers: end its __init__ by "
                "self.towers = self.make_towers(width), with the width of what they read."
            )

    def _check_shapes(self, read: Any, n_rows: int) -> None:
        """Raise an error if this is not what the towers read."""
        expected: Any
        if isinstance(self.towers, SeparateTowers):
            expected = [(self.n_members, n_rows, width) for width in self.towers.widths]
            axes = "for each task (n_members, n_rows, width)"
        else:
            expected = (self.n_members * self.n_tasks, n_rows, self.towers.widths[0])
            axes = "(n_members * n_tasks, n_rows, width)"
        shapes = _shapes(read)
        if shapes != expected:
            raise ValueError(
                f"{type(self).__name__}.represent returned {_described(shapes)}, but its towers "
                f"read {_described(expected)}: {axes}."
            )

    def blocks(self, tasks: Sequence[str]) -> list[list[Block]]:
        """Describe what one member consists of, towers included.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of Block
            Rows of blocks, from the features up; the last one is that of the towers.
        """
        self._check_towers()
        rows, read = self.diagram(tasks)
        towers = [
            Block("tower", task, position, n, own)
            for position, (task, n, own) in enumerate(
                zip(tasks, self.towers.n_parameters, read, strict=True)
            )
        ]
        return [*rows, towers]

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
        read = self.representations(inputs)
        outputs = self.towers(read)
        return outputs if inputs.dim() == 3 else outputs.squeeze(0)


def _shapes(read: Any) -> Any:
    """Return the shape of a tensor or of a list of them; of anything else its type's name."""
    if isinstance(read, Tensor):
        return tuple(read.shape)
    return [_shapes(own) for own in read] if isinstance(read, list) else type(read).__name__


def _described(shapes: Any) -> str:
    """Describe what has such shapes."""
    if isinstance(shapes, list):
        return f"a list of shapes {shapes}"
    return f"a tensor of shape {shapes}" if isinstance(shapes, tuple) else f"a {shapes}"
