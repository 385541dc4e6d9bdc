"""The Entire Space Multi-task Model as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence
from numbers import Real
from typing import Any

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import Body, DebiasedLogits, JointLogits, SharedBottom
from ..tasks import Task
from ..utils._sklearn import StrOptions
from ..utils.constraints import NOT_NEGATIVE, Number


@with_parameters
class ESMMClassifier(MultiTaskEstimator):
    """Entire Space Multi-task Model: events that follow each other, such as click and purchase.

    The tasks share embeddings, and each has a tower. y has a column for each event, in the order
    of the events. The tower of the click computes its probability, pCTR; the tower of the purchase
    computes the probability of a purchase given a click, pCVR. The loss of the purchase is that of
    the probability of both events, ``pCTCVR = pCTR * pCVR``, on all rows, clicked or not. Hence
    pCVR is learnt from the same kind of rows as it is predicted for, with embeddings that the many
    clicks have trained, too.

    ``predict_proba`` returns the probability of an event together with all events before it (pCTR,
    pCTCVR), and ``predict_conditional_proba`` the probability given the event before (pCTR, pCVR).

    pCVR is learnt only through its product with pCTR, and is biased if the clicked rows differ
    from the others. With ``debias="ips"`` there is also a loss of pCVR on the clicked rows, each
    weighted by the inverse of its pCTR. The expectation of this loss is that over all rows, as if
    all had been clicked.

    Parameters
    ----------
    tower_hidden_units : sequence of int, default=(64, 32)
        Widths of the hidden layers of every task's tower.
    depends_on : "previous", dict or None, default="previous"
        For a task, the name of the task that it depends on, such as ``{"purchase": "click"}``.
        With "previous", each task depends on the one before it in y. The event of a task, its
        second class, can happen only if the event that it depends on does. Missing labels that
        follow from others are filled in, also those whose weight is zero: without a click there is
        no purchase.
    debias : {"ips"} or None, default=None
        What is added to the loss of a task that depends on another. "ips", as in ESCM2-IPS, adds
        the loss of the conditional probability over the rows in which the other event happened.
        Each of these rows is weighted by the inverse of the predicted probability of that event,
        through which no gradient flows, and the sum is divided by the number of all rows. None
        adds nothing, as in the original paper.
    debias_weight : float, default=1.0
        Factor of the term that ``debias`` adds.
    least_propensity : float, default=0.01
        With ``debias``, probabilities below this are replaced by it before they are inverted. The
        greater it is, the less a few rows can outweigh all others, but the more bias remains.

    Raises
    ------
    ValueError
        If a task that depends on another, or that other, is not binary; if a task is a number; if
        a row has an event without the event before it.

    See Also
    --------
    PLEClassifierRegressor : Also accepts ``depends_on``; lists the errors and warnings of all
        estimators.

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
    >>> y = np.column_stack([click, purchase])
    >>> model = ESMMClassifier(max_epochs=2).fit(X, y)
    >>> ctr, ctcvr = (p[:, 1] for p in model.predict_proba(X))
    >>> _, cvr = (p[:, 1] for p in model.predict_conditional_proba(X))
    >>> np.allclose(ctr * cvr, ctcvr)
    True
    """

    tower_hidden_units: Any = parameter(default=(64, 32), published=(200, 80))
    depends_on: Any = "previous"
    debias: str | None = parameter(default=None, constraint=[StrOptions({"ips"}), None])
    debias_weight: float = parameter(default=1.0, constraint=[NOT_NEGATIVE])
    least_propensity: float = parameter(
        default=0.01, constraint=[Number(Real, 0, 1, closed="right")]
    )
    class_weight: Any = class_weight()
    embedding_dim: Any = parameter(default="auto", published=18, after="target_statistics")

    network = SharedBottom
    treats_tasks_alike = True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        for task in tasks:
            if not task.has_classes:
                raise ValueError(
                    f"Target {task.name!r} is of kind {task.kind!r}, but all tasks of "
                    f"{type(self).__name__} have classes: leave it out, or use "
                    "PLEClassifierRegressor with depends_on."
                )
        return super().make_network(in_features, tasks, bottom_hidden_units=(), **towers)

    def make_link(
        self, columns: Sequence[tuple[int, int]], positions: Sequence[tuple[int, int]]
    ) -> JointLogits:
        if self.debias is None:
            return JointLogits(columns, positions)
        return DebiasedLogits(
            columns, positions, weight=self.debias_weight, least_propensity=self.least_propensity
        )
