"""The base class of multi-task networks: from features to the outputs of all tasks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from torch import Tensor, nn

from .axes import Axes, Axis
from .diagram import Diagram, Node, count_for_one
from .gates import GateOptions, Gates
from .mlp import BatchedMLP
from .towers import SeparateTowers, SharedTowers, TaskTowers, Towers


class TowerOptions(TypedDict, total=False):
    """Options of the towers that every network accepts, see `Body`."""

    tower_hidden_units: Sequence[int]
    activation: str
    dropout: float | Sequence[float]
    n_members: int


class Body(nn.Module, ABC):
    """Base class of multi-task networks, from features to the outputs of all tasks.

    A subclass creates its layers in ``__init__``, for example with `make_mlps`, and last its
    ``towers`` with `make_towers`. A tower is the part of the network that turns the representation
    of one task into its outputs. The method `represent` computes these representations.

    The layers of all members and tasks are evaluated together. Make them with `per_member` or
    `per_task`, from which it is known to which member and task each weight belongs. Members can
    then be trained in parallel, and ``add_task`` and ``warm_start_from`` of an estimator find the
    weights of each task.

    A subclass may implement further methods:

    - `declare_axes` does the same for parameters of the network's own;
    - `penalty` is added to the loss in training;
    - `diagram` describes the network for drawings of it;
    - ``gate_names`` names the gates, and the experts that they weigh, in a network with `Gates`.
      It returns the same as `PLE.gate_names`, and ``gate_weights`` of an estimator needs it;
    - ``expert_names`` names the experts in each bank. It returns the same as `PLE.expert_names`,
      and `~sklearn_ple.inspection.expert_health` needs it.

    The members of an ensemble are independent networks of the same shape, which are evaluated
    together. Members are on the first axis of tensors. The representations of the first member's
    tasks come first, then those of the second member's tasks, and so on.

    Parameters
    ----------
    n_outputs : sequence of int
        Number of outputs of each task.
    views : sequence of (int or None), default=(None,)
        The views of the features that a member reads, each with its own embeddings: for each view
        the position of the task that it belongs to, or None.
    tower_hidden_units : sequence of int, default=(32,)
        Widths of the hidden layers of every tower; empty for linear towers.
    activation : {"relu", "gelu", "silu", "elu", "tanh"}, default="relu"
        Activation of all hidden layers of the network.
    dropout : float or sequence of float, default=0.0
        Share of activations that are dropped in training, in towers and below: the same for all
        members, or one for each.
    n_members : int, default=1
        Number of independent networks that are evaluated together.

    Attributes
    ----------
    n_tasks : int
        Number of tasks.
    n_members : int
        Number of independent networks.
    views : Axis
        The views of all members.
    activation : str
        Name of the activation, a key of `ACTIVATIONS`.

    See Also
    --------
    InputLayer : Turn a table into the features that a body reads.

    Examples
    --------
    A linear layer that all tasks share, below linear towers:

    >>> import torch
    >>> from sklearn_ple.nn import BatchedLinear, Body
    >>> class LowRank(Body):
    ...     def __init__(self, in_features, n_outputs, *, rank=4, **towers):
    ...         super().__init__(n_outputs, **towers)
    ...         self.shared = BatchedLinear(
    ...             self.per_member(), in_features, rank
    ...         )
    ...         self.towers = self.make_towers(rank)
    ...
    ...     def represent(self, inputs):
    ...         return self.for_each_task(self.shared(inputs))
    >>> network = LowRank(7, [1, 3], tower_hidden_units=(), n_members=2)
    >>> network(torch.zeros(2, 10, 7)).shape
    torch.Size([2, 10, 4])
    """

    towers: TaskTowers

    def __init__(
        self,
        n_outputs: Sequence[int],
        *,
        views: Sequence[int | None] = (None,),
        tower_hidden_units: Sequence[int] = (32,),
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
        n_members: int = 1,
    ):
        super().__init__()
        self.n_outputs = list(n_outputs)
        self.n_tasks = len(self.n_outputs)
        self.tower_hidden_units = tower_hidden_units
        self.activation = activation
        self.dropout = dropout
        self.n_members = n_members
        self.views = Axis(tuple((task, 1) for task in views), self.n_members)
        self._read_alike = False

    def per_member(self, n: int = 1) -> Axis:
        """Return the axis of layers that the tasks of a member share.

        Parameters
        ----------
        n : int, default=1
            Number of layers for each member.

        Returns
        -------
        Axis
            The axis, of length ``n_members * n``.
        """
        return Axis(((None, n),), self.n_members)

    def per_task(self, n: int | Sequence[int] = 1) -> Axis:
        """Return the axis of layers that belong to the tasks.

        Parameters
        ----------
        n : int or sequence of int, default=1
            Number of layers for each task of a member; or for each task its number.

        Returns
        -------
        Axis
            The axis. The layers of a task are adjacent.
        """
        numbers = n if isinstance(n, Sequence) else [n] * self.n_tasks
        return Axis(tuple(enumerate(numbers)), self.n_members)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of parameters and buffers that belong to members or tasks.

        A subclass overrides it for parameters of its own; the layers of this package declare
        theirs. A layer of your own may have such a method, too. What is not declared belongs to no
        member and to no task.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            For each parameter or buffer, by its name, one entry for each axis: what `per_member`
            or `per_task` returns, an `Axis` of tasks alone, or None. By default the dict is empty.

        Examples
        --------
        A matrix of tasks by tasks for each member:

        >>> import torch
        >>> from sklearn_ple.nn import Axis, SharedBottom
        >>> class Related(SharedBottom):
        ...     def __init__(self, in_features, n_outputs, **towers):
        ...         super().__init__(in_features, n_outputs, **towers)
        ...         n = self.n_tasks
        ...         matrix = torch.eye(n).repeat(self.n_members, 1, 1)
        ...         self.relations = torch.nn.Parameter(matrix)
        ...
        ...     def declare_axes(self):
        ...         tasks = Axis.of_tasks(self.n_tasks)
        ...         return {"relations": (self.per_member(), tasks, tasks)}
        """
        return {}

    def make_towers(self, widths: int | Sequence[int], shared: bool = False) -> TaskTowers:
        """Make the towers, with the options of the network.

        Parameters
        ----------
        widths : int or sequence of int
            Width of the towers' input; if tasks differ, one width for each task.
        shared : bool, default=False
            Whether all tasks of a member read the same: `represent` then returns a tensor of shape
            (n_members, n_rows, width). Linear towers are then a single layer, which is fast with
            many tasks.

        Returns
        -------
        Towers, SeparateTowers or SharedTowers
            The towers of all tasks. With one width they read one tensor, with a sequence of widths
            a list with one tensor for each task.

        Raises
        ------
        ValueError
            If a sequence of widths does not have one entry for each task.
        """
        options: dict[str, Any] = {
            "hidden_units": self.tower_hidden_units,
            "activation": self.activation,
            "dropout": self.dropout,
            "n_members": self.n_members,
        }
        if not isinstance(widths, Sequence):
            self._read_alike = shared
            if shared and not self.tower_hidden_units:
                return SharedTowers(widths, self.n_outputs, self.n_members)
            return Towers(widths, self.n_outputs, **options)
        if len(widths) != self.n_tasks:
            raise ValueError(
                f"widths={widths} must have one entry for each of {self.n_tasks} tasks."
            )
        # Towers with inputs of different widths cannot be evaluated together.
        return SeparateTowers(
            Towers(width, [n], **options) for width, n in zip(widths, self.n_outputs, strict=True)
        )

    def make_mlps(
        self, mlps: Axis | int, in_features: int, hidden_units: Sequence[int]
    ) -> BatchedMLP:
        """Make MLPs of the same shape, with the activation and dropout of the network.

        Parameters
        ----------
        mlps : Axis or int
            The MLPs: what `per_member` or `per_task` returns, or only their number.
        in_features : int
            Width of the input.
        hidden_units : sequence of int
            Width of every layer, including the last.

        Returns
        -------
        BatchedMLP
            The MLPs, which are evaluated together.
        """
        return BatchedMLP(
            mlps, in_features, hidden_units, activation=self.activation, dropout=self.dropout
        )

    def make_gates(
        self,
        gates: Axis | int,
        in_features: int,
        experts: Axis | int,
        **options: Unpack[GateOptions],
    ) -> Gates:
        """Make gates of the same shape, with the activation of the network.

        Parameters
        ----------
        gates : Axis or int
            The gates: what `per_member` or `per_task` returns, or only their number.
        in_features : int
            Width of the input.
        experts : Axis or int
            The experts that each gate weighs: the tasks to which they belong, or only their
            number.
        **options : object
            ``hidden_units``, ``scale`` and ``prior``, see `Gates`.

        Returns
        -------
        Gates
            The gates, which are evaluated together.
        """
        return Gates(gates, in_features, experts, activation=self.activation, **options)

    def for_each_task(self, shared: Tensor) -> Tensor:
        """Repeat a tensor that the tasks of a member share, once for each task.

        Parameters
        ----------
        shared : Tensor of shape (n_members, ...)
            A tensor for each member.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, ...)
            The same tensor for every task of a member.
        """
        return shared.repeat_interleave(self.n_tasks, dim=0)

    @abstractmethod
    def represent(self, inputs: Tensor) -> Tensor | list[Tensor]:
        """Compute the representations that the towers read; every subclass implements it.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features, in the view of each member.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
            One representation for each member and task; the tasks of a member are adjacent. If the
            towers were made with a sequence of widths, a list with one tensor of shape (n_members,
            n_rows, width) for each task; with ``shared=True``, a single tensor of this shape.
        """

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        """Describe the parts of one member below the towers, for drawings.

        A subclass may override it. By default there is a single node. If there are nodes of kind
        "gate", they are the gates of ``gate_names``: a row for each level, with the same names,
        and each reads the nodes of its experts in their order.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        rows : list of list of Node
            Rows of nodes, from the features up.
        read : list of list of Node
            For each task the nodes that its tower reads; empty for towers that read the features.
        """
        towers = set(self.towers.parameters())
        below = [parameter for parameter in self.parameters() if parameter not in towers]
        node = Node("body", type(self).__name__, None, count_for_one(below, self.n_members))
        return [[node]], [[node] for _ in tasks]

    def penalty(self) -> Tensor | float:
        """Compute a penalty, which is added to the loss in training.

        A subclass may override it.

        Returns
        -------
        Tensor or float
            The penalty, a scalar: the mean over the members. By default 0.
        """
        return 0.0

    def representations(self, inputs: Tensor) -> Tensor | list[Tensor]:
        """Compute the representations that the towers read, and check their shape.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features, in the view of each member. Without the first axis, all members have the
            same view.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
            What `represent` returns.

        Raises
        ------
        AttributeError
            If the subclass made no towers.
        ValueError
            If the number of views is wrong, or if `represent` returns a tensor of a shape that the
            towers cannot read.
        """
        self._check_towers()
        n_views = len(self.views)
        views = inputs if inputs.dim() == 3 else inputs.expand(n_views, *inputs.shape)
        if len(views) != n_views:
            raise ValueError(
                f"{type(self).__name__} reads {n_views} views of the features, but there are "
                f"{len(views)}: the network and the estimator's views must agree."
            )
        read = self.represent(views)
        self._check_shapes(read, views.shape[1])
        return read

    def _check_towers(self) -> None:
        """Raise an error if the subclass made no towers."""
        if not hasattr(self, "towers"):
            raise AttributeError(
                f"{type(self).__name__} has no towers: end its __init__ with "
                "self.towers = self.make_towers(width), where width is that of their input."
            )

    def _check_shapes(self, read: Tensor | list[Tensor], n_rows: int) -> None:
        """Raise an error if the towers cannot read tensors of these shapes."""
        expected: tuple[int, ...] | list[tuple[int, ...]]
        if isinstance(self.towers, SeparateTowers):
            expected = [(self.n_members, n_rows, width) for width in self.towers.widths]
            axes = "for each task (n_members, n_rows, width)"
        else:
            n_read = 1 if self._read_alike else self.n_tasks
            expected = (self.n_members * n_read, n_rows, self.towers.widths[0])
            axes = f"(n_members{'' if self._read_alike else ' * n_tasks'}, n_rows, width)"
        shapes = _list_shapes(read)
        if shapes != expected:
            raise ValueError(
                f"{type(self).__name__}.represent returned {shapes}, but its towers read "
                f"{expected}: {axes}."
            )

    def nodes(self, tasks: Sequence[str]) -> list[list[Node]]:
        """Describe the parts of one member, including the towers.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of Node
            Rows of nodes, from the features up; the last row holds the towers.
        """
        self._check_towers()
        rows, read = self.diagram(tasks)
        parts = enumerate(zip(tasks, self.towers.n_parameters, read, strict=True))
        return [*rows, [Node("tower", task, k, n, below) for k, (task, n, below) in parts]]

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the outputs of all tasks: ``y^k = t^k(g^k(x))``, with the towers t.

        Parameters
        ----------
        inputs : Tensor of shape (n_views, n_rows, in_features)
            The features, in the view of each member. For a single member the first axis may be
            left out.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The tasks' outputs side by side; without a first axis if the inputs have none.
        """
        read = self.representations(inputs)
        outputs = self.towers(read)
        return outputs if inputs.dim() == 3 else outputs.squeeze(0)


def _list_shapes(read: object) -> Any:
    """Return the shape of a tensor, the shapes of a list, or the name of any other type."""
    if isinstance(read, list):
        return [_list_shapes(tensor) for tensor in read]
    return tuple(read.shape) if isinstance(read, Tensor) else type(read).__name__
