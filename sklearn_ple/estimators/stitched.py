"""Networks of the tasks' own that are joined layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from ..nn import CrossStitch, Sluice
from ..parameters import with_parameters


@fill_doc
@with_parameters
class CrossStitchClassifierRegressor(MultiTaskEstimator):
    """Cross-stitch networks: after each layer the tasks' activations are mixed linearly.

    Every task has a network of its own. After layer l, task k goes on with
    ``b_k = sum_j A_l[k, j] * a_j`` of the tasks' activations ``a_j``. The matrices ``A_l`` are
    learnt; they start with .9 on the diagonal, and the rest of a row shares .1.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's network, before its tower.
    by_channel : bool, default=False
        Whether every activation of a layer has a mixing of its own, or a layer one for all.
    stitch_rate_factor : float, default=10.0
        How many times ``learning_rate`` the mixings learn with. The paper has from 100 to 1000,
        for SGD.
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    References
    ----------
    I. Misra, A. Shrivastava, A. Gupta, M. Hebert. "Cross-stitch Networks for Multi-task Learning".
    CVPR 2016.

    Examples
    --------
    >>> from sklearn_ple import CrossStitchClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CrossStitchClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    hidden_units: Any = (64,)
    by_channel: bool = False
    stitch_rate_factor: float = 10.0

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "hidden_units": ["array-like"],
        "by_channel": ["boolean"],
        "stitch_rate_factor": [Interval(Real, 0, None, closed="neither")],
    }

    def _rate_factors(self) -> dict[str, float]:
        return {"*stitches*": self.stitch_rate_factor}

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            CrossStitch,
            n_outputs=n_outputs,
            hidden_units=tuple(self.hidden_units),
            by_channel=self.by_channel,
            **self._tower_options(),
        )


@fill_doc
@with_parameters
class SluiceClassifierRegressor(MultiTaskEstimator):
    """Sluice networks: the tasks' layers share subspaces, and towers read a mixture of layers.

    Every task has a network of its own, whose layers are split into ``n_subspaces``. After each
    layer all subspaces of all tasks are mixed by a learnt matrix alpha. A tower reads the sum of
    its task's layers, weighed by learnt numbers beta. The loss has the penalty ``orthogonality *
    sum ||W_g^T W_h||_F^2`` over the weights of any two subspaces of a layer. Alpha starts with .9
    on the diagonal, beta with .9 for the last layer; the rest of a row shares .1.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64, 64)
        Widths of the layers of every task's network, before its tower: all the same, and a
        multiple of ``n_subspaces``.
    n_subspaces : int, default=2
        Subspaces of each layer.
    orthogonality : float, default=1e-3
        Factor of the penalty on subspaces that are not orthogonal.
    mixing_rate_factor : float, default=10.0
        How many times ``learning_rate`` alpha and beta learn with.
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    References
    ----------
    S. Ruder, J. Bingel, I. Augenstein, A. Sogaard. "Latent Multi-task Architecture Learning".
    AAAI 2019.

    Examples
    --------
    >>> from sklearn_ple import SluiceClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SluiceClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    hidden_units: Any = (64, 64)
    n_subspaces: int = 2
    orthogonality: float = 1e-3
    mixing_rate_factor: float = 10.0

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "hidden_units": ["array-like"],
        "n_subspaces": [Interval(Integral, 1, None, closed="left")],
        "orthogonality": [Interval(Real, 0, None, closed="left")],
        "mixing_rate_factor": [Interval(Real, 0, None, closed="neither")],
    }

    def _rate_factors(self) -> dict[str, float]:
        return dict.fromkeys(("*alphas*", "*betas"), self.mixing_rate_factor)

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            Sluice,
            n_outputs=n_outputs,
            hidden_units=tuple(self.hidden_units),
            n_subspaces=self.n_subspaces,
            orthogonality=self.orthogonality,
            **self._tower_options(),
        )
