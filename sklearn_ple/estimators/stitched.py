"""Estimators with a network for each task, whose layers are mixed across tasks."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import CrossStitch, Sluice
from ..utils.constraints import NOT_NEGATIVE, POSITIVE
from ..utils.types import ClassWeight
from .network_fields import count, towers, widths


@with_parameters
class CrossStitchClassifierRegressor(MultiTaskEstimator):
    """Cross-stitch networks: after each layer the activations of all tasks are mixed linearly.

    Each task has its own network. Let ``a_k`` be the activations of task k after layer l. A
    cross-stitch unit computes ``b_k = sum_j A_l[k, j] * a_j``, which is the input of the next
    layer of task k, or of its tower. The matrix ``A_l`` is learnt. It starts with .9 on the
    diagonal; the other entries of a row are equal and sum to .1.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's network, below its tower.
    by_channel : bool, default=False
        Whether each unit of a layer has its own mixing matrix. Otherwise a layer has one.
    stitch_rate_factor : float, default=10.0
        Learning rate of the mixing matrices, as a multiple of ``learning_rate``. The paper uses
        multiples of 100 to 1000, with SGD.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    I. Misra, A. Shrivastava, A. Gupta, M. Hebert. "Cross-stitch Networks for Multi-task Learning".
    CVPR 2016.

    Examples
    --------
    >>> from sklearn_ple import CrossStitchClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CrossStitchClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    hidden_units: Sequence[int] = widths()
    by_channel: bool = parameter(
        default=False, constraint=["boolean"], search=[False, True], published=True, network=True
    )
    stitch_rate_factor: float = parameter(
        default=10.0, constraint=[POSITIVE], search=(1.0, 100.0, "log")
    )
    tower_hidden_units: Sequence[int] | str = towers()
    class_weight: ClassWeight = class_weight()

    network = CrossStitch

    def rate_factors(self) -> dict[str, float]:
        return {"*stitches*": self.stitch_rate_factor}

    treats_tasks_alike = True


@with_parameters
class SluiceClassifierRegressor(MultiTaskEstimator):
    """Sluice networks: the tasks share subspaces of their layers, and towers read several layers.

    Each task has its own network, whose layers are split into ``n_subspaces`` subspaces. After
    each layer the subspaces of all tasks are mixed linearly by a learnt matrix alpha. A tower
    reads the sum of its task's mixed layers, weighted by learnt numbers beta. At the start, alpha
    has .9 on its diagonal and beta has .9 for the last layer; the other entries of a row are equal
    and sum to .1.

    As in the paper, a penalty makes the subspaces of a layer differ:
    ``orthogonality * sum ||W_g^T W_h||_F^2`` over all tasks, layers and pairs of subspaces, where
    ``W_g`` has a column for each unit of subspace g. `sklearn_ple.nn.Sluice` describes how the
    authors' code differs.

    Parameters
    ----------
    hidden_units : sequence of int, default=(64, 64)
        Widths of the layers of every task's network, below its tower. All must be the same, a
        multiple of ``n_subspaces``.
    n_subspaces : int, default=2
        Number of subspaces of each layer.
    orthogonality : float, default=1e-3
        Factor of the penalty on subspaces that are not orthogonal.
    mixing_rate_factor : float, default=10.0
        Learning rate of alpha and beta, as a multiple of ``learning_rate``.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    S. Ruder, J. Bingel, I. Augenstein, A. Sogaard. "Latent Multi-task Architecture Learning".
    AAAI 2019.

    Examples
    --------
    >>> from sklearn_ple import SluiceClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SluiceClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    hidden_units: Sequence[int] = widths(default=(64, 64))
    n_subspaces: int = count(default=2, search=[1, 2, 4])
    orthogonality: float = parameter(
        default=1e-3, constraint=[NOT_NEGATIVE], search=(1e-4, 1e-1, "log")
    )
    mixing_rate_factor: float = parameter(
        default=10.0, constraint=[POSITIVE], search=(1.0, 100.0, "log")
    )
    tower_hidden_units: Sequence[int] | str = towers()
    class_weight: ClassWeight = class_weight()

    network = Sluice

    def rate_factors(self) -> dict[str, float]:
        return dict.fromkeys(("*alphas*", "*betas"), self.mixing_rate_factor)

    treats_tasks_alike = True
