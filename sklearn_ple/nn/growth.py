"""A network for more tasks, with the weights of one for some of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Views of the features lie side by side in the rows of these, member by member.
EMBEDDINGS = ("embedding.", "numeric_embedding.")


@torch.no_grad()
def take_over(network: nn.Module, earlier: nn.Module, n_members: int) -> dict[str, Tensor]:
    """Copy the weights of an earlier network of the same kind, which has the first tasks alone.

    Where a weight is longer than it was, the earlier tasks come first, within each member where
    members are on the first axis. An entry by which an earlier task reads what a new one has, as
    in a matrix of tasks by tasks, becomes zero: so the earlier tasks are computed as they were.

    Parameters
    ----------
    network : Module
        The network for all tasks, changed in place.
    earlier : Module
        The network for the first of them.
    n_members : int
        Number of members of both.

    Returns
    -------
    dict of str to Tensor of bool
        By the names of parameters and buffers, which entries are the earlier tasks'.

    Raises
    ------
    ValueError
        If the network lacks something of the earlier one, or has less of it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CrossStitch
    >>> from sklearn_ple.nn.growth import take_over
    >>> earlier, network = (CrossStitch(7, n_outputs) for n_outputs in ([1], [1, 3]))
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
        raise ValueError(f"With more tasks the network has no {lost[0]}, which it had.")
    masks = {name: torch.zeros_like(tensor, dtype=torch.bool) for name, tensor in after.items()}
    for name, old in before.items():
        new = after[name]
        longer = [axis for axis in range(new.dim()) if new.shape[axis] != old.shape[axis]]
        if new.dim() != old.dim() or any(new.shape[axis] < old.shape[axis] for axis in longer):
            raise ValueError(
                f"With more tasks {name} is of shape {tuple(new.shape)}, which cannot hold that "
                f"of before, {tuple(old.shape)}."
            )
        by_member = name.startswith(EMBEDDINGS)
        places = [
            _places(n_old, n_new, n_members if by_member or axis == 0 else 1)
            for axis, (n_old, n_new) in enumerate(zip(old.shape, new.shape, strict=True))
        ]
        if longer:
            # What reads comes before what is read.
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
    """Return where on an axis, of members or not, the entries of before are now."""
    parts = n_members if n_before % n_members == n_after % n_members == 0 else 1
    starts = torch.arange(parts) * (n_after // parts)
    return (starts[:, None] + torch.arange(n_before // parts)).flatten()
