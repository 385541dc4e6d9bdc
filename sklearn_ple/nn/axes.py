"""The axes of parameters and buffers: to which members and tasks their entries belong."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Axis:
    """An axis of a parameter or buffer, by the members and tasks to which its entries belong.

    The entries of a member are adjacent, and each member has the same ones.

    Parameters
    ----------
    runs : tuple of (int or None, int), default=((None, 1),)
        The entries of one member: pairs of the position of a task and the number of its adjacent
        entries. None stands for entries of no task in particular.
    n_members : int, default=1
        Number of members, each of which has such entries; 1 if the axis does not divide the
        members.

    See Also
    --------
    Body.per_member, Body.per_task : Make the axes of a network's layers.
    Body.declare_axes : Declare the axes of a network's own parameters.

    Examples
    --------
    Two members, with two experts of task 0, one of task 1 and a shared one:

    >>> from sklearn_ple.nn import Axis
    >>> axis = Axis(((0, 2), (1, 1), (None, 1)), n_members=2)
    >>> len(axis), axis.owners
    (8, [0, 0, 1, None])
    """

    runs: tuple[tuple[int | None, int], ...] = ((None, 1),)
    n_members: int = 1

    def __len__(self) -> int:
        """Return the length of the axis."""
        return self.n_members * self.n_each

    @property
    def n_each(self) -> int:
        """Number of entries of each member."""
        return sum(n for _, n in self.runs)

    @property
    def owners(self) -> list[int | None]:
        """For each entry of one member the position of its task, or None."""
        return [task for task, n in self.runs for _ in range(n)]

    @classmethod
    def of_tasks(cls, n_tasks: int, n_members: int = 1) -> "Axis":
        """Return the axis with one entry for each task.

        Parameters
        ----------
        n_tasks : int
            Number of tasks.
        n_members : int, default=1
            Number of members; 1 if the axis does not divide them.

        Returns
        -------
        Axis
            The axis, of length ``n_members * n_tasks``.
        """
        return cls(tuple((task, 1) for task in range(n_tasks)), n_members)

    def find_entries(self, task: int | None) -> Tensor:
        """Return the positions of a task's entries, or of those of no task, in one member.

        Parameters
        ----------
        task : int or None
            Position of the task.

        Returns
        -------
        Tensor of int
            The positions.
        """
        numbers = torch.tensor([n for _, n in self.runs])
        is_own = torch.tensor([owner == task for owner, _ in self.runs])
        return is_own.repeat_interleave(numbers).nonzero().flatten()

    def repeat(self, n: int) -> "Axis":
        """Return an axis with n adjacent entries in place of each one.

        Parameters
        ----------
        n : int
            Number of entries, such as the units of a layer.

        Returns
        -------
        Axis
            The longer axis.
        """
        return Axis(tuple((task, n * n_of_task) for task, n_of_task in self.runs), self.n_members)


#: The axes of a tensor: None for one that divides neither members nor tasks, such as units.
Axes = tuple[Axis | None, ...]


def as_axis(entries: Axis | int) -> Axis:
    """Return an axis as it is, and a number as an axis of so many entries of no task."""
    return entries if isinstance(entries, Axis) else Axis(((None, entries),))


class ByTask(nn.ModuleList):
    """A list with one module for each task, which belongs to the task as a whole.

    Parameters
    ----------
    modules : iterable of Module, optional
        The modules, in the order of the tasks.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_ple.nn import ByTask
    >>> len(ByTask([nn.Linear(7, 1), nn.Linear(7, 3)]))
    2
    """


def collect_axes(network: nn.Module) -> dict[str, tuple[Axis, ...]]:
    """Return the axes of all parameters and buffers in the state of a module.

    They are those that the method ``declare_axes`` of the module, or of a module in it, returns:
    a dict from the names of parameters and buffers to their axes. The outer module takes
    precedence. All other axes belong to no member and no task. Those in a `ByTask` belong to
    members at most.

    Parameters
    ----------
    network : Module
        The module.

    Returns
    -------
    dict of str to tuple of Axis
        The axes, by the names in ``state_dict``.

    Raises
    ------
    ValueError
        If a module declares axes of other lengths than those of the tensor.
    """
    state = network.state_dict()
    axes = {name: tuple(map(as_axis, tensor.shape)) for name, tensor in state.items()}
    for prefix, module in reversed([*network.named_modules(remove_duplicate=False)]):
        start = f"{prefix}." if prefix else ""
        for name, declared in getattr(module, "declare_axes", dict)().items():
            found = axes.get(start + name, ())
            whole = [n if axis is None else axis for axis, n in zip(declared, found, strict=False)]
            if [*map(len, whole)] != [*map(len, found)] or len(declared) != len(found):
                lengths = [None if axis is None else len(axis) for axis in declared]
                raise ValueError(
                    f"{type(module).__name__}.declare_axes declares axes of lengths {lengths} for "
                    f"{name!r}, whose shape is {[*map(len, found)] or None}."
                )
            axes[start + name] = tuple(whole)
        if isinstance(module, ByTask):
            for name in axes:
                if name.startswith(start):
                    axes[name] = tuple(map(_drop_tasks, axes[name]))
    return axes


def _drop_tasks(axis: Axis) -> Axis:
    return Axis(((None, axis.n_each),), axis.n_members)


def find_member_axes(network: nn.Module) -> dict[str, int | None]:
    """Return the position of the members' axis in each tensor of a module's state.

    Parameters
    ----------
    network : Module
        The module.

    Returns
    -------
    dict of str to int or None
        The positions, by the names in ``state_dict``; None for tensors that members share.
    """
    return {
        name: next((n for n, axis in enumerate(axes) if axis.n_members > 1), None)
        for name, axes in collect_axes(network).items()
    }
