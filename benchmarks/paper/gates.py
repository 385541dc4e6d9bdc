"""How gates use experts: the mean weights, and how far the gates of two tasks are apart."""

from itertools import combinations

import numpy as np

N_ROWS = 5_000


def separation(gates, tasks):
    """Compute the mean distance of two tasks' gates, in total variation, over the level's experts.

    Experts that one of two gates does not read have no weight in it; so weight on
    a task's own experts makes the distance larger, and weight on shared ones makes it smaller.
    """
    distances = []
    for first, second in combinations([gates[task] for task in tasks], 2):
        both = list(set(first) & set(second))
        distances.append(1 - np.minimum(first[both], second[both]).sum(axis=1).mean())
    return float(np.mean(distances))


def describe_gates(system, X):
    """Return the mean weights by level, gate and expert, and the distance of gates by level."""
    if not hasattr(system, "gate_weights"):
        return {}
    tasks, levels = system.task_names_, system.gate_weights(X.iloc[:N_ROWS])
    gates = [
        {"level": level, "gate": gate, "expert": expert, "mean": float(own.mean())}
        for level, named in enumerate(levels, start=1)
        for gate, frame in named.items()
        for expert, own in frame.items()
    ]
    # The gates between levels of ML-MMoE are not the tasks'.
    apart = [separation(named, tasks) for named in levels if set(tasks) <= set(named)]
    return {"gates": gates, "separation": apart}
