"""Health of experts: whether they are active, shared by the tasks, and used by their own task."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..nn.records import watch
from ..predictions.inner import find_inner_estimator
from .shown import Contents, Result

_IDLE = 0.05
_DEAD = 0.9
_CAPTURED = 0.9
_WARNINGS = {
    "dead": "Expert {expert!r} of level {level} is nearly dead: {zeros:.1%} of its activations "
    "are zero. Another activation, such as silu, may help.",
    "idle": "Expert {expert!r} of level {level} is hardly used: its mean weight is {share:.2g} of "
    "the even share. Fewer experts may be enough.",
    "captured": "Shared expert {expert!r} of level {level} is captured by task {main_task!r}, in "
    "whose gate it has {main_share:.1%} of the weight that it has in the gates of all tasks.",
    "ignored": "Task {task!r} ignores its own experts of level {level}: their weight in its gate "
    "is {own_share:.2g} of the even share.",
}


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
        messages = (
            _WARNINGS[state].format(**row)
            for row in self.table.to_dict("records")
            for state in row["state"].split(", ")
            if state != "healthy"
        )
        # A task that ignores several experts is named once.
        return list(dict.fromkeys(messages))

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
        # Imported here, because that module imports this one.
        from .gates import GateUtilizationDisplay

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
        - ``zeros``, the share of the expert's activations that are zero, and ``constant``, the
          share of its units that have the same output for every row;
        - ``share``, the mean weight of the expert in the gates that read it, as a multiple of the
          even share, which is 1 / n in a gate with n experts;
        - ``beside``, whether the expert is also read beside the gates, as the own experts are in
          AdaTT and HoME: their weights in the gates show only a part of their use;
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

    Remedies are another ``activation`` for dead experts, fewer experts for idle ones, and
    `~sklearn_ple.HoMEClassifierRegressor` for captured and ignored ones.

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
    ... ).fit(X, y)
    >>> expert_health(model, X).table[["expert", "state"]]
           expert    state
    0     death 1  healthy
    1  wt82_71 1  healthy
    2   shared 1  healthy
    """
    return read_gates(*find_gates(estimator, X))[1]


class NoGatesError(TypeError):
    """Raised for an estimator that has no gates."""

    @classmethod
    def of(cls, estimator: Any) -> "NoGatesError":
        """Return the error that names the estimator."""
        return cls(
            f"{type(estimator).__name__} has no gates: use an estimator with gates, such as PLE, "
            "CGC or MMoE."
        )


def find_gates(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the estimator with gates in a pipeline or search, and X as transformed for it."""
    while not hasattr(estimator, "gate_weights"):
        inner = find_inner_estimator(estimator)
        if inner is None:
            raise NoGatesError.of(estimator)
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = inner
    return estimator, X


def read_gates(estimator: Any, X: Any) -> tuple[list[dict[str, pd.DataFrame]], ExpertHealth]:
    """Compute the weights of all gates, and what follows from them, in one prediction.

    Returns
    -------
    weights : list of dict of str to DataFrame
        The weights in each row, as returned by the method ``gate_weights``.
    health : ExpertHealth
        The health of the experts.
    """
    module, tasks = estimator.module_, list(estimator.task_names_)
    banks = []
    with ExitStack() as stack:
        for level, level_banks in enumerate(module.expert_names(tasks), start=1):
            for bank in level_banks:
                activity = _Activity()
                stack.enter_context(watch(bank.module, activity.add))
                banks.append((level, bank.names, activity))
        weights = estimator.gate_weights(X)
    if not any(weights):
        # In AITM only a task that has a task before it has a gate.
        raise NoGatesError.of(estimator)
    n_rows = len(next(frame for gates in weights for frame in gates.values()))
    active = {
        (level, name): shares
        for level, names, activity in banks
        for name, shares in zip(names, activity.summary(len(names), n_rows), strict=True)
    }
    rows = [
        [level, gate, expert, values.mean(), values.std(ddof=0)]
        for level, gates in enumerate(weights, start=1)
        for gate, frame in gates.items()
        for expert, values in frame.items()
    ]
    utilization = pd.DataFrame(rows, columns=["level", "gate", "expert", "mean", "std"])
    return weights, ExpertHealth(_examine(utilization, active, module, tasks), utilization)


class _Activity:
    """How many outputs of a bank of experts are zero or constant."""

    def __init__(self) -> None:
        self.zeros: list[Tensor] = []
        self.ends: list[Tensor] = []

    def add(self, outputs: Tensor) -> None:
        """Add the outputs of a batch, of shape (n_members * n_experts, n_rows, width)."""
        self.zeros.append((outputs == 0).cpu().double().mean(dim=2))
        # Batches are filled up with copies of rows, which do not change minimum and maximum.
        self.ends.append(torch.stack(outputs.aminmax(dim=1)).cpu())

    def summary(self, n_experts: int, n_rows: int) -> list[list[float]]:
        """Compute the share of zeros and of constant units of each expert, over all members."""
        zeros = torch.cat(self.zeros, dim=1)[:, :n_rows].mean(dim=1)
        lowest, highest = torch.stack(self.ends, dim=1)
        constant = torch.eq(lowest.amin(dim=0), highest.amax(dim=0)).double().mean(dim=1)
        shares = torch.stack([zeros, constant]).unflatten(1, (-1, n_experts))
        return shares.mean(dim=1).T.tolist()


def _examine(
    utilization: pd.DataFrame,
    active: Mapping[tuple[int, str], list[float]],
    module: Any,
    tasks: Sequence[str],
) -> pd.DataFrame:
    """Tabulate the health of the experts, given the zeros and constant units of some of them."""
    levels = (row for row in module.nodes(tasks) if row and row[0].kind == "expert")
    owners = {
        (level, node.name): tasks[node.task]
        for level, row in enumerate(levels, start=1)
        for node in row
        if node.task is not None
    }
    beside = {
        (level, expert)
        for level, parts in enumerate(module.gate_names(tasks), start=1)
        for part in parts
        for expert in part.beside
    }
    by = ["level", "expert"]
    keys = pd.MultiIndex.from_frame(utilization[by])
    n_experts = utilization.groupby(["level", "gate"])["mean"].transform("size")
    used = utilization.assign(share=utilization["mean"] * n_experts, task=keys.map(owners.get))
    of_tasks = used[used["gate"].isin(tasks)]
    weights = of_tasks.groupby(by)["mean"]
    by_owner = of_tasks[of_tasks["gate"] == of_tasks["task"]].groupby(["level", "task"])
    own_share = by_owner["share"].mean()

    # Experts are in the order of the banks, if this is known.
    experts = sorted(dict.fromkeys([*active, *keys]), key=itemgetter(0))
    health = pd.DataFrame(index=pd.MultiIndex.from_tuples(experts, names=by))
    health["task"] = [owners.get(expert) for expert in experts]
    health[["zeros", "constant"]] = [active.get(expert, (np.nan, np.nan)) for expert in experts]
    health["share"] = used.groupby(by)["share"].mean()
    health["beside"] = [expert in beside for expert in experts]
    health["main_task"] = of_tasks.loc[weights.idxmax()].set_index(by)["gate"]
    # An expert that only one task can read is not captured.
    health["main_share"] = (weights.max() / weights.sum()).where(weights.size() > 1)
    health = health.join(own_share.rename("own_share"), on=["level", "task"]).reset_index()
    is_shared, is_idle = health["task"].isna(), health["share"] < _IDLE
    faults = {
        "dead": health["zeros"] > _DEAD,
        "idle": is_idle & ~health["beside"],
        "captured": is_shared & ~is_idle & (health["main_share"] > _CAPTURED),
        "ignored": (health["own_share"] < _IDLE) & ~health["beside"],
    }
    health["state"] = [
        ", ".join(name for name, has in faults.items() if has[place]) or "healthy"
        for place in health.index
    ]
    return health
