"""What gates and experts do with rows: the weights, the activations and the faults of experts."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..nn import TabularNetwork
from ..nn.hooks import watch
from ..utils.inner import find_inner_estimator

_IDLE = 0.05
_DEAD = 0.9
_CAPTURED = 0.9
_WARNINGS = {
    "dead": "Expert {expert!r} of level {level} is nearly dead: {zeros:.1%} of its activations "
    "are zero. A lower learning_rate may help.",
    "idle": "Expert {expert!r} of level {level} is hardly used: its mean weight is {share:.2g} of "
    "the even share. Fewer experts may be enough.",
    "captured": "Shared expert {expert!r} of level {level} is captured by task {main_task!r}, in "
    "whose gate it has {main_share:.1%} of the weight that it has in the gates of all tasks.",
    "ignored": "Task {task!r} ignores its own experts of level {level}: their weight in its gate "
    "is {own_share:.2g} of the even share.",
}


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


class Reading(NamedTuple):
    """What the gates and the experts of an estimator do with some rows.

    Attributes
    ----------
    weights : list of dict of str to DataFrame
        The weights in each row, as returned by the method ``gate_weights``.
    utilization, health : DataFrame
        The tables of `ExpertHealth`.
    """

    weights: list[dict[str, pd.DataFrame]]
    utilization: pd.DataFrame
    health: pd.DataFrame


def read_gates(estimator: Any, X: Any) -> Reading:
    """Compute the weights of all gates, and what follows from them, in one prediction."""
    module, tasks = estimator.module_, list(estimator.task_names_)
    banks = []
    with ExitStack() as stack:
        for level, level_banks in enumerate(module.expert_names(tasks), start=1):
            for bank in level_banks:
                zeros: list[Tensor] = []
                stack.enter_context(watch(bank.module, partial(_add_zeros, zeros)))
                banks.append((level, bank.names, zeros))
        weights = estimator.gate_weights(X)
    n_rows = len(next(frame for gates in weights for frame in gates.values()))
    inactive: dict[tuple[int, str], float] = {}
    for level, names, zeros in banks:
        # Batches are filled up with copies of rows. The experts of all members are side by side.
        of_rows = torch.cat(zeros, dim=1)[:, :n_rows].mean(dim=1)
        shares = of_rows.unflatten(0, (-1, len(names))).mean(dim=0).tolist()
        inactive |= zip(((level, name) for name in names), shares, strict=True)
    rows = [
        [level, gate, expert, values.mean(), values.std(ddof=0)]
        for level, gates in enumerate(weights, start=1)
        for gate, frame in gates.items()
        for expert, values in frame.items()
    ]
    utilization = pd.DataFrame(rows, columns=["level", "gate", "expert", "mean", "std"])
    return Reading(weights, utilization, _examine(utilization, inactive, module, tasks))


def describe_faults(health: pd.DataFrame) -> list[str]:
    """Describe the faults in a table of `ExpertHealth`, each in a sentence or two."""
    messages = (
        _WARNINGS[state].format(**row)
        for row in health.to_dict("records")
        for state in row["state"].split(", ")
        if state != "healthy"
    )
    # A task that ignores several experts is named once.
    return list(dict.fromkeys(messages))


def _add_zeros(zeros: list[Tensor], outputs: Tensor) -> None:
    """Add the share of zeros among the outputs of each expert in each row of a batch."""
    zeros.append((outputs == 0).cpu().double().mean(dim=2))


def _examine(
    utilization: pd.DataFrame,
    inactive: Mapping[tuple[int, str], float],
    module: TabularNetwork,
    tasks: Sequence[str],
) -> pd.DataFrame:
    """Tabulate the health of the experts, given the share of zeros of some of them."""
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
    experts = sorted(dict.fromkeys([*inactive, *keys]), key=itemgetter(0))
    health = pd.DataFrame(index=pd.MultiIndex.from_tuples(experts, names=by))
    health["task"] = [owners.get(expert) for expert in experts]
    health["zeros"] = [inactive.get(expert, np.nan) for expert in experts]
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
