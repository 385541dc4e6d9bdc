"""The kind of gates of a network, and the penalty on their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..processes import current
from .dselect_k import DSelectKGates
from .gates import Gates

#: Kinds of gates, by the names that the estimators accept.
GATES: dict[str, type[Gates]] = {"softmax": Gates, "dselect_k": DSelectKGates}


@dataclass(frozen=True)
class Gating:
    """Options of the gates of a network: their kind, and the penalty on their weights.

    The penalty is the sum of two terms over all gates, averaged over the members:

    - ``load_balancing`` times the squared coefficient of variation of the experts' importance. The
      importance of an expert is the sum of its weights over the rows of the batch (Shazeer et
      al., 2017);
    - ``entropy`` times the entropy of the selectors of DSelect-k gates, averaged over the rows of
      the batch. It makes each selector choose one expert.

    The penalty trains only the gates: its gradient does not flow to the layers below.

    Parameters
    ----------
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates.
    kind : {"softmax", "dselect_k"}, default="softmax"
        Kind of gates, see `Gates` and `DSelectKGates`.
    k : int, default=2
        Number of experts that a DSelect-k gate chooses.
    entropy : float, default=1e-3
        Factor of the penalty on the entropy.
    load_balancing : float, default=0.0
        Factor of the penalty on uneven importance.

    References
    ----------
    N. Shazeer, A. Mirhoseini, K. Maziarz, A. Davis, Q. Le, G. Hinton, J. Dean. "Outrageously Large
    Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer". ICLR 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Gating
    >>> gating = Gating(kind="dselect_k", k=1)
    >>> gates = gating.make(
    ...     1, 2, in_features=7, n_experts=4, activation="relu"
    ... )
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
        """Make gates of the same shape.

        Parameters
        ----------
        n_groups : int
            Number of distinct inputs.
        n_gates : int
            Total number of gates, the same number for each input.
        in_features : int
            Width of the input.
        n_experts : int
            Number of experts that each gate weighs.
        activation : str
            Activation of the hidden layers, a key of `ACTIVATIONS`.

        Returns
        -------
        Gates
            The gates.

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        if self.kind not in GATES:
            raise ValueError(f"gate={self.kind!r} is not one of {list(GATES)}.")
        options: dict[str, Any] = {"hidden_units": self.hidden_units, "activation": activation}
        penalised = self.load_balancing > 0
        if self.kind == "dselect_k":
            options["k"] = self.k
            penalised |= self.entropy > 0
        gates = GATES[self.kind](n_groups, n_gates, in_features, n_experts, **options)
        gates.keeps_read = penalised and n_experts > 1
        return gates

    def penalty(self, network: nn.Module, n_members: int) -> Tensor | float:
        """Compute the penalty on the weights of the gates in the last batch.

        Parameters
        ----------
        network : nn.Module
            The network that contains the gates.
        n_members : int
            Number of members.

        Returns
        -------
        Tensor or float
            The penalty, a scalar; 0 without a penalty, or without a batch since the last call.
        """
        total: Tensor | float = 0.0
        for gates in network.modules():
            if isinstance(gates, Gates) and gates.read is not None:
                weights, entropy = gates.weights_and_entropy()
                total = total + self.entropy * entropy
                if self.load_balancing:
                    total = total + self.load_balancing * unevenness(weights).sum()
        return total / n_members


def unevenness(weights: Tensor) -> Tensor:
    """Compute the squared coefficient of variation of the experts' importance.

    Parameters
    ----------
    weights : Tensor of shape (n_gates, n_experts, n_rows)
        Weights of the experts.

    Returns
    -------
    Tensor of shape (n_gates,)
        0 if all experts have the same importance, and n_experts - 1 if a single expert has all of
        it.
    """
    importance = current().shared_total(weights.sum(dim=2))
    mean = importance.mean(dim=1, keepdim=True)
    return ((importance - mean) / mean).square().mean(dim=1)
