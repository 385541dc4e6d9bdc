"""Adaptive Information Transfer Multi-task as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from ..base import WIDTHS, MultiTaskEstimator, class_weight, parameter, with_parameters
from ..encoding import dependent_pairs
from ..nn import AITM, CalibratedLogits
from ..parameters import Number, Widths
from ..tasks import Task


@with_parameters
class AITMClassifierRegressor(MultiTaskEstimator):
    """Adaptive Information Transfer: tasks in an order, each of which learns from the one before.

    Each task has a bottom. A later task attends to the output of its own bottom and to what the
    task before it passes on: ``z_t = sum_{u in {p, q}} softmax_u(<h1 u, h2 u> / sqrt(d)) h3 u``
    with ``p = g_t(z_{t-1})`` and ``q = f_t(x)``; its tower reads ``z_t``. ``gate_weights`` returns
    how much each row takes over. It is meant for steps that follow each other, such as clicks,
    carts and purchases, where the later ones have fewer labels.

    ``as_published`` has the authors' widths and embeddings, without their batch normalisation and
    dropout.

    Parameters
    ----------
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    calibrator_weight : float, default=0.6
        Factor of the paper's penalty on an event that is more probable than the one that it
        depends on, ``max(p_t - p_s, 0)`` for each label of t. Without ``depends_on`` there is
        none.
    depends_on : "previous", dict or None, default=None
        The order of the tasks. With None, each task follows the one before it in y, and tasks may
        be of any kind. Otherwise tasks are events, which are binary. A dict names the event that
        an event depends on, such as ``{"purchase": "click"}``; tasks that it does not name start
        from their own bottom. With "previous", each event depends on the one before it in y. An
        event, the second class, can happen only if the other does. Unlike in other estimators, its
        output is its own probability, not that given the other event. The penalty keeps this below
        the probability of the other event, and predictions are lowered to it. Labels that follow
        from others are filled in.

    See Also
    --------
    PLEClassifierRegressor : The flagship; lists the errors and warnings of all estimators.
    ESMMClassifier : Multiplies probabilities along the chain instead.

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
    >>> model = AITMClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.gate_weights(X)[0]["wt82_71"].columns.tolist()
    ['from death', 'own']
    """

    bottom_hidden_units: Any = parameter(
        default=(64,),
        constraint=[Widths()],
        search=WIDTHS,
        published=(128, 64, 32),
        network=True,
    )
    calibrator_weight: float = parameter(
        default=0.6, constraint=[Number(Real, 0, None, closed="left")]
    )
    tower_hidden_units: Any = parameter(default=(32,), published=())
    depends_on: Any = None
    class_weight: Any = class_weight()
    embedding_dim: Any = parameter(default="auto", published=5, after="min_frequency")

    def treats_tasks_alike(self) -> bool:
        return isinstance(self.depends_on, dict)

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> AITM:
        return AITM(
            in_features,
            [task.n_outputs for task in tasks],
            previous=self._previous([task.name for task in tasks]),
            bottom_hidden_units=tuple(self.bottom_hidden_units),
            **towers,
        )

    def make_link(
        self, columns: Sequence[tuple[int, int]], positions: Sequence[tuple[int, int]]
    ) -> CalibratedLogits:
        return CalibratedLogits(columns, positions, weight=self.calibrator_weight)

    def _previous(self, names: list[str]) -> list[int | None]:
        """Return for each task the position of the one before it, if there is one."""
        order = "previous" if self.depends_on is None else self.depends_on
        previous: list[int | None] = [None] * len(names)
        for task, other in dependent_pairs(order, names):
            previous[task] = other
        return previous
