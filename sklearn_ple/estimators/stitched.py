"""Networks of the tasks' own that are joined layer by layer."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from ..base import WIDTHS, MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import CrossStitch, Sluice
from ..parameters import Number, Widths
from ..tasks import Task

_FACTOR = [Number(Real, 0, None, closed="neither")]


@with_parameters
class CrossStitchClassifierRegressor(MultiTaskEstimator):
    """Cross-stitch networks: after each layer the tasks' activations are mixed linearly.

    Every task has its own network. After layer l, task k continues with ``b_k = sum_j A_l[k, j] *
    a_j``, a mixture of the activations ``a_j`` of all tasks. The matrices ``A_l`` are learnt; they
    start with .9 on the diagonal, and the rest of a row shares .1.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's network, before its tower.
    by_channel : bool, default=False
        Whether every activation of a layer has its own mixing, or the whole layer has one.
    stitch_rate_factor : float, default=10.0
        Learning rate of the mixings, as a multiple of ``learning_rate``. The paper uses 100 to
        1000, with SGD.

    See Also
    --------
    PLEClassifierRegressor : The flagship; lists the errors and warnings of all estimators.

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

    hidden_units: Any = parameter(
        default=(64,), constraint=[Widths()], search=WIDTHS, network=True
    )
    by_channel: bool = parameter(
        default=False, constraint=["boolean"], search=[False, True], published=True, network=True
    )
    stitch_rate_factor: float = parameter(
        default=10.0, constraint=_FACTOR, search=(1.0, 100.0, "log")
    )
    class_weight: Any = class_weight()

    def rate_factors(self) -> dict[str, float]:
        return {"*stitches*": self.stitch_rate_factor}

    def treats_tasks_alike(self) -> bool:
        return True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> CrossStitch:
        return CrossStitch(
            in_features,
            [task.n_outputs for task in tasks],
            hidden_units=tuple(self.hidden_units),
            by_channel=self.by_channel,
            **towers,
        )


@with_parameters
class SluiceClassifierRegressor(MultiTaskEstimator):
    """Sluice networks: the tasks' layers share subspaces, and towers read a mixture of layers.

    Every task has a network of its own, whose layers are split into ``n_subspaces``. After each
    layer all subspaces of all tasks are mixed by a learnt matrix alpha. A tower reads the sum of
    its task's layers, weighed by learnt numbers beta. The loss has the paper's penalty
    ``orthogonality * sum ||W_g^T W_h||_F^2`` over the weights of any two subspaces of a layer, a
    column for each unit; `sklearn_ple.nn.Sluice` describes how the authors' code differs. Alpha
    starts with .9 on the diagonal, beta with .9 for the last layer; the rest of a row shares .1.

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
        Learning rate of alpha and beta, as a multiple of ``learning_rate``.

    See Also
    --------
    PLEClassifierRegressor : The flagship; lists the errors and warnings of all estimators.

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

    hidden_units: Any = parameter(
        default=(64, 64), constraint=[Widths()], search=WIDTHS, network=True
    )
    n_subspaces: int = parameter(
        default=2,
        constraint=[Number(Integral, 1, None, closed="left")],
        search=[1, 2, 4],
        network=True,
    )
    orthogonality: float = parameter(
        default=1e-3,
        constraint=[Number(Real, 0, None, closed="left")],
        search=(1e-4, 1e-1, "log"),
    )
    mixing_rate_factor: float = parameter(
        default=10.0, constraint=_FACTOR, search=(1.0, 100.0, "log")
    )
    class_weight: Any = class_weight()

    def rate_factors(self) -> dict[str, float]:
        return dict.fromkeys(("*alphas*", "*betas"), self.mixing_rate_factor)

    def treats_tasks_alike(self) -> bool:
        return True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Sluice:
        return Sluice(
            in_features,
            [task.n_outputs for task in tasks],
            hidden_units=tuple(self.hidden_units),
            n_subspaces=self.n_subspaces,
            orthogonality=self.orthogonality,
            **towers,
        )
