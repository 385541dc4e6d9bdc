"""The description of a network by blocks, for drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(eq=False)
class Block:
    """A part of one member's network, such as an expert, a gate or a tower.

    Parameters
    ----------
    kind : str
        Kind of the block, such as "expert" or "tower". Blocks of kind "gate" and "mixing" weigh
        the blocks that they read, and are drawn as circles.
    name : str
        Name of the block. Experts and gates have the names that ``gate_weights`` of estimators
        uses.
    task : int or None
        Position of the task to which the block belongs; None if it is shared.
    n_parameters : int
        Number of parameters of the block.
    reads : sequence of Block, default=()
        The blocks whose outputs it reads; empty if it reads the features.

    Examples
    --------
    >>> from sklearn_ple.nn import Block
    >>> expert = Block("expert", "shared 1", None, n_parameters=512)
    >>> Block("gate", "death", 0, n_parameters=8, reads=[expert])
    Block(kind='gate', name='death', task=0, n_parameters=8)
    """

    kind: str
    name: str
    task: int | None
    n_parameters: int
    reads: Sequence[Block] = field(default=(), repr=False)


#: Rows of blocks, from the features up, without the towers; and the blocks that each tower reads.
Diagram = tuple[list[list[Block]], list[list[Block]]]


def size(parameters: Iterable[Tensor], n_blocks: int) -> int:
    """Return the number of parameters of one block among several of the same shape."""
    return sum(parameter.numel() for parameter in parameters) // n_blocks


def describe(
    kind: str, module: Any, names: Sequence[str], reads: Sequence[Sequence[Block]] | None = None
) -> list[Block]:
    """Describe the layers of a module, one block for each layer of a member.

    Parameters
    ----------
    kind : str
        Kind of the blocks.
    module : Module
        Layers of the same shape, with an attribute ``axis``.
    names : sequence of str
        Name of each block.
    reads : sequence of sequence of Block, optional
        The blocks that each block reads; by default all read the features.
    """
    n = size(module.parameters(), len(module.axis))
    below = [()] * len(names) if reads is None else reads
    blocks = zip(names, module.axis.owners, below, strict=True)
    return [Block(kind, name, owner, n, read) for name, owner, read in blocks]
