"""STEM as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Any

from ..base import WIDTHS, class_weight, parameter, with_parameters
from ..nn import STEM
from .extraction import Extraction
from .network_fields import count


@with_parameters
class STEMClassifierRegressor(Extraction):
    """STEM: shared and task-specific embeddings, below shared and task-specific experts.

    The experts of task k read the features as ``x_k``, with the task's own embeddings. The shared
    experts read the features as ``x_s``, with shared embeddings. The gate of a task,
    ``softmax(W_k (x_k + x_s))``, weighs the experts of all tasks and the shared ones. No gradient
    flows from a task to the experts of other tasks. So a task uses all experts, but trains only
    its own and the shared experts and embeddings. With several levels, a shared gate weighs all
    experts; its output is ``x_s`` at the next level, and its gradient flows to all experts.

    ``as_published`` has the widths of the authors' code (github.com/LiangcaiSu/STEM): embeddings
    of width 10, experts of (512, 256, 128), gates and towers of (128, 64).

    Parameters
    ----------
    n_levels : int, default=1
        Number of levels of experts.

    See Also
    --------
    PLEClassifierRegressor : The gate of a task weighs only its own experts and the shared ones;
        lists the errors and warnings of all estimators.

    References
    ----------
    L. Su, J. Pan, X. Wang, X. Xiao, S. Quan, X. Chen, J. Jiang. "STEM: Unleashing the Power of
    Embeddings for Multi-task Recommendation". AAAI 2024.

    Examples
    --------
    >>> from sklearn_ple import STEMClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = STEMClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> list(model.gate_weights(X)[0]["death"])
    ['death 1', 'wt82_71 1', 'shared 1']
    """

    n_levels: int = count(search=(1, 3))
    expert_hidden_units: Any = parameter(default=(64,), published=(512, 256, 128), search=WIDTHS)
    gate_hidden_units: Any = parameter(default=(), published=(128, 64))
    tower_hidden_units: Any = parameter(default=(32,), published=(128, 64))
    embedding_dim: Any = parameter(default="auto", published=10, after="min_frequency")
    class_weight: Any = class_weight()

    network = STEM

    def views(self, n_tasks: int) -> Sequence[int | None]:
        return [*range(n_tasks), None]
