"""Names of the gates and experts of a network."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from .diagram import Node, describe


def number_names(name: str, n: int) -> list[str]:
    """Return n names: "name 1", "name 2" and so on."""
    return [f"{name} {i}" for i in range(1, n + 1)]


def avoid_names(name: str, taken: Collection[str], note: str) -> str:
    """Return the name, followed by a note in brackets if it is taken, as by a task or a group."""
    while name in taken:
        name = f"{name} ({note})"
    return name


def name_experts(owners: Sequence[int | None], tasks: Sequence[str]) -> list[str]:
    """Name experts after their tasks, and those of no task "shared", each with its number."""
    names: dict[int | None, str] = dict(enumerate(tasks))
    names[None] = avoid_names("shared", tasks, "all tasks")
    numbers: Counter[int | None] = Counter()
    found = []
    for owner in owners:
        numbers[owner] += 1
        found.append(f"{names[owner]} {numbers[owner]}")
    return found


def name_shared_gate(taken: Collection[str]) -> str:
    """Name the shared gate, other than the gates of the tasks or groups in ``taken``."""
    return avoid_names("shared gate", taken, "all tasks")


class GateNames(NamedTuple):
    """Names of the gates in one module of gates, and of the experts that they weigh.

    Parameters
    ----------
    module : Gates
        The gates, or another module that computes such weights.
    gates : list of str
        Name of each gate; the gate of a task has the name of the task.
    experts : list of list of str
        For each gate the names of the experts that it weighs.
    beside : frozenset of str, default=frozenset()
        Names of the experts that are read beside these gates, too, whatever their weights.

    Examples
    --------
    >>> from sklearn_ple.nn import GateNames, Gates
    >>> gates = Gates(2, in_features=7, experts=2)
    >>> experts = [["expert 1", "expert 2"]] * 2
    >>> names = GateNames(gates, ["death", "weight"], experts)
    >>> names.gates
    ['death', 'weight']
    """

    module: Any
    gates: list[str]
    experts: list[list[str]]
    beside: frozenset[str] = frozenset()

    def describe(self, experts: Mapping[str, Node]) -> list[Node]:
        """Describe the gates for drawings.

        Parameters
        ----------
        experts : mapping of str to Node
            The experts, by name.

        Returns
        -------
        list of Node
            The gates.
        """
        reads = [[experts[name] for name in names] for names in self.experts]
        return describe("gate", self.module, self.gates, reads)

    def pair_with_weights(self, weights: Tensor) -> list[tuple[str, list[str], Tensor]]:
        """Return the name of each gate, the names of its experts, and their weights.

        Parameters
        ----------
        weights : Tensor of shape (n_gates, n_rows, n_experts)
            The weights.

        Returns
        -------
        list of tuple of str, list of str and Tensor of shape (n_rows, n_experts)
            The names and weights, one for each gate.

        Raises
        ------
        ValueError
            If their number is another, which may happen in a network of your own.
        """
        n_gates, _, n_experts = weights.shape
        if len(self.gates) != n_gates or set(map(len, self.experts)) != {n_experts}:
            raise ValueError(
                f"gate_names of the network names {len(self.gates)} gates with "
                f"{[*map(len, self.experts)]} experts, but {type(self.module).__name__} "
                f"computes weights of {n_gates} gates with {n_experts} experts each."
            )
        return list(zip(self.gates, self.experts, weights, strict=True))


class ExpertNames(NamedTuple):
    """Names of the experts in one bank of experts.

    Parameters
    ----------
    module : nn.Module
        The bank. Its output has the shape (n_members * n_experts, n_rows, width); the experts of a
        member are adjacent.
    names : list of str
        Name of each expert of a member, the same as in the gates' weights.
    reads : list of str, default=[]
        For each expert the name of the gate at the level below whose output it reads; empty if
        experts read the features.

    Examples
    --------
    >>> from sklearn_ple.nn import MMoE
    >>> network = MMoE(in_features=7, n_outputs=[1, 3])
    >>> ((experts,),) = network.expert_names(["death", "weight"])
    >>> experts.names
    ['expert 1', 'expert 2', 'expert 3']
    """

    module: Any
    names: list[str]
    reads: list[str] = []

    def describe(self, gates: Mapping[str, Node]) -> list[Node]:
        """Describe the experts for drawings.

        Parameters
        ----------
        gates : mapping of str to Node
            The gates of the level below, by name; empty at the first level.

        Returns
        -------
        list of Node
            The experts.
        """
        reads = [[gates[name]] for name in self.reads] if gates else None
        return describe("expert", self.module, self.names, reads)
