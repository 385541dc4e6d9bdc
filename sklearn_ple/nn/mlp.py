"""Many small MLPs of the same shape, which are evaluated together."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .axes import Axes, Axis, as_axis
from .dropout import MemberDropout

#: Activations, by the names that the estimators accept.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}


def _keep(outputs: Tensor) -> Tensor:
    return outputs


class BatchedLinear(nn.Module):
    """Linear layers of the same shape, which are evaluated together.

    If there are fewer inputs than layers, each input is read by several adjacent layers. This is a
    batched matrix product, in which the layers that read the same input form one wide matrix. Each
    layer has its own random initial weights.

    Parameters
    ----------
    layers : Axis or int
        The layers: the members and tasks to which they belong, or only their number.
    in_features, out_features : int
        Width of the input and output of every layer.
    bias : bool, default=True
        Whether the layers have a bias.

    Attributes
    ----------
    axis : Axis
        The layers.
    weight : Parameter of shape (n_layers, out_features, in_features)
        Matrix of each layer.
    bias : Parameter of shape (n_layers, out_features) or None
        Bias of each layer.

    Examples
    --------
    Six layers, of which three read the first input and three the second one:

    >>> import torch
    >>> from sklearn_ple.nn import BatchedLinear
    >>> layers = BatchedLinear(6, in_features=5, out_features=4)
    >>> layers(torch.zeros(2, 10, 5)).shape
    torch.Size([6, 10, 4])
    """

    def __init__(
        self, layers: Axis | int, in_features: int, out_features: int, *, bias: bool = True
    ):
        super().__init__()
        self.axis = as_axis(layers)
        # Sums and negatives of NumPy's small integers could overflow.
        self.in_features, self.out_features = int(in_features), int(out_features)
        n_layers = len(self.axis)
        self.weight = nn.Parameter(torch.empty(n_layers, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(n_layers, out_features)) if bias else None
        self.reset_parameters()

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        bias: dict[str, Axes] = {} if self.bias is None else {"bias": (self.axis, None)}
        return {"weight": (self.axis, None, None)} | bias

    def reset_parameters(self) -> None:
        """Draw the parameters of every layer as :class:`torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, inputs: Tensor, then: Callable[[Tensor], Tensor] = _keep) -> Tensor:
        """Evaluate every layer: ``W x + b``.

        Parameters
        ----------
        inputs : Tensor of shape (n_inputs, n_rows, in_features)
            The inputs, whose number divides that of the layers.
        then : callable, optional
            An elementwise function to apply to the outputs, such as an activation. It must not
            depend on the order of the axes, and may overwrite its argument.

        Returns
        -------
        Tensor of shape (n_layers, n_rows, out_features)
            One output for each layer.
        """
        n_inputs, n_layers = len(inputs), len(self.axis)
        # W x + b: layers that read the same input are one wide matrix. Rows are last in memory, so
        # that the outputs are split by layer without a copy, which is faster.
        width = n_layers // n_inputs * self.out_features
        weight = self.weight.view(n_inputs, width, self.in_features)
        if self.bias is None:
            outputs = torch.bmm(weight, inputs.mT)
        else:
            outputs = torch.baddbmm(self.bias.view(n_inputs, width, 1), weight, inputs.mT)
        return then(outputs).view(n_layers, self.out_features, inputs.shape[1]).mT


class BatchedMLP(nn.Module):
    """MLPs of the same shape, which are evaluated together: a bank of experts, or of towers.

    Parameters
    ----------
    mlps : Axis or int
        The MLPs: the members and tasks to which they belong, or only their number. If there are
        fewer inputs, each is read by several adjacent MLPs.
    in_features : int
        Width of the input.
    hidden_units : sequence of int
        Width of every layer, including the last; empty for the identity.
    activation : str, default="relu"
        Name of the activation, a key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of the activations that are dropped in training: the same for all MLPs, or one for
        each member, whose MLPs are adjacent.

    Attributes
    ----------
    axis : Axis
        The MLPs.
    out_features : int
        Width of the output.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import BatchedMLP
    >>> experts = BatchedMLP(6, in_features=5, hidden_units=(8, 4))
    >>> experts(torch.zeros(2, 10, 5)).shape
    torch.Size([6, 10, 4])
    """

    def __init__(
        self,
        mlps: Axis | int,
        in_features: int,
        hidden_units: Sequence[int],
        *,
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
    ):
        super().__init__()
        self.axis = as_axis(mlps)
        widths = [in_features, *hidden_units]
        self.out_features = widths[-1]
        self.layers = nn.ModuleList(BatchedLinear(self.axis, *both) for both in pairwise(widths))
        self.activation = ACTIVATIONS[activation]()
        self.dropout = MemberDropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Evaluate every MLP: ``x = activation(W x + b)``, layer after layer.

        Parameters
        ----------
        inputs : Tensor of shape (n_inputs, n_rows, in_features)
            The inputs, whose number divides that of the MLPs.

        Returns
        -------
        Tensor of shape (n_mlps, n_rows, hidden_units[-1])
            One output for each MLP.
        """
        if not self.layers:
            return inputs.repeat_interleave(len(self.axis) // len(inputs), dim=0)
        hidden = inputs
        for layer in self.layers:
            hidden = layer(hidden, then=self._activate)
        return hidden

    def _activate(self, outputs: Tensor) -> Tensor:
        """Apply the activation to the outputs of a layer and drop some, in place if possible."""
        factors = self.dropout.factors(outputs)
        if isinstance(self.activation, nn.ReLU):
            # In this order, the gradient of neither step needs values that the other overwrites.
            return (outputs if factors is None else outputs.mul_(factors)).relu_()
        outputs = self.activation(outputs)
        return outputs if factors is None else outputs * factors
