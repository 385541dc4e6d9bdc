"""Regions that should contain all numbers of a row at once: their coverage and size.

Joint intervals (`predict_interval` with `joint=True`) and Bonferroni's intervals need no rows but
those of `fit`. Those of regions.py are calibrated on one half of the held-out rows, and judged on
the other, by turns. The size of a region is the side of a cube of its volume, for the median row,
as a share of that of Bonferroni's. The worst slice is a fifth of the rows by the prediction of one
target, chosen on every second row and judged on the others. A quarter of each set's training rows
is held out, different rows for each seed. Test rows are not used.
"""

from itertools import product

import numpy as np
from scipy.stats import rankdata

from sklearn_ple import PLEClassifierRegressor

from .data_sets import without_test_rows
from .measuring import measure_all, parser_of
from .regions import LEVEL, Density, Rows, compare

N_DRAWS, MOST_ROWS = 100, 2_000
#: Those with several numbers. The study has River flow, too, and costs and visits as RandHIE has.
RUN = ("nhefs", "support2", "scpf", "nmes1988", "atp7d", "edm", "slump", "oes10", "star")
RUN += ("rf1", "randhie", "synthetic_mixed", "synthetic_sinusoids")


def read(model, data, tasks, labels):
    """Return the rows with all labels, in standard deviations of the labels, and the density."""
    distributions = model._predict_distributions(data.X_test)
    positions = [model.task_names_.index(task) for task in tasks]
    predicted = [distributions.predictions[k] for k in positions]
    deviations = [distributions.deviations[k] for k in positions]
    units = data.y_train[tasks].std().to_numpy()
    parts = [labels, np.column_stack(predicted), np.column_stack(deviations)]
    for seed in (0, 1):
        drawn = model.sample_y(data.X_test, N_DRAWS, random_state=seed)[tasks]
        parts.append(drawn.to_numpy(dtype=float).reshape(len(labels), N_DRAWS, -1))
    return Rows(*(part / units for part in parts)), Density(model, distributions.errors, positions)


def of_intervals(model, data, tasks, **options):
    """Return whether all labels of rows are within intervals, and the logarithms of volumes."""
    low, high = model.predict_interval(data.X_test, tasks=tasks, **options)
    inside = ((low <= data.y_test[tasks]) & (data.y_test[tasks] <= high)).all(axis=1)
    volumes = np.log((high - low) / data.y_train[tasks].std()).sum(axis=1)
    return inside.to_numpy(), volumes.to_numpy()


def of_worst_slice(inside, predicted):
    """Return the share of rows inside in the worst slice, chosen on one half, of the other."""
    fifths = (5 * (rankdata(predicted, "ordinal", axis=0) - 1) / len(inside)).astype(int)
    slices, odd = [fifth == i for fifth in fifths.T for i in range(5)], np.arange(len(inside)) % 2
    found = []
    for half in (odd == 0, odd == 1):
        worst = min(slices, key=lambda some: inside[some & half].mean())
        found.append(inside[worst & ~half].mean())
    return np.mean(found)


def measure(name, seed):
    data = without_test_rows(name, seed)
    tasks = [task for task, kind in data.kinds.items() if kind == "regression"]
    fit = {"groups": data.groups_train} if data.groups_train is not None else {}
    model = PLEClassifierRegressor(task_types=data.kinds, random_state=seed)
    model.fit(data.X_train, data.y_train, **fit)
    there = np.flatnonzero(data.y_test[tasks].notna().all(axis=1))
    there = there[:: -(-len(there) // MOST_ROWS)]
    parts = [part.iloc[there].reset_index(drop=True) for part in (data.X_test, data.y_test)]
    data = data._replace(X_test=parts[0], y_test=parts[1])
    rows, density = read(model, data, tasks, parts[1][tasks].to_numpy(dtype=float))
    first = np.arange(len(there)) < len(there) // 2
    halves = [Rows(*(part[half] for part in rows)) for half in (first, ~first)]
    turns = [compare(*pair, density) for pair in (halves[::-1], halves)]
    found = {
        "joint": of_intervals(model, data, tasks, level=LEVEL, joint=True),
        "Bonferroni": of_intervals(model, data, tasks, level=1 - (1 - LEVEL) / len(tasks)),
    }
    for way in turns[0]:
        pairs = zip(*(turn[way] for turn in turns), strict=True)
        found[way] = tuple(map(np.concatenate, pairs))
    results, unit = [], np.median(found["Bonferroni"][1])
    for way, (inside, volumes) in found.items():
        size = np.exp((np.median(volumes) - unit) / len(tasks))
        values = {"coverage": inside.mean(), "size": size}
        values["worst_slice"] = of_worst_slice(inside, rows.predicted)
        row = {"rows": len(data.X_train), "tasks": len(tasks), "way": way}
        results.append(row | {key: round(float(value), 4) for key, value in values.items()})
    return results


def main():
    options = parser_of(__doc__, n_seeds=3, data=RUN).parse_args()
    runs = product(options.data, range(options.seeds))
    measure_all("joint", ("data", "seed"), sorted(runs, key=lambda run: run[1]), measure)


if __name__ == "__main__":
    main()
