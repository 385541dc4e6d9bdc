"""A network that starts from the weights of another one, which may have other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Size, Tensor, nn

from .growth import EMBEDDINGS

# What follows from the rows that are trained on: ridge regressions, and how members count.
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
    """Copy what tasks share, and what is of a task that both networks have.

    A network of one task more shows which axes of a weight, and which lists, are of tasks. Where
    tasks cannot be told apart, as in a gate over all experts, a weight is copied if the tasks are
    the same. The linear path and the members' weights in the mean stay as they are.

    Parameters
    ----------
    network : Module
        The network, changed in place.
    other : Module
        The other one, of the same kind and widths.
    tasks, other_tasks : sequence of str
        The names of their tasks.
    longer : mapping of str to Size
        The shapes of the parameters and buffers of a network of one task more.
    n_members : int
        Number of members of both.
    """
    there, n_tasks = other.state_dict(), (len(tasks), len(other_tasks))
    places = {task: k for k, task in enumerate(other_tasks)}
    pairs = {k: places[task] for k, task in enumerate(tasks) if task in places}
    for name, weight in network.state_dict().items():
        source = _name_there(name, longer, len(tasks), pairs)
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


def _name_there(
    name: str, longer: Mapping[str, Size], n_tasks: int, pairs: Mapping[int, int]
) -> str:
    """Return what a parameter is called in the other network: in a list of tasks, by its place."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        # With one task more, the list has one entry more.
        last = ".".join([*parts[:place], str(n_tasks), *parts[place + 1 :]])
        if part.isdecimal() and int(part) < n_tasks and last in longer:
            k = pairs.get(int(part))
            return "" if k is None else ".".join([*parts[:place], str(k), *parts[place + 1 :]])
    return name


def _blocks(
    sizes: tuple[int, int, int],
    n_tasks: tuple[int, int],
    pairs: Mapping[int, int],
    n_members: int,
) -> tuple[Tensor, Tensor] | None:
    """Return which places of an axis are taken from which; None if tasks cannot be told apart.

    The sizes are those of the axis here, in the other network, and here with one task more.
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
