"""Which gates a network has, and the penalty on their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from ..processes import current
from .dselect_k import DSelectKGates
from .gates import Gates
from .part import n_of_all

#: Kinds of gates by the names that the estimators take; called with k.
GATES: dict[str, Callable[[int], Callable[..., Gates]]] = {
    "softmax": lambda k: Gates,
    "dselect_k": lambda k: partial(DSelectKGates, k=k),
}


@dataclass(frozen=True)
class Gating:
    """The gates of a network: of which kind they are, and the penalty on their weights.

    The penalty is the sum over all gates, and the members' mean, of

    - ``load_balancing`` times the squared coefficient of variation of the experts' importance,
      which is the sum of their weights over the rows of the batch, as in Shazeer et al. (2017);
    - ``entropy`` times the entropies of the selectors of DSelect-k gates, their mean over the
      rows.

    It trains the gates alone: its gradient does not reach what they read.

    Parameters
    ----------
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates.
    kind : str, default="softmax"
        A key of `GATES`.
    k : int, default=2
        Number of experts that a DSelect-k gate chooses.
    entropy : float, default=1e-3
        Factor of the penalty on the entropy.
    load_balancing : float, default=0.0
        Factor of the penalty on importance that is uneven.

    References
    ----------
    N. Shazeer, A. Mirhoseini, K. Maziarz, A. Davis, Q. Le, G. Hinton, J. Dean. "Outrageously Large
    Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer". ICLR 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Gating
    >>> gating = Gating(kind="dselect_k", k=1)
    >>> gates = gating.make(1, 2, in_features=7, n_experts=4, activation="relu")
    >>> gates(torch.zeros(1, 10, 7)).shape
    torch.Size([2, 4, 10])
    """

    hidden_units: Sequence[int] = ()
    kind: str = "softmax"
    k: int = 2
    entropy: float = 1e-3
    load_balancing: float = 0.0

    def make(
        self, n_groups: int, n_gates: int, in_features: int, n_experts: int, activation: str
    ) -> Gates:
        """Make gates of one shape.

        Parameters
        ----------
        n_groups : int
            Number of distinct inputs.
        n_gates : int
            Number of gates in all, as many for each input.
        in_features : int
            Width of the input.
        n_experts : int
            Number of experts that each gate weighs.
        activation : str
            A key of `ACTIVATIONS`, for the hidden layers.

        Returns
        -------
        Gates
            The gates.

        Raises
        ------
        ValueError
            If there are no gates of this kind.
        """
        if self.kind not in GATES:
            raise ValueError(f"gate={self.kind!r} is none of {list(GATES)}.")
        options = {"hidden_units": self.hidden_units, "activation": activation}
        gates = GATES[self.kind](self.k)(n_groups, n_gates, in_features, n_experts, **options)
        chooses = isinstance(gates, DSelectKGates) and self.entropy > 0
        gates.keeps_read = n_experts > 1 and (chooses or self.load_balancing > 0)
        return gates

    def penalty(self, network: nn.Module, n_members: int) -> Tensor | float:
        """Compute the penalty on the gates' weights in the last batch.

        Parameters
        ----------
        network : nn.Module
            What holds the gates.
        n_members : int
            Number of members.

        Returns
        -------
        Tensor or float
            The penalty, a scalar; 0 if there is none, or no batch since the last call.
        """
        total: Tensor | float = 0.0
        for gates in network.modules():
            if isinstance(gates, Gates) and gates.read is not None:
                weights, entropy = gates.weights_and_entropy()
                total = total + self.entropy * entropy
                if self.load_balancing:
                    total = total + self.load_balancing * unevenness(weights).sum()
        return total / n_of_all(n_members)


def unevenness(weights: Tensor) -> Tensor:
    """Compute the squared coefficient of variation of the experts' importance.

    Parameters
    ----------
    weights : Tensor of shape (n_gates, n_experts, n_rows)
        The gates' weights.

    Returns
    -------
    Tensor of shape (n_gates,)
        Zero where all experts count alike, one less than their number where one alone counts.
    """
    importance = current().shared_total(weights.sum(dim=2))
    mean = importance.mean(dim=1, keepdim=True)
    return ((importance - mean) / mean).square().mean(dim=1)
