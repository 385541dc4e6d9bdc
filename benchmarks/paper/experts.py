"""How gates use experts, system by system and level by level, and what a level costs.

All networks are as published, with one member, because means over members would hide what the
gates of each network do. Two things are measured on test rows: the mean and the standard deviation
of the weights of each gate, and the distance between the gates of two tasks.
"""

from itertools import combinations

import numpy as np
from common import parser_of
from sklearn.base import clone

from paper.comparison import evaluate as scores_of
from paper.comparison import prepare as compared
from paper.systems import run

GATED = ("MMoE", "ML-MMoE", "CGC", "PLE")
N_LEVELS = (1, 2, 3, 4)
N_ROWS = 5_000


def prepare(name):
    """Make systems with gates, of equal size, and PLE with one to four levels of equal width."""
    data, sized = compared(f"{name}, as published", names=GATED)
    by_levels = {f"PLE, {n} levels": clone(sized["PLE"]).set_params(n_levels=n) for n in N_LEVELS}
    return data, sized | by_levels


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


def evaluate(system, data):
    tasks, levels = system.task_names_, system.gate_weights(data[2].iloc[:N_ROWS])
    gates = [
        {"level": level, "gate": gate, "expert": expert, "mean": own.mean(), "std": own.std()}
        for level, named in enumerate(levels, start=1)
        for gate, frame in named.items()
        for expert, own in frame.items()
    ]
    # The gates between levels of ML-MMoE are not the tasks'.
    apart = [separation(named, tasks) for named in levels if set(tasks) <= set(named)]
    return scores_of(system, data) | {"gates": gates, "separation": apart}


def main():
    options = parser_of(__doc__, n_seeds=5, data=("census", "support2")).parse_args()
    run("paper_experts", options.data, options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
