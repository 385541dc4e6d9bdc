"""Adaptive Task-to-Task Fusion as a scikit-learn estimator."""

from collections.abc import Sequence

from ..base import MultiTaskEstimator, class_weight, with_parameters
from ..nn import AdaTT
from ..utils.types import ClassWeight
from .network_fields import count, widths


@with_parameters
class AdaTTClassifierRegressor(MultiTaskEstimator):
    """Adaptive Task-to-Task Fusion: gates over the experts of all tasks, plus the own experts.

    Each task has its own experts. At every level the output of task t is
    ``(G_t + pad(v_t))^T E``, the sum of two parts: the experts E of all tasks, weighed for each
    row by a softmax gate G_t, and the task's own experts, weighed by learnt numbers v_t. A task
    can thus use the experts of one other task and ignore the rest, whereas in PLE tasks have only
    the shared experts in common. The second part keeps a task from neglecting its own experts.

    ``as_published`` has two levels, as in the figure of the paper, two experts for each task, as
    in the example of the authors' code, and no shared experts, which is AdaTT-sp.

    Parameters
    ----------
    n_levels : int, default=1
        Number of levels of experts.
    n_shared_experts : int, default=0
        Number of experts that belong to no task and that all tasks read, at each level.
    n_specific_experts : int, default=1
        Number of experts of each task, which the other tasks also read, at each level.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level, such as ``((128, 64), (32,))``.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    D. Li, Z. Zhang, S. Yuan, M. Gao, W. Zhang, C. Yang, X. Liu, J. Yang. "AdaTT: Adaptive
    Task-to-Task Fusion Network for Multitask Learning in Recommendations". KDD 2023.

    Examples
    --------
    >>> from sklearn_ple import AdaTTClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = AdaTTClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.gate_weights(X)[0]["death"].columns.tolist()
    ['death 1', 'wt82_71 1']
    """

    n_levels: int = count(search=(1, 3), published=2)
    n_shared_experts: int = count(default=0, least=0, search=(0, 2))
    n_specific_experts: int = count(search=(1, 4), published=2)
    expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = widths(by_level=True)
    class_weight: ClassWeight = class_weight()

    network = AdaTT
    treats_tasks_alike = True
