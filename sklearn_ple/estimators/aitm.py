"""Adaptive Information Transfer Multi-task as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Any

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import AITM, Body, CalibratedLogits
from ..tasks import Task, pair_dependent_tasks
from ..utils.constraints import NOT_NEGATIVE
from .network_fields import widths


@with_parameters
class AITMClassifierRegressor(MultiTaskEstimator):
    """Adaptive Information Transfer: tasks in an order, each of which reads the one before it.

    It is meant for steps that follow each other, such as clicks, carts and purchases, of which the
    later ones are rarer. Each task has a bottom, the part of a network below the tower. The tower
    of task t reads a vector ``z_t``. For the first task this is the output of its bottom. A later
    task weighs two vectors by attention,
    ``z_t = sum_{u in {p, q}} softmax_u(<h1 u, h2 u> / sqrt(d)) h3 u``: ``q = f_t(x)`` from its own
    bottom, and ``p = g_t(z_{t-1})`` from the task before it. ``gate_weights`` returns the weights
    of both for each row.

    ``as_published`` has the authors' widths and embeddings, without their batch normalisation and
    dropout.

    Parameters
    ----------
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    calibrator_weight : float, default=0.6
        Factor of the paper's penalty if the probability p_t of an event exceeds that of the event
        that it depends on, p_s: ``max(p_t - p_s, 0)`` for each label of t. There is no penalty
        without ``depends_on``.
    depends_on : "previous", dict or None, default=None
        The order of the tasks. With None, each task follows the one before it in y, and tasks may
        be of any kind. Otherwise tasks are events and must be binary. A dict names the event that
        an event depends on, such as ``{"purchase": "click"}``; tasks that it does not name read
        only their own bottom. With "previous", each event depends on the one before it in y. An
        event, the second class, can happen only if the event that it depends on does. Unlike in
        other estimators, the output of the task is the probability of the event itself, not the
        probability given the other event. The penalty keeps it below the probability of the other
        event, and predictions that still exceed this are lowered to it. Missing labels that follow
        from others are filled in: without a click there is no purchase.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.
    ESMMClassifier : Multiplies the probabilities along the chain instead.

    References
    ----------
    D. Xi, Z. Chen, P. Yan, Y. Zhang, Y. Zhu, F. Zhuang, Y. Chen. "Modeling the Sequential
    Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted Display
    Advertising". KDD 2021.

    Examples
    --------
    >>> from sklearn_ple import AITMClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = AITMClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.gate_weights(X)[0]["wt82_71"].columns.tolist()
    ['from death', 'own']
    """

    bottom_hidden_units: Any = widths(published=(128, 64, 32))
    calibrator_weight: float = parameter(default=0.6, constraint=[NOT_NEGATIVE])
    tower_hidden_units: Any = parameter(default=(32,), published=())
    depends_on: Any = None
    class_weight: Any = class_weight()
    embedding_dim: Any = parameter(default="auto", published=5, after="min_frequency")

    network = AITM

    @property
    def treats_tasks_alike(self) -> bool:
        """Whether the order of the tasks has no effect: ``depends_on`` names them."""
        return isinstance(self.depends_on, dict)

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        order = "previous" if self.depends_on is None else self.depends_on
        steps = pair_dependent_tasks(order, [task.name for task in tasks])
        return super().make_network(in_features, tasks, steps=steps, **towers)

    def make_link(
        self, columns: Sequence[tuple[int, int]], positions: Sequence[tuple[int, int]]
    ) -> CalibratedLogits:
        return CalibratedLogits(columns, positions, weight=self.calibrator_weight)
