"""Gates that weigh experts, and the weighted sums."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .mlp import BatchedLinear, BatchedMLP


class Gates(nn.Module):
    """Softmax gates of the same shape, which weigh experts.

    A gate is a linear layer without a bias, after hidden layers if there are any, and a softmax
    over the experts. A gate over a single expert is the constant 1 and has no parameters.

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
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates.
    activation : str, default="relu"
        Activation of the hidden layers, a key of `ACTIVATIONS`.

    Attributes
    ----------
    keeps_read : bool
        Whether the last input in training is kept, for a penalty on the weights; False at first.
    read : Tensor or None
        The last input, if it is kept, detached from its gradient.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Gates
    >>> gates = Gates(n_groups=2, n_gates=6, in_features=7, n_experts=4)
    >>> weights = gates(torch.zeros(2, 10, 7))
    >>> weights.shape
    torch.Size([6, 4, 10])
    >>> weights[0, :, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def __init__(
        self,
        n_groups: int,
        n_gates: int,
        in_features: int,
        n_experts: int,
        *,
        hidden_units: Sequence[int] = (),
        activation: str = "relu",
    ):
        super().__init__()
        self.n_gates = n_gates
        self.n_experts = n_experts
        self.keeps_read = False
        self.read: Tensor | None = None
        self.hidden = self.logits = None
        if n_experts > 1:
            per_group = n_gates // n_groups
            if hidden_units:
                self.hidden = BatchedMLP(
                    n_groups, per_group, in_features, hidden_units, activation=activation
                )
                n_groups, per_group, in_features = n_gates, 1, hidden_units[-1]
            self.logits = self._make_logits(n_groups, per_group, in_features)

    def _make_logits(self, n_groups: int, per_group: int, in_features: int) -> BatchedLinear:
        """Make the last layers, which compute the logits."""
        return BatchedLinear(n_groups, per_group, in_features, self.n_experts, bias=False)

    def forward(self, branches: Tensor) -> Tensor:
        """Compute the weights of the experts.

        Parameters
        ----------
        branches : Tensor of shape (n_groups, n_rows, in_features)
            One input for each group of gates.

        Returns
        -------
        Tensor of shape (n_gates, n_experts, n_rows)
            The weights, which sum to 1 over the experts. The gates of a group are adjacent.
        """
        if self.keeps_read and self.training:
            self.read = branches.detach()
        if self.logits is None:
            return branches.new_ones(self.n_gates, 1, branches.shape[1])
        return self._weights(self._logits(branches))

    def _logits(self, branches: Tensor) -> Tensor:
        """Compute the logits, of shape (n_gates, n_logits, n_rows)."""
        assert self.logits is not None
        hidden = branches if self.hidden is None else self.hidden(branches)
        return self.logits(hidden).mT

    def _weights(self, logits: Tensor) -> Tensor:
        """Turn logits into weights."""
        return logits.softmax(dim=1)

    def weights_and_entropy(self) -> tuple[Tensor, Tensor | float]:
        """Compute the weights for the last input again, for a penalty that trains only the gates.

        The input is then no longer kept.

        Returns
        -------
        weights : Tensor of shape (n_gates, n_experts, n_rows)
            The weights.
        entropy : Tensor or float
            The entropy of the selectors of gates that choose experts, a scalar; 0 for a softmax.
        """
        assert self.logits is not None
        assert self.read is not None
        logits = self._logits(self.read.to(self.logits.weight.dtype))
        self.read = None
        return self._weights(logits), self._entropy(logits)

    def _entropy(self, logits: Tensor) -> Tensor | float:
        return 0.0


def mix(weights: Tensor, *banks: Tensor) -> Tensor:
    """Sum the outputs of experts, weighted by gates.

    Parameters
    ----------
    weights : Tensor of shape (..., n_experts, n_rows)
        The outputs of the gates. The first axes are those of the gates.
    *banks : Tensor of shape (..., n_experts, n_rows, width)
        The outputs of the experts, in one tensor or in several that follow the order of the
        weights. The first axes are those of the gates, or have length 1 if all gates weigh the
        same experts.

    Returns
    -------
    Tensor of shape (..., n_rows, width)
        The weighted sums.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import mix
    >>> weights = torch.tensor([[0.25], [0.75]])
    >>> experts = torch.tensor([[[4.0]], [[8.0]]])
    >>> mix(weights, experts)
    tensor([[7.]])
    """
    # Rows are along the last axis, as they are in memory in training.
    factors = weights.unsqueeze(-2).unbind(-3)
    first, *others = [expert for bank in banks for expert in _experts(bank.mT)]
    mixed = factors[0] * first
    for factor, expert in zip(factors[1:], others, strict=True):
        mixed = mixed.addcmul_(factor, expert)
    return mixed.mT


def _experts(bank: Tensor) -> Sequence[Tensor]:
    """Split a bank into its experts; for a single expert the gradient needs no copy."""
    return [bank.squeeze(-3)] if bank.shape[-3] == 1 else bank.unbind(-3)
