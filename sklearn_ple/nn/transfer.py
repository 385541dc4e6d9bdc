"""Copying weights from another network, which may have other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import torch
from torch import Size, Tensor, nn

from .growth import EMBEDDINGS

# Not copied, since they depend on the training rows: ridge regressions and weights of members.
_ANEW = ("linear.", "mean.")


@torch.no_grad()
def transfer(
    network: nn.Module,
    other: nn.Module,
    tasks: Sequence[str],
    other_tasks: Sequence[str],
    longer: Mapping[str, Size],
    n_members: int,
) -> None:
    """Copy the weights that tasks share, and those of tasks that both networks have.

    The shapes of a network with one more task show which axes of a weight, and which lists, belong
    to tasks. If a weight cannot be divided among the tasks, such as that of a gate over all
    experts, it is copied only if both networks have the same tasks. The linear path and the
    weights of the members are not copied.

    Parameters
    ----------
    network : Module
        The network, which is changed in place.
    other : Module
        The other network, of the same kind and widths.
    tasks, other_tasks : sequence of str
        Names of the tasks of the two networks.
    longer : mapping of str to Size
        Shapes of the parameters and buffers of a network with one more task; if both networks
        have the same tasks, those of this network.
    n_members : int
        Number of members of both networks.
    """
    there, n_tasks = other.state_dict(), (len(tasks), len(other_tasks))
    places = {task: k for k, task in enumerate(other_tasks)}
    pairs = {k: places[task] for k, task in enumerate(tasks) if task in places}
    weights = network.state_dict()
    # Names of the further entries that lists of tasks have with one more task.
    further = longer.keys() - weights.keys()
    for name, weight in weights.items():
        source = _name_there(name, further, len(tasks), pairs)
        if source not in there or name not in longer or name.startswith(_ANEW):
            continue
        old = there[source]
        if list(tasks) == list(other_tasks) or longer[name] == weight.shape:
            if old.shape == weight.shape:
                weight.copy_(old)
            continue
        blocks = []
        for axis, sizes in enumerate(zip(weight.shape, old.shape, longer[name], strict=True)):
            by_member = axis == 0 or name.startswith(EMBEDDINGS)
            blocks.append(_blocks(sizes, n_tasks, pairs, n_members if by_member else 1))
        if all(blocks):
            here, from_there = (
                torch.meshgrid(*own, indexing="ij") for own in zip(*blocks, strict=True)
            )
            weight[here] = old[from_there].to(weight)


def _name_there(name: str, further: Set[str], n_tasks: int, pairs: Mapping[int, int]) -> str:
    """Return a parameter's name in the other network, which differs in a list of tasks."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        last = ".".join([*parts[:place], str(n_tasks), *parts[place + 1 :]])
        if part.isdecimal() and int(part) < n_tasks and last in further:
            k = pairs.get(int(part))
            return "" if k is None else ".".join([*parts[:place], str(k), *parts[place + 1 :]])
    return name


def _blocks(
    sizes: tuple[int, int, int],
    n_tasks: tuple[int, int],
    pairs: Mapping[int, int],
    n_members: int,
) -> tuple[Tensor, Tensor] | None:
    """Return the positions on an axis here and in the other network; None if they are unknown.

    The sizes are those of the axis in this network, in the other one, and in this network with
    one more task.
    """
    size, other, longer = sizes
    if longer == size:
        return None if other != size else (torch.arange(size), torch.arange(size))
    n = (longer - size) // n_members
    if any(s != n_members * k * n for s, k in zip((size, other), n_tasks, strict=True)):
        return None
    by_task = (torch.arange(s).view(n_members, k, n) for s, k in zip(sizes, n_tasks, strict=False))
    chosen = zip(by_task, (list(pairs), list(pairs.values())), strict=True)
    here, there = (places[:, which].flatten() for places, which in chosen)
    return here, there
