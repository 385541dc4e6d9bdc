"""Multi-gate Mixture-of-Experts as a scikit-learn estimator."""

from collections.abc import Sequence

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import MMoE
from ..utils.types import ClassWeight
from .network_fields import count, towers, widths


@with_parameters
class MMoEClassifierRegressor(MultiTaskEstimator):
    """Multi-gate Mixture-of-Experts: shared experts, weighed by a gate for each task.

    Let ``f_i`` be the experts and ``h_k`` the tower of task k. Then
    ``y_k = h_k(sum_i softmax(W_k x)_i f_i(x))``.

    With ``n_levels=2`` this is ML-MMoE: every expert of an upper level has its own gate, and reads
    a weighted sum of the experts of the level below. All gates read the features. With
    ``shared_gate=True`` this is a one-gate mixture of experts, OMoE.

    Parameters
    ----------
    n_experts : int, default=3
        Number of experts at each level, which all tasks share.
    shared_gate : bool, default=False
        Whether all tasks have the same gate.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.
    CGCClassifierRegressor : Each task has its own experts, too.

    References
    ----------
    J. Ma, Z. Zhao, X. Yi, J. Chen, L. Hong, E. H. Chi. "Modeling Task Relationships in Multi-task
    Learning with Multi-gate Mixture-of-Experts". KDD 2018.

    Examples
    --------
    >>> from sklearn_ple import MMoEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = MMoEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    n_levels: int = count(search=(1, 3))
    n_experts: int = count(default=3, search=(2, 8))
    expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = widths(by_level=True)
    shared_gate: bool = parameter(default=False, constraint=["boolean"], network=True)
    tower_hidden_units: Sequence[int] | str = towers()
    class_weight: ClassWeight = class_weight()

    network = MMoE
    treats_tasks_alike = True
