"""The linear path from the numbers to the outputs, beside a network."""

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from .axes import Axes, Axis
from .mlp import BatchedLinear

# Adam moves all parameters by similar amounts. With this factor the linear path changes more
# slowly and overfits small tables less.
_FACTOR = 0.3


class LinearPath(nn.Module):
    """Linear path from the numbers to the outputs, like the wide part of a wide and deep network.

    With it the network [1]_ need not approximate linear effects by embeddings and activations.

    Parameters
    ----------
    n_numbers : int
        Number of numeric features, which come first.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_members : int, default=1
        Number of members, each with its own coefficients.
    coefficients : array-like of shape (n_members, sum of n_outputs, n_numbers), optional
        The initial coefficients; zero by default.

    References
    ----------
    .. [1] H.-T. Cheng et al. "Wide & Deep Learning for Recommender Systems". DLRS 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import LinearPath
    >>> path = LinearPath(2, [1], coefficients=[[[1.0, -1.0]]])
    >>> round(path(torch.tensor([[[5.0, 3.0, 0.1]]])).item(), 3)
    2.0
    """

    def __init__(
        self,
        n_numbers: int,
        n_outputs: Sequence[int],
        n_members: int = 1,
        coefficients: ArrayLike | None = None,
    ):
        super().__init__()
        self._outputs = Axis(tuple(enumerate(n_outputs)))
        members = Axis(n_members=n_members)
        self.layer = BatchedLinear(members, n_numbers, len(self._outputs), bias=False)
        nn.init.zeros_(self.layer.weight)
        if coefficients is not None:
            with torch.no_grad():
                self.layer.weight.copy_(torch.as_tensor(coefficients) / _FACTOR)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the coefficients; see `Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        return {"layer.weight": (self.layer.axis, self._outputs, None)}

    def forward(self, features: Tensor) -> Tensor:
        """Compute what is added to the outputs: ``0.3 * W x``, with x of the numbers alone.

        Parameters
        ----------
        features : Tensor of shape (n_views, n_rows, n_features)
            The features, in all views.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all tasks.
        """
        # The first view of each member; views differ in embeddings and dropout.
        first = features[:: len(features) // len(self.layer.axis)]
        return _FACTOR * self.layer(first[..., : self.layer.in_features])
