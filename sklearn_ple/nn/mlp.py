"""Many small MLPs of the same shape, which are evaluated together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .dropout import MemberDropout

#: Activations, by the names that the estimators accept.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}

# For products of at most this many columns, the order of a sum may depend on the row's position.
_FEW_COLUMNS = 16


def _as_it_is(outputs: Tensor) -> Tensor:
    return outputs


class BatchedLinear(nn.Module):
    """Linear layers of the same shape, which are evaluated together.

    Each of ``n_groups`` inputs is read by ``n_per_group`` layers. This is a batched matrix
    product, in which the layers of a group form one wide matrix. Each layer has its own random
    initial weights.

    Parameters
    ----------
    n_groups : int
        Number of distinct inputs.
    n_per_group : int
        Number of layers that read each input.
    in_features, out_features : int
        Width of the input and output of every layer.
    bias : bool, default=True
        Whether the layers have a bias.

    Attributes
    ----------
    weight : Parameter of shape (n_groups * n_per_group, out_features, in_features)
        Matrix of each layer; the layers of a group are adjacent.
    bias : Parameter of shape (n_groups * n_per_group, out_features) or None
        Bias of each layer.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import BatchedLinear
    >>> layers = BatchedLinear(2, 3, in_features=5, out_features=4)
    >>> layers(torch.zeros(2, 10, 5)).shape
    torch.Size([6, 10, 4])
    """

    def __init__(
        self,
        n_groups: int,
        n_per_group: int,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.n_groups = n_groups
        self.n_per_group = n_per_group
        # Sums and negatives of NumPy's small integers could overflow.
        self.in_features, self.out_features = int(in_features), int(out_features)
        n_layers = n_groups * n_per_group
        self.weight = nn.Parameter(torch.empty(n_layers, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(n_layers, out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters of every layer as :class:`torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, inputs: Tensor, then: Callable[[Tensor], Tensor] = _as_it_is) -> Tensor:
        """Evaluate every layer.

        Parameters
        ----------
        inputs : Tensor of shape (n_groups, n_rows, in_features)
            One input for each group.
        then : callable, optional
            An elementwise function to apply to the outputs, such as an activation. It must not
            depend on the order of the axes, and may overwrite its argument.

        Returns
        -------
        Tensor of shape (n_groups * n_per_group, n_rows, out_features)
            One output for each layer; the layers of a group are adjacent.
        """
        n_layers, width = self.n_groups * self.n_per_group, self.out_features
        weight = self.weight.view(self.n_groups, self.n_per_group * width, self.in_features)
        if self.training:
            # Rows are last in memory, so that the outputs are split by layer without a copy.
            outputs = then(self._multiplied(weight, inputs.mT, (-1, 1)))
            return outputs.view(n_layers, width, -1).mT
        # With factors in this order, the result for a row does not depend on the number of rows.
        # With few columns it does not depend on the row's position if the factors are contiguous
        # and their inner size is a multiple of four.
        if weight.shape[1] <= _FEW_COLUMNS:
            missing = -self.in_features % 4
            inputs, weight = (
                (F.pad(part, (0, missing)) if missing else part).contiguous()
                for part in (inputs, weight)
            )
        outputs = then(self._multiplied(inputs, weight.mT, (1, -1)))
        if self.n_per_group == 1:
            return outputs
        outputs = outputs.unflatten(2, (self.n_per_group, width)).transpose(1, 2)
        return outputs.reshape(n_layers, -1, width)

    def _multiplied(self, left: Tensor, right: Tensor, shape: tuple[int, int]) -> Tensor:
        """Multiply batches of matrices, and add the bias, with this shape, if there is one."""
        if self.bias is None:
            return torch.bmm(left, right)
        return torch.baddbmm(self.bias.view(len(left), *shape), left, right)


class BatchedMLP(nn.Module):
    """MLPs of the same shape, which are evaluated together: a bank of experts, or of towers.

    Parameters
    ----------
    n_groups : int
        Number of distinct inputs.
    n_per_group : int
        Number of MLPs that read each input.
    in_features : int
        Width of the input.
    hidden_units : sequence of int
        Width of every layer, including the last; empty for the identity.
    activation : str, default="relu"
        Name of the activation, a key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of the activations that are dropped in training: the same for all MLPs, or one for
        each member, whose MLPs are adjacent.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import BatchedMLP
    >>> experts = BatchedMLP(2, 3, in_features=5, hidden_units=(8, 4))
    >>> experts(torch.zeros(2, 10, 5)).shape
    torch.Size([6, 10, 4])
    """

    def __init__(
        self,
        n_groups: int,
        n_per_group: int,
        in_features: int,
        hidden_units: Sequence[int],
        *,
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
    ):
        super().__init__()
        widths = [in_features, *hidden_units]
        self.out_features = widths[-1]
        self.n_per_group = n_per_group
        layers = []
        for depth, (n_in, n_out) in enumerate(pairwise(widths)):
            # After the first layer every MLP has its own input.
            groups, per_group = (n_groups * n_per_group, 1) if depth else (n_groups, n_per_group)
            layers.append(BatchedLinear(groups, per_group, n_in, n_out))
        self.layers = nn.ModuleList(layers)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = MemberDropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Evaluate every MLP.

        Parameters
        ----------
        inputs : Tensor of shape (n_groups, n_rows, in_features)
            One input for each group.

        Returns
        -------
        Tensor of shape (n_groups * n_per_group, n_rows, hidden_units[-1])
            One output for each MLP; the MLPs of a group are adjacent.
        """
        if not self.layers:
            return inputs.repeat_interleave(self.n_per_group, dim=0)
        hidden = inputs
        for layer in self.layers:
            hidden = layer(hidden, then=self._activated)
        return hidden

    def _activated(self, outputs: Tensor) -> Tensor:
        """Apply the activation to the outputs of a layer and drop some, in place if possible."""
        factors = self.dropout.factors(outputs)
        if isinstance(self.activation, nn.ReLU):
            # In this order, the gradient of neither step needs values that the other overwrites.
            return (outputs if factors is None else outputs.mul_(factors)).relu_()
        outputs = self.activation(outputs)
        return outputs if factors is None else outputs * factors
