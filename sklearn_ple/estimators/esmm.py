"""The Entire Space Multi-task Model as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Any

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import Body, SharedBottom
from ..tasks import Task
from ..utils.types import ClassWeight


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

    tower_hidden_units: Sequence[int] | str = parameter(default=(64, 32), published=(200, 80))
    depends_on: dict | str | None = "previous"
    class_weight: ClassWeight = class_weight()
    embedding_dim: int | str = parameter(default="auto", published=18, after="target_statistics")

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
