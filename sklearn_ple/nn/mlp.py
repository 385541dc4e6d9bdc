"""Many small MLPs of one shape, evaluated together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .dropout import MemberDropout
from .part import by_element, product

#: The activations by the names that the estimators take.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}

# Up to so many columns, a product's kernel may sum a row in an order that depends on its place.
_FEW_COLUMNS = 16


def _as_it_is(outputs: Tensor) -> Tensor:
    return outputs


class BatchedLinear(nn.Module):
    """Linear layers of one shape, evaluated together; each starts from its own random weights.

    ``n_groups`` inputs are each read by ``n_per_group`` layers: a batched matrix product, in which
    the layers of a group are one wide matrix.

    Parameters
    ----------
    n_groups : int
        Number of distinct inputs.
    n_per_group : int
        Number of layers that read each input.
    in_features, out_features : int
        Width of every layer's input and output.
    bias : bool, default=True
        Whether the layers add a bias.

    Attributes
    ----------
    weight : Parameter of shape (n_groups * n_per_group, out_features, in_features)
        One matrix per layer, the layers of a group side by side.
    bias : Parameter of shape (n_groups * n_per_group, out_features) or None
        One bias per layer.

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
        # Of numpy's small whole numbers, sums and negatives would overflow.
        self.in_features, self.out_features = int(in_features), int(out_features)
        n_layers = n_groups * n_per_group
        self.weight = nn.Parameter(torch.empty(n_layers, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(n_layers, out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every layer's parameters as :class:`torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, inputs: Tensor, then: Callable[[Tensor], Tensor] = _as_it_is) -> Tensor:
        """Evaluate every layer.

        Parameters
        ----------
        inputs : Tensor of shape (n_groups, n_rows, in_features)
            One input per group.
        then : callable, optional
            What to apply to the outputs, whatever the order of their axes: an activation, which
            may overwrite what it gets.

        Returns
        -------
        Tensor of shape (n_groups * n_per_group, n_rows, out_features)
            One output per layer, the layers of a group side by side.
        """
        n_layers, width = self.n_groups * self.n_per_group, self.out_features
        weight = self.weight.view(self.n_groups, self.n_per_group * width, self.in_features)
        if self.training:
            # Rows last in memory: what follows reads the outputs, apart by layer, without a copy.
            outputs = then(_product(weight, inputs.mT, self.bias, (-1, 1)))
            return outputs.view(n_layers, width, -1).mT
        # A row's products in this order do not depend on how many rows there are, nor those of
        # few columns on its place if they sum over a multiple of four of numbers side by side.
        if weight.shape[1] <= _FEW_COLUMNS:
            missing = -self.in_features % 4
            inputs, weight = (
                (F.pad(part, (0, missing)) if missing else part).contiguous()
                for part in (inputs, weight)
            )
        outputs = then(_product(inputs, weight.mT, self.bias, (1, -1)))
        if self.n_per_group == 1:
            return outputs
        outputs = outputs.unflatten(2, (self.n_per_group, width)).transpose(1, 2)
        return outputs.reshape(n_layers, -1, width)


def _product(left: Tensor, right: Tensor, bias: Tensor | None, shape: tuple[int, int]) -> Tensor:
    """Multiply batches of matrices, and add a bias of this shape if there is one."""
    return product(left, right, None if bias is None else bias.view(len(left), *shape))


class BatchedMLP(nn.Module):
    """MLPs of one shape, evaluated together: a bank of experts, or of towers.

    Parameters
    ----------
    n_groups : int
        Number of distinct inputs.
    n_per_group : int
        Number of MLPs that read each input.
    in_features : int
        Width of the input.
    hidden_units : sequence of int
        Width of every layer, the last one's included. Empty for the identity.
    activation : str, default="relu"
        A key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of the activations that are dropped in training; one for each of as many equal parts
        of the MLPs as there are numbers.
    linear_output : bool, default=False
        Whether the last layer is linear: its outputs are not activated, though some are dropped.

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
        linear_output: bool = False,
    ):
        super().__init__()
        widths = [in_features, *hidden_units]
        self.out_features = widths[-1]
        self.n_per_group = n_per_group
        layers = []
        for depth, (n_in, n_out) in enumerate(pairwise(widths)):
            # After the first layer every MLP has an input of its own.
            groups, per_group = (n_groups * n_per_group, 1) if depth else (n_groups, n_per_group)
            layers.append(BatchedLinear(groups, per_group, n_in, n_out))
        self.layers = nn.ModuleList(layers)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = MemberDropout(dropout)
        self.linear_output = linear_output

    def forward(self, inputs: Tensor) -> Tensor:
        """Evaluate every MLP.

        Parameters
        ----------
        inputs : Tensor of shape (n_groups, n_rows, in_features)
            One input per group.

        Returns
        -------
        Tensor of shape (n_groups * n_per_group, n_rows, hidden_units[-1])
            One output per MLP, the MLPs of a group side by side.
        """
        if not self.layers:
            return inputs.repeat_interleave(self.n_per_group, dim=0)
        steps = [self._activated] * len(self.layers)
        if self.linear_output:
            steps[-1] = self._dropped
        hidden = inputs
        for layer, then in zip(self.layers, steps, strict=True):
            hidden = layer(hidden, then=then)
        return hidden

    def _dropped(self, outputs: Tensor) -> Tensor:
        """Drop some of a layer's outputs out, in place."""
        factors = self.dropout.factors(outputs)
        return outputs if factors is None else outputs.mul_(factors)

    def _activated(self, outputs: Tensor) -> Tensor:
        """Activate a layer's outputs and drop some out, in place where that is possible."""
        factors = self.dropout.factors(outputs)
        if isinstance(self.activation, nn.ReLU):
            # In this order neither step needs what the other one overwrites.
            return (outputs if factors is None else outputs.mul_(factors)).relu_()
        outputs = by_element(self.activation, outputs)
        return outputs if factors is None else outputs * factors
