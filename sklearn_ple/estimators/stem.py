"""STEM as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ..base import WIDTHS, class_weight, parameter, with_parameters
from ..nn import STEM
from ..nn.ple import ExtractionNetwork
from ..parameters import Number
from ..tasks import Task
from .ple import Extraction


@with_parameters
class STEMClassifierRegressor(Extraction):
    """STEM: embeddings of each task's own beside shared ones, and experts of both kinds.

    Each task has its own embeddings, through which its experts read the features as ``x_k``. The
    shared experts read them as ``x_s``, through shared embeddings. A task's gate, ``softmax(W_k
    (x_k + x_s))``, weighs the experts of all tasks and the shared ones. The outputs of other
    tasks' experts have no gradient. So a task uses what others learn, and trains only its own
    embeddings and experts and the shared ones. With several levels, a shared gate mixes all
    experts for the shared experts of the next level, and its gradient reaches all.

    ``as_published`` has the widths of the authors' code (github.com/LiangcaiSu/STEM): embeddings
    of width 10, experts of (512, 256, 128), gates and towers of (128, 64).

    Parameters
    ----------
    n_levels : int, default=1
        Levels of experts.
    stop_gradient : bool, default=True
        Whether the gradient of a task stops at the experts of other tasks.

    See Also
    --------
    PLEClassifierRegressor : Its gates weigh only own and shared experts, unless
        ``stop_gradient`` is True; lists the errors and warnings of all.

    References
    ----------
    L. Su, J. Pan, X. Wang, X. Xiao, S. Quan, X. Chen, J. Jiang. "STEM: Unleashing the Power of
    Embeddings for Multi-task Recommendation". AAAI 2024.

    Examples
    --------
    >>> from sklearn_ple import STEMClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = STEMClassifierRegressor(max_epochs=5, n_members=2, random_state=0).fit(X, y)
    >>> list(model.gate_weights(X)[0]["death"])
    ['death 1', 'wt82_71 1', 'shared 1']
    """

    n_levels: int = parameter(
        default=1,
        constraint=[Number(Integral, 1, None, closed="left")],
        search=(1, 3),
        network=True,
    )
    expert_hidden_units: Any = parameter(default=(64,), published=(512, 256, 128), search=WIDTHS)
    gate_hidden_units: Any = parameter(default=(), published=(128, 64))
    tower_hidden_units: Any = parameter(default=(32,), published=(128, 64))
    embedding_dim: Any = parameter(default="auto", published=10, after="min_frequency")
    stop_gradient: bool = parameter(default=True)
    class_weight: Any = class_weight()

    network = STEM

    def n_views(self, n_tasks: int) -> int:
        return n_tasks + 1

    def make_network(
        self, in_features: int, tasks: Sequence[Task], **towers: Any
    ) -> ExtractionNetwork:
        return super().make_network(in_features, tasks, n_levels=self.n_levels, **towers)
