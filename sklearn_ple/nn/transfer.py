"""Copying weights from another network: one of fewer tasks, or one of other tasks."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from .axes import Axis, ByTask, collect_axes

# Not copied, since they depend on the training rows: ridge regressions and weights of members.
_ANEW = ("linear.", "mean.")

#: The positions of corresponding entries on each axis of a tensor: here, and in another network.
Places = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def take_over(network: nn.Module, earlier: nn.Module) -> dict[str, Tensor]:
    """Copy the weights of an earlier network of the same kind, which has only the first tasks.

    Entries by which an earlier task reads from a new task, such as those of a matrix of tasks by
    tasks, are set to zero. So the outputs of the earlier tasks do not change.

    Parameters
    ----------
    network : Module
        The network for all tasks, which is changed in place.
    earlier : Module
        The network for the first tasks.

    Returns
    -------
    dict of str to Tensor of bool
        By the names of parameters and buffers, which entries belong to the earlier tasks.

    Raises
    ------
    ValueError
        If the network lacks a weight of the earlier network, or if it is not known which entries
        of a weight belong to the earlier tasks.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CrossStitch
    >>> from sklearn_ple.nn.transfer import take_over
    >>> earlier, network = CrossStitch(7, [1]), CrossStitch(7, [1, 3])
    >>> of_earlier = take_over(network, earlier)
    >>> X = torch.ones(10, 7)
    >>> torch.allclose(network(X)[:, :1], earlier(X))
    True
    >>> of_earlier["stitches.0"].squeeze()
    tensor([[ True,  True],
            [False, False]])
    """
    before, after = earlier.state_dict(), network.state_dict()
    if lost := sorted(before.keys() - after.keys()):
        raise ValueError(f"With more tasks the network no longer has {lost[0]}.")
    axes, axes_before = collect_axes(network), collect_axes(earlier)
    masks = {name: torch.zeros_like(tensor, dtype=torch.bool) for name, tensor in after.items()}
    for name, old in before.items():
        new, mask = after[name], masks[name]
        places = _match(axes[name], axes_before[name])
        if places is None or prod(len(there) for _, there in places) < old.numel():
            raise ValueError(
                f"With more tasks {name} has the shape {tuple(new.shape)} instead of "
                f"{tuple(old.shape)}, but no axis of the tasks: declare its axes, see "
                "Body.declare_axes."
            )
        readers: list[Any] = [slice(None)] * new.dim()
        for axis in [n for n, size in enumerate(old.shape) if size != new.shape[n]][:1]:
            # In a matrix of tasks by tasks, the first axis is that of the tasks that read.
            readers[axis] = places[axis][0]
        mask[tuple(readers)] = True
        new[mask] = 0
        _copy(new, old, places)
    return masks


@torch.no_grad()
def transfer(
    network: nn.Module, other: nn.Module, tasks: Sequence[str], other_tasks: Sequence[str]
) -> None:
    """Copy the weights that tasks share, and those of tasks that both networks have.

    A weight is left as it is if it is not known which entries belong together. The linear path and
    the weights of the members are not copied.

    Parameters
    ----------
    network : Module
        The network, which is changed in place.
    other : Module
        The other network, of the same kind and widths.
    tasks, other_tasks : sequence of str
        Names of the tasks of the two networks.
    """
    numbers = {task: k for k, task in enumerate(other_tasks)}
    pairs = {k: numbers[task] for k, task in enumerate(tasks) if task in numbers}
    there, axes, axes_there = other.state_dict(), collect_axes(network), collect_axes(other)
    lists = [name for name, part in network.named_modules() if isinstance(part, ByTask)]
    for name, weight in network.state_dict().items():
        source = _name_there(name, lists, pairs)
        if source not in there or name.startswith(_ANEW):
            continue
        places = _match(axes[name], axes_there[source], pairs)
        if places is not None:
            _copy(weight, there[source], places)


def _name_there(name: str, lists: Sequence[str], pairs: Mapping[int, int]) -> str:
    """Return a parameter's name in the other network, in which its task has another number."""
    for prefix in lists:
        if name.startswith(f"{prefix}."):
            task, _, rest = name.removeprefix(f"{prefix}.").partition(".")
            return f"{prefix}.{pairs.get(int(task))}.{rest}"
    return name


def _match(
    axes: Sequence[Axis], axes_there: Sequence[Axis], tasks: Mapping[int, int] | None = None
) -> Places | None:
    """Find the entries on each axis of two tensors that correspond; None if it is not known.

    ``tasks`` has the number in the other network for each task here; by default it is the same.
    """
    if len(axes) != len(axes_there):
        return None
    places = []
    for axis, there in zip(axes, axes_there, strict=True):
        pairs = [torch.empty(2, 0, dtype=torch.int64)]
        for task in dict(axis.runs):
            other = task if task is None or tasks is None else tasks.get(task, -1)
            here, others = axis.find_entries(task), there.find_entries(other)
            if task is None and len(here) != len(others):
                return None
            n = min(len(here), len(others))
            pairs.append(torch.stack([here[:n], others[:n]]))
        if axis.n_members != there.n_members:
            return None
        starts = torch.tensor([[axis.n_each], [there.n_each]]) * torch.arange(axis.n_members)
        first, second = (starts[:, :, None] + torch.cat(pairs, dim=1)[:, None]).flatten(1)
        places.append((first, second))
    return places


def _copy(new: Tensor, old: Tensor, places: Places) -> None:
    """Copy the entries that correspond."""
    here, there = (
        tuple(pair[side].view(-1, *[1] * (new.dim() - n)) for n, pair in enumerate(places, 1))
        for side in (0, 1)
    )
    new[here] = old[there].to(new)
