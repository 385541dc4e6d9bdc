"""Gates that weigh experts, and the weighted sums."""

import math
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn

from .axes import Axes, Axis, as_axis
from .mlp import BatchedLinear, BatchedMLP


class GateOptions(TypedDict, total=False):
    """Options of gates, see `Gates`."""

    hidden_units: Sequence[int]
    scale: float
    prior: Sequence[float] | None


class Gates(nn.Module):
    """Softmax gates of the same shape, which weigh experts.

    A gate is a linear layer without a bias, after hidden layers if there are any, and a softmax
    over the experts. A gate over a single expert is the constant 1 and has no parameters.

    In the paper of PLE the weights are ``softmax(W_g^k x)``; `forward` has prior and scale, too.

    Parameters
    ----------
    gates : Axis or int
        The gates: the members and tasks to which they belong, or only their number. If there are
        fewer inputs, each is read by several adjacent gates.
    in_features : int
        Width of the input.
    experts : Axis or int
        The experts that each gate weighs: the tasks to which they belong, or only their number.
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates.
    activation : str, default="relu"
        Activation of the hidden layers, a key of `ACTIVATIONS`.
    scale : float, default=1.0
        Factor of the linear layer. With less than 1 the weights depend less on the input at first,
        and change more slowly in training.
    prior : sequence of float or None, default=None
        Weights of the experts where the linear layer puts out 0, each above 0; None for equal
        weights.

    Attributes
    ----------
    axis : Axis
        The gates.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Gates
    >>> gates = Gates(6, in_features=7, experts=4)
    >>> weights = gates(torch.zeros(2, 10, 7))
    >>> weights.shape
    torch.Size([6, 4, 10])
    >>> weights[0, :, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    offset: Tensor | None

    def __init__(
        self,
        gates: Axis | int,
        in_features: int,
        experts: Axis | int,
        *,
        hidden_units: Sequence[int] = (),
        activation: str = "relu",
        scale: float = 1.0,
        prior: Sequence[float] | None = None,
    ):
        super().__init__()
        self.axis, self.experts = as_axis(gates), as_axis(experts)
        # With a number of NumPy the weights would become float64.
        self.scale = float(scale)
        # It follows from the parameters of the network, so files need not hold it.
        offset = None if prior is None else torch.tensor([[math.log(share)] for share in prior])
        self.register_buffer("offset", offset, persistent=False)
        self.hidden = self.logits = None
        if len(self.experts) > 1:
            if hidden_units:
                self.hidden = BatchedMLP(gates, in_features, hidden_units, activation=activation)
                in_features = hidden_units[-1]
            self.logits = BatchedLinear(gates, in_features, len(self.experts), bias=False)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        return {} if self.logits is None else {"logits.weight": (self.axis, self.experts, None)}

    def forward(self, branches: Tensor) -> Tensor:
        """Compute the weights: ``w^k(x) = softmax(log(prior) + scale * W_g^k x)``.

        Parameters
        ----------
        branches : Tensor of shape (n_inputs, n_rows, in_features)
            The inputs, whose number divides that of the gates.

        Returns
        -------
        Tensor of shape (n_gates, n_experts, n_rows)
            The weights, which sum to 1 over the experts.
        """
        if self.logits is None:
            return branches.new_ones(len(self.axis), 1, branches.shape[1])
        return self._compute_logits(branches).softmax(dim=1)

    def _compute_logits(self, branches: Tensor) -> Tensor:
        """Compute the logits, of shape (n_gates, n_experts, n_rows)."""
        assert self.logits is not None
        hidden = branches if self.hidden is None else self.hidden(branches)
        logits = self.logits(hidden).mT
        if self.scale != 1:
            logits = self.scale * logits
        return logits if self.offset is None else logits + self.offset


def mix(weights: Tensor, *banks: Tensor) -> Tensor:
    """Sum the outputs of experts, weighted by gates: ``g^k(x) = w^k(x) S^k(x)``.

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
    first, *others = [expert for bank in banks for expert in _split_bank(bank.mT)]
    mixed = factors[0] * first
    for factor, expert in zip(factors[1:], others, strict=True):
        mixed = mixed.addcmul_(factor, expert)
    return mixed.mT


def _split_bank(bank: Tensor) -> Sequence[Tensor]:
    """Split a bank into its experts; for a single expert the gradient needs no copy."""
    return [bank.squeeze(-3)] if bank.shape[-3] == 1 else bank.unbind(-3)
