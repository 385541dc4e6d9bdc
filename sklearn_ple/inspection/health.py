"""Health of experts: whether they are active, shared by the tasks, and used by their own task."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from .experts import describe_faults, find_gates, read_gates
from .gate_utilization import GateUtilizationDisplay
from .shown import Contents, Result


@dataclass(frozen=True, eq=False, repr=False)
class ExpertHealth(Result):
    """The experts of a fitted estimator and their faults, as returned by :func:`expert_health`.

    Consoles and notebooks show the state of each expert, and describe the faults.

    Parameters
    ----------
    table : DataFrame
        A row for each expert of each level, with the columns that :func:`expert_health` lists.
    utilization : DataFrame
        A row for each expert of each gate of each level, with the columns ``level``, ``gate``,
        ``expert``, ``mean`` and ``std`` of its weight over the rows.

    See Also
    --------
    expert_health : Computes the tables.
    GateUtilizationDisplay : Draws them.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ple.inspection import ExpertHealth
    >>> table = pd.DataFrame(
    ...     {
    ...         "level": [1, 1],
    ...         "expert": ["death 1", "shared 1"],
    ...         "task": ["death", None],
    ...         "share": [1.95, 0.05],
    ...         "state": ["healthy", "idle"],
    ...     }
    ... )
    >>> utilization = pd.DataFrame(
    ...     [[1, "death", "death 1", 0.975, 0.0], [1, "death", "shared 1", 0.025, 0.0]],
    ...     columns=["level", "gate", "expert", "mean", "std"],
    ... )
    >>> ExpertHealth(table, utilization)
    Experts, and their weight as a multiple of the even share:
    <BLANKLINE>
       level    expert   task share    state
    0      1   death 1  death  1.95  healthy
    1      1  shared 1         0.05     idle
    <BLANKLINE>
    Expert 'shared 1' of level 1 is hardly used: its mean weight is 0.05 of the even share. \
Fewer experts may be enough.
    """

    table: pd.DataFrame
    utilization: pd.DataFrame

    def faults(self) -> list[str]:
        """Describe the faults of experts.

        Returns
        -------
        faults : list of str
            A sentence or two for each fault; empty if all experts are healthy.
        """
        return describe_faults(self.table)

    def plot(self, **kwargs: Any) -> Any:
        """Draw the weights of the experts in the gates, and name experts with faults.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`GateUtilizationDisplay.plot`.

        Returns
        -------
        display : GateUtilizationDisplay
            The display.
        """
        return GateUtilizationDisplay(self.utilization, health=self.table).plot(**kwargs)

    def _contents(self) -> Contents:
        shown = self.table[["level", "expert", "task", "share", "state"]]
        shown = shown.assign(share=shown["share"].map("{:.2f}".format))
        caption = "Experts, and their weight as a multiple of the even share"
        return caption, shown, self.faults() or ["All experts are healthy."]


def expert_health(estimator: Any, X: Any) -> ExpertHealth:
    """Examine the experts of a fitted estimator for faults, on some rows.

    Mixtures of experts can fail in ways that the loss does not show. Wang et al. found these in
    production: experts whose activations are all zero, experts that are not used, shared experts
    that are used by a single task, and tasks that do not use their own experts.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package that has gates, or a pipeline or search that contains
        one.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.

    Returns
    -------
    health : ExpertHealth
        The result, whose ``table`` has a row for each expert of each level, with the columns

        - ``level``, counted from 1, from the features up, and ``expert``, the name of the expert;
        - ``task``, the task that the expert belongs to; missing for a shared expert;
        - ``zeros``, the share of the expert's activations that are zero;
        - ``share``, the mean weight of the expert in the gates that read it, as a multiple of the
          even share, which is 1 / n in a gate with n experts;
        - ``beside``, whether the expert is also read beside the gates, as the own experts are in
          AdaTT: their weights in the gates show only a part of their use;
        - ``main_task``, the task in whose gate the expert has the largest weight, and
          ``main_share``, this weight divided by the sum of the expert's weights in the gates of
          all tasks, if several tasks read it;
        - ``own_share``, for an expert that belongs to a task: the weight of all experts of the
          task in its gate, as a multiple of their even share;
        - ``state``: "healthy", or one or more of "dead" (more than 90 % of its activations are
          zero), "idle" (``share`` below 0.05), "captured" (a shared expert with a ``share`` of at
          least 0.05 and a ``main_share`` above 0.9) and "ignored" (``own_share`` below 0.05). An
          expert that is also read beside the gates is never idle or ignored.

        Values that do not exist for a network are missing.

    Raises
    ------
    TypeError
        If the estimator has no gates.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    GateUtilizationDisplay : Draws the weights of the gates, and names experts with faults.

    Notes
    -----
    Weights and activations are means over the members of the ensemble, which have separate
    experts. To examine a single network, set ``n_members=1``.

    Remedies are a lower ``learning_rate`` for dead experts, fewer experts for idle ones, and HoME,
    a network of :doc:`/extending`, for captured and ignored ones.

    References
    ----------
    X. Wang, J. Cao, Z. Fu, K. Gai, G. Zhou. "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
    Learning at Kuaishou". arXiv 2408.05430, 2024.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import expert_health
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(
    ...     n_members=1, max_epochs=1, random_state=0
    ... ).fit(X[:200], y[:200])
    >>> expert_health(model, X).table[["expert", "state"]]
           expert    state
    0     death 1  healthy
    1  wt82_71 1  healthy
    2   shared 1  healthy
    """
    reading = read_gates(*find_gates(estimator, X))
    return ExpertHealth(reading.health, reading.utilization)
