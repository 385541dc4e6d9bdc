"""Copying the weights of a network to one with additional tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# On each axis of these parameters, members are in order, and the views of a member adjacent.
EMBEDDINGS = ("embedding.", "numeric_embedding.")


@torch.no_grad()
def take_over(network: nn.Module, earlier: nn.Module, n_members: int) -> dict[str, Tensor]:
    """Copy the weights of an earlier network of the same kind, which has only the first tasks.

    If a weight is larger than in the earlier network, the entries of the earlier tasks come first;
    if members are on the first axis, they come first within each member. Entries by which an
    earlier task reads from a new task, such as those of a matrix of tasks by tasks, are set to
    zero. So the outputs of the earlier tasks do not change.

    Parameters
    ----------
    network : Module
        The network for all tasks, which is changed in place.
    earlier : Module
        The network for the first tasks.
    n_members : int
        Number of members of both networks.

    Returns
    -------
    dict of str to Tensor of bool
        By the names of parameters and buffers, which entries belong to the earlier tasks.

    Raises
    ------
    ValueError
        If the network lacks a weight of the earlier network, or if a weight is smaller.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CrossStitch
    >>> from sklearn_ple.nn.growth import take_over
    >>> earlier, network = CrossStitch(7, [1]), CrossStitch(7, [1, 3])
    >>> of_earlier = take_over(network, earlier, n_members=1)
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
    masks = {name: torch.zeros_like(tensor, dtype=torch.bool) for name, tensor in after.items()}
    for name, old in before.items():
        new = after[name]
        longer = [axis for axis in range(new.dim()) if new.shape[axis] != old.shape[axis]]
        if new.dim() != old.dim() or any(new.shape[axis] < old.shape[axis] for axis in longer):
            raise ValueError(
                f"With more tasks {name} has the shape {tuple(new.shape)}, which cannot hold the "
                f"earlier one, {tuple(old.shape)}."
            )
        by_member = name.startswith(EMBEDDINGS)
        places = [
            _places(n_old, n_new, n_members if by_member or axis == 0 else 1)
            for axis, (n_old, n_new) in enumerate(zip(old.shape, new.shape, strict=True))
        ]
        if longer:
            # In a matrix of tasks by tasks, the first axis is that of the tasks that read.
            readers = torch.zeros(new.shape[longer[0]], dtype=torch.bool)
            readers[places[longer[0]]] = True
            shape = [-1 if axis == longer[0] else 1 for axis in range(new.dim())]
            masks[name] |= readers.view(shape).to(new.device)
            new[masks[name]] = 0
            new[torch.meshgrid(*places, indexing="ij")] = old.to(new)
        else:
            masks[name].fill_(True)
            new.copy_(old)
    return masks


def _places(n_before: int, n_after: int, n_members: int) -> Tensor:
    """Return the new positions of the earlier entries on an axis, which may hold members."""
    parts = n_members if n_before % n_members == n_after % n_members == 0 else 1
    starts = torch.arange(parts) * (n_after // parts)
    return (starts[:, None] + torch.arange(n_before // parts)).flatten()
