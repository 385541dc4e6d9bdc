"""DSelect-k gates (Hazimeh et al., NeurIPS 2021), which choose k of the experts."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .gates import Gates
from .mlp import BatchedLinear

# Added to weights, so that the logarithm of a zero weight is finite.
_EPSILON = 1e-6


def smooth_step(numbers: Tensor) -> Tensor:
    """Map numbers to 0 below -1/2, to 1 above 1/2, and in between by a cubic function."""
    inside = numbers.clamp(-0.5, 0.5)
    return 0.5 + inside * (1.5 - 2 * inside * inside)


class DSelectKGates(Gates):
    """Smooth gates that choose k of the experts: DSelect-k.

    A gate has k selectors, each of which chooses one expert. A selector computes
    ``m = ceil(log2 n)`` numbers from the row, ``z = Z x + c``, and turns them into weights of the
    n experts by the binary codes of the experts. With the smooth step function S, the weight
    ``r_i`` of expert i is a product over the digits j of the binary number i - 1: of ``S(z_j)``
    for digits that are 1, and of ``1 - S(z_j)`` for digits that are 0. If all z are at least 1/2
    in absolute value, one expert has all the weight. The weights of the gate are the mean of those
    of its selectors, weighted by a softmax: ``sum_l softmax(A x + a)_l r^(l)``.

    If n is not a power of two, some codes belong to no expert. Their weight is spread evenly over
    the experts, so that the weights of a row always sum to 1. In the authors' code
    (github.com/google-research/google-research, dselect_k_moe) the sum may be smaller, and its
    inverse is added to the loss. The penalty on the entropy of the selectors is in `Gating`.

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
    k : int, default=2
        Number of experts that each gate chooses; all if there are fewer.
    **hidden : object
        ``hidden_units`` and ``activation`` of the hidden layers, see `Gates`.

    Attributes
    ----------
    k : int
        Number of selectors of a gate.

    References
    ----------
    H. Hazimeh, Z. Zhao, A. Chowdhery, M. Sathiamoorthy, Y. Chen, R. Mazumder, L. Hong, E. H. Chi.
    "DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to Multi-Task
    Learning". NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import DSelectKGates
    >>> gates = DSelectKGates(
    ...     n_groups=2, n_gates=6, in_features=7, n_experts=4, k=2
    ... )
    >>> gates(torch.zeros(2, 10, 7)).shape
    torch.Size([6, 4, 10])
    """

    codes: Tensor

    def __init__(
        self,
        n_groups: int,
        n_gates: int,
        in_features: int,
        n_experts: int,
        *,
        k: int = 2,
        **hidden: Any,
    ):
        # Set first: the base class makes the layers, whose width depends on it.
        self.k = min(k, n_experts)
        super().__init__(n_groups, n_gates, in_features, n_experts, **hidden)
        digits = range(_n_digits(n_experts))
        codes = [[bool(i >> digit & 1) for digit in digits] for i in range(n_experts)]
        self.register_buffer("codes", torch.tensor(codes)[..., None], persistent=False)

    def _make_logits(self, n_groups: int, per_group: int, in_features: int) -> BatchedLinear:
        n_numbers = self.k * _n_digits(self.n_experts)
        logits = BatchedLinear(n_groups, per_group, in_features, n_numbers + self.k)
        # As in the authors' code, no expert is preferred at the start.
        for parameter in logits.parameters():
            numbers, shares = parameter.data.split([n_numbers, self.k], dim=1)
            nn.init.uniform_(numbers, -0.01, 0.01)
            nn.init.uniform_(shares, -0.05, 0.05)
        return logits

    def _selected(self, logits: Tensor) -> Tensor:
        """Compute the weights of each selector, of shape (n_gates, k, n_experts, n_rows)."""
        numbers = logits[:, : -self.k].unflatten(1, (self.k, -1)).unsqueeze(2)
        ones = smooth_step(numbers)
        # (n_gates, k, n_experts, n_digits, n_rows)
        first, *others = torch.where(self.codes, ones, 1 - ones).unbind(3)
        for factor in others:
            first = first * factor
        if self.n_experts < 2 ** len(self.codes[0]):
            first = first + (1 - first.sum(dim=2, keepdim=True)) / self.n_experts
        return first

    def _weights(self, logits: Tensor) -> Tensor:
        shares = logits[:, -self.k :].softmax(dim=1)
        return (shares.unsqueeze(2) * self._selected(logits)).sum(dim=1)

    def _entropy(self, logits: Tensor) -> Tensor:
        """Sum the entropies of the selectors, each averaged over the rows."""
        selected = self._selected(logits)
        return -(selected * (selected + _EPSILON).log()).sum(dim=(0, 1, 2)).mean()


def _n_digits(n_experts: int) -> int:
    return math.ceil(math.log2(n_experts))
