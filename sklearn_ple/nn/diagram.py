"""The description of a network by nodes, for drawings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(eq=False)
class Node:
    """A part of one member's network, such as an expert, a gate or a tower.

    Parameters
    ----------
    kind : str
        Kind of the node, such as "expert" or "tower". Nodes of kind "gate" and "mixing" weigh
        the nodes that they read, and are drawn as circles.
    name : str
        Name of the node. Experts and gates have the names that ``gate_weights`` of estimators
        uses.
    task : int or None
        Position of the task to which the node belongs; None if it is shared.
    n_parameters : int
        Number of parameters of the node.
    reads : sequence of Node, default=()
        The nodes whose outputs it reads; empty if it reads the features.

    Examples
    --------
    >>> from sklearn_ple.nn import Node
    >>> expert = Node("expert", "shared 1", None, n_parameters=512)
    >>> Node("gate", "death", 0, n_parameters=8, reads=[expert])
    Node(kind='gate', name='death', task=0, n_parameters=8)
    """

    kind: str
    name: str
    task: int | None
    n_parameters: int
    reads: "Sequence[Node]" = field(default=(), repr=False)


#: Rows of nodes, from the features up, without the towers; and the nodes that each tower reads.
Diagram = tuple[list[list[Node]], list[list[Node]]]


def count_for_one(parameters: Iterable[Tensor], n_nodes: int) -> int:
    """Return the number of parameters of one node among several of the same shape."""
    return sum(parameter.numel() for parameter in parameters) // n_nodes


def describe(
    kind: str, module: Any, names: Sequence[str], reads: Sequence[Sequence[Node]] | None = None
) -> list[Node]:
    """Describe the layers of a module, one node for each layer of a member.

    Parameters
    ----------
    kind : str
        Kind of the nodes.
    module : Module
        Layers of the same shape, with an attribute ``axis``.
    names : sequence of str
        Name of each node.
    reads : sequence of sequence of Node, optional
        The nodes that each node reads; by default all read the features.
    """
    n = count_for_one(module.parameters(), len(module.axis))
    below = [()] * len(names) if reads is None else reads
    nodes = zip(names, module.axis.owners, below, strict=True)
    return [Node(kind, name, owner, n, read) for name, owner, read in nodes]
