"""Health of experts: whether they are active, shared by the tasks, and used by their own task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..nn.records import watched
from ..predictions.inner import inner_estimator

#: An expert is idle if its mean weight is a smaller multiple of the even share.
IDLE = 0.1
_DEAD = 0.9
_CAPTURED = 0.9
_COLUMNS = (
    *("level", "expert", "task", "zeros", "constant"),
    *("share", "beside", "main_task", "main_share", "own_share"),
)


def expert_health(estimator: Any, X: Any) -> pd.DataFrame:
    """Tabulate the experts of a fitted estimator and their faults, computed on some rows.

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
    health : DataFrame
        A row for each expert of each level, with the columns

        - ``level``, counted from 1, from the features up, and ``expert``, the name of the expert;
        - ``task``, the task that the expert belongs to; missing for a shared expert;
        - ``zeros``, the share of the expert's activations that are zero, and ``constant``, the
          share of its units that have the same output for every row;
        - ``share``, the mean weight of the expert in the gates of the tasks that read it, as a
          multiple of the even share, which is 1 / n in a gate with n experts;
        - ``beside``, whether the expert is also read beside the gates, as the own experts are in
          AdaTT and HoME: their weights in the gates show only a part of their use;
        - ``main_task``, the task in whose gate the expert has the largest weight, and
          ``main_share``, this weight divided by the sum of the expert's weights in the gates of
          all tasks, if several tasks read it;
        - ``own_share``, for an expert that belongs to a task: the weight of all experts of the
          task in its gate, as a multiple of their even share;
        - ``state``: "healthy", or one or more of "dead" (more than 90 % of its activations are
          zero), "idle" (``share`` below 0.1), "captured" (a shared expert with a ``share`` of at
          least 0.1 and a ``main_share`` above 0.9) and "ignored" (``own_share`` below 0.1). An
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
    ...     n_members=1, max_epochs=5, random_state=0
    ... ).fit(X, y)
    >>> expert_health(model, X)[["expert", "state"]]
           expert    state
    0     death 1  healthy
    1  wt82_71 1  healthy
    2   shared 1  healthy
    """
    return weights_and_health(*with_gates(estimator, X))[1]


class NoGatesError(TypeError):
    """Raised for an estimator that has no gates."""

    @classmethod
    def of(cls, estimator: Any) -> NoGatesError:
        """Return the error that names the estimator."""
        return cls(
            f"{type(estimator).__name__} has no gates: use an estimator with gates, such as PLE, "
            "CGC or MMoE."
        )


def with_gates(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the estimator with gates in a pipeline or search, and X as transformed for it."""
    while not hasattr(estimator, "gate_weights"):
        inner = inner_estimator(estimator)
        if inner is None:
            raise NoGatesError.of(estimator)
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = inner
    return estimator, X


def weights_and_health(
    estimator: Any, X: Any
) -> tuple[list[dict[str, pd.DataFrame]], pd.DataFrame]:
    """Compute the weights of all gates and the health of the experts, in one prediction."""
    module, tasks = estimator.module_, estimator.task_names_
    activities: list[list[tuple[list[str], _Activity]]] = []
    with ExitStack() as stack:
        for level in module.expert_names(tasks):
            activities.append([(bank.names, _Activity()) for bank in level])
            for bank, (_, activity) in zip(level, activities[-1], strict=True):
                stack.enter_context(watched(bank.module, activity.add))
        weights = estimator.gate_weights(X)
    if not any(weights):
        # In AITM only a task that has a task before it has a gate.
        raise NoGatesError.of(estimator)
    owners, rows = list(_owners(module, tasks)), []
    for level, (gates, parts) in enumerate(zip(weights, module.gate_names(tasks), strict=True)):
        n_rows = len(next(iter(gates.values())))
        active: dict[str, dict[str, float]] = {}
        for names, activity in activities[level] if level < len(activities) else []:
            active |= zip(names, activity.summary(len(names), n_rows), strict=True)
        own = owners[level] if level < len(owners) else {}
        used = _use(gates, own, tasks)
        beside = {expert for part in parts for expert in part.beside}
        # Experts are in the order of the banks, if this is known.
        for expert in dict.fromkeys([*active, *used]):
            known = active.get(expert, {}) | used.get(expert, {})
            known |= {"level": level + 1, "expert": expert, "beside": expert in beside}
            rows.append(known)
    health = pd.DataFrame(rows, columns=list(_COLUMNS))
    health["state"] = [", ".join(_states(row)) or "healthy" for row in health.itertuples()]
    return weights, health


class _Activity:
    """How many outputs of a bank of experts are zero or constant."""

    def __init__(self) -> None:
        self.zeros: list[Tensor] = []
        self.lowest: Any = None
        self.highest: Any = None

    def add(self, outputs: Tensor) -> None:
        """Add the outputs of a batch, of shape (n_members * n_experts, n_rows, width)."""
        self.zeros.append((outputs == 0).cpu().double().mean(dim=2))
        # Batches are filled up with copies of rows, which do not change minimum and maximum.
        ends = outputs.aminmax(dim=1)
        low, high = ends.min.cpu(), ends.max.cpu()
        self.lowest = low if self.lowest is None else torch.minimum(self.lowest, low)
        self.highest = high if self.highest is None else torch.maximum(self.highest, high)

    def summary(self, n_experts: int, n_rows: int) -> list[dict[str, float]]:
        """Compute the share of zeros and of constant units of each expert, over all members."""
        zeros = torch.cat(self.zeros, dim=1)[:, :n_rows].mean(dim=1)
        constant = torch.eq(self.lowest, self.highest).double().mean(dim=1)
        shares = torch.stack([zeros, constant]).unflatten(1, (-1, n_experts)).mean(dim=1)
        return [dict(zip(("zeros", "constant"), own, strict=True)) for own in shares.T.tolist()]


def _owners(module: Any, tasks: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield, for each level, the task of each expert that belongs to a task."""
    for row in module.blocks(tasks):
        if row and row[0].kind == "expert":
            yield {block.name: tasks[block.task] for block in row if block.task is not None}


def _use(
    gates: Mapping[str, pd.DataFrame], owners: Mapping[str, str], tasks: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Compute, for each expert of a level, how the gates of the tasks use it."""
    uses: dict[str, dict[str, Any]] = {}
    means = {gate: frame.mean() for gate, frame in gates.items()}
    of_tasks = {gate: own for gate, own in means.items() if gate in tasks}
    for expert in dict.fromkeys(name for own in means.values() for name in own.index):
        owner = owners.get(expert)
        use = uses[expert] = {"task": owner}
        read = {gate: own for gate, own in of_tasks.items() if expert in own.index}
        if read:
            parts = pd.Series({gate: own[expert] for gate, own in read.items()})
            use["share"] = np.mean([own[expert] * len(own) for own in read.values()])
            use["main_task"] = parts.idxmax()
            # An expert that only one task can read is not captured.
            if len(parts) > 1 and parts.sum() > 0:
                use["main_share"] = parts.max() / parts.sum()
        if owner in of_tasks:
            weights = of_tasks[owner]
            own = [name for name in weights.index if owners.get(name) == owner]
            # In a network of the user's own, they may bypass the gate.
            if own:
                use["own_share"] = weights[own].sum() * len(weights) / len(own)
    return uses


def _states(row: Any) -> Iterator[str]:
    """Yield the faults of an expert; missing values are not faults."""
    if row.zeros > _DEAD:
        yield "dead"
    if row.share < IDLE and not row.beside:
        yield "idle"
    if row.share >= IDLE and pd.isna(row.task) and row.main_share > _CAPTURED:
        yield "captured"
    if row.own_share < IDLE and not row.beside:
        yield "ignored"


def ailing(health: pd.DataFrame) -> Iterator[str]:
    """Yield the warnings about experts, except those about idle experts."""
    for row in health.itertuples():
        states = row.state.split(", ")
        if "dead" in states:
            yield (
                f"Expert {row.expert!r} of level {row.level} is nearly dead: {row.zeros:.1%} of "
                "its activations are zero. Another activation, such as silu, may help."
            )
        if "captured" in states:
            yield (
                f"Shared expert {row.expert!r} of level {row.level} is captured by task "
                f"{row.main_task!r}, in whose gate it has {row.main_share:.1%} of the weight that "
                "it has in the gates of all tasks."
            )
    ignored = health[health["state"].str.contains("ignored")]
    for row in ignored.drop_duplicates(["level", "task"]).itertuples():
        yield (
            f"Task {row.task!r} ignores its own experts of level {row.level}: their weight in its "
            f"gate is {row.own_share:.2g} of the even share."
        )
