"""The Entire Space Multi-task Model as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from .._sklearn import StrOptions
from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import DebiasedLogits, JointLogits, SharedBottom
from ..parameters import Number
from ..tasks import Task


@with_parameters
class ESMMClassifier(MultiTaskEstimator):
    """Entire Space Multi-task Model: events that follow on each other, as purchases on clicks.

    The tasks share embeddings, and each has a tower. The tower of a purchase computes its
    probability after a click, pCVR. It is trained on all rows, clicked or not, by the probability
    of both events: ``pCTCVR = pCTR * pCVR``. So it learns from rows like those that it is used on,
    with embeddings that the many clicks have trained. y has a column for each event, in the order
    of the events.

    ``predict_proba`` returns the probability of an event together with all events before it (pCTR,
    pCTCVR), and ``predict_conditional_proba`` the probability given the event before (pCTR, pCVR).

    pCVR learns only from its product with pCTR, and is biased if clicks are selective. With
    ``debias="ips"`` it also learns from the clicked rows, each weighted by the inverse of its
    pCTR. On average this is the loss over all rows, as if all had been clicked.

    Parameters
    ----------
    tower_hidden_units : sequence of int, default=(64, 32)
        Widths of the hidden layers of every task's tower.
    depends_on : "previous", dict or None, default="previous"
        For a task, the name of the task that it depends on, such as ``{"purchase": "click"}``.
        With "previous", each task depends on the one before it in y. The event of a task, its
        second class, can happen only if the event that it depends on does. Labels that follow from
        others are filled in.
    debias : {"ips"} or None, default=None
        What is added to the loss of a task that depends on another. "ips", as in ESCM2-IPS, adds
        its loss over the rows of the other event, weighted by the inverse of that event's
        predicted probability, without a gradient through it, and divided by the number of all
        rows. None adds nothing, as in the original.
    debias_weight : float, default=1.0
        Factor of the term that ``debias`` adds.
    least_propensity : float, default=0.01
        With ``debias``, smaller probabilities are replaced by this one. The greater it is, the
        fewer rows outweigh all others, and the more bias remains.

    Raises
    ------
    ValueError
        If tasks are not binary, or a row has an event without the one before it.

    See Also
    --------
    PLEClassifierRegressor : Takes ``depends_on`` too; lists the errors and warnings of all.

    References
    ----------
    X. Ma, L. Zhao, G. Huang, Z. Wang, Z. Hu, X. Zhu, K. Gai. "Entire Space Multi-Task Model: An
    Effective Approach for Estimating Post-Click Conversion Rate". SIGIR 2018.

    H. Wang, T.-W. Chang, T. Liu, J. Huang, Z. Chen, C. Yu, R. Li, W. Chu. "ESCM2: Entire Space
    Counterfactual Multi-Task Model for Post-Click Conversion Rate Estimation". SIGIR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple import ESMMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 3))
    >>> click = X[:, 0] + rng.normal(size=600) > 0
    >>> purchase = click & (X[:, 1] + rng.normal(size=600) > 0)
    >>> model = ESMMClassifier(random_state=0).fit(X, np.column_stack([click, purchase]))
    >>> ctr, ctcvr = (p[:, 1] for p in model.predict_proba(X))
    >>> _, cvr = (p[:, 1] for p in model.predict_conditional_proba(X))
    >>> np.allclose(ctr * cvr, ctcvr)
    True
    """

    tower_hidden_units: Any = parameter(default=(64, 32), published=(200, 80))
    depends_on: Any = "previous"
    debias: str | None = parameter(default=None, constraint=[StrOptions({"ips"}), None])
    debias_weight: float = parameter(
        default=1.0, constraint=[Number(Real, 0, None, closed="left")]
    )
    least_propensity: float = parameter(
        default=0.01, constraint=[Number(Real, 0, 1, closed="right")]
    )
    class_weight: Any = class_weight()
    embedding_dim: Any = parameter(default="auto", published=18, after="target_statistics")

    def treats_tasks_alike(self) -> bool:
        return True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> SharedBottom:
        n_outputs = [task.n_outputs for task in tasks]
        return SharedBottom(in_features, n_outputs, bottom_hidden_units=(), **towers)

    def make_link(
        self, columns: Sequence[tuple[int, int]], positions: Sequence[tuple[int, int]]
    ) -> JointLogits:
        if self.debias is None:
            return JointLogits(columns, positions)
        return DebiasedLogits(
            columns, positions, weight=self.debias_weight, least_propensity=self.least_propensity
        )
