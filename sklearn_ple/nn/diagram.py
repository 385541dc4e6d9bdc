"""What a network consists of, described so that it can be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(eq=False)
class Block:
    """A part of one member's network, as an expert, a gate or a tower.

    Parameters
    ----------
    kind : str
        What it is: "gate" and "mixing" weigh what they read.
    name : str
        Its name; experts and gates have the names that ``gate_weights`` of the estimators uses.
    task : int or None
        Position of the task that it belongs to; None where it is shared.
    n_parameters : int
        Number of its parameters.
    reads : sequence of Block, default=()
        The blocks whose outputs it reads; none for the features.

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


#: Rows of blocks, from the features up to below the towers, and what each task's tower reads.
Diagram = tuple[list[list[Block]], list[list[Block]]]


def size(parameters: Iterable[Tensor], n_blocks: int) -> int:
    """Count the parameters of one block out of several of one shape."""
    return sum(parameter.numel() for parameter in parameters) // n_blocks
