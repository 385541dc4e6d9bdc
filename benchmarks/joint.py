"""Regions that should contain all numbers of a row at once: their coverage and size.

Four regions of 90 % are compared, all from one fit of a network: joint intervals
(`predict_interval` with `joint=True`), Bonferroni's intervals, intervals as wide as the greatest
standardised error of a row asks for, and ellipsoids [1]_. The last two are calibrated on
predictions out of fold, in rows with all labels. The size of a region is the side of a cube of its
volume, as a share of that of Bonferroni's. A quarter of each set's training rows is held out,
different rows for each seed. Test rows are not used.

.. [1] S. Messoudi, S. Destercke, S. Rousseau. "Ellipsoidal Conformal Inference for Multi-Target
       Regression". COPA 2022.
"""

from itertools import product

import numpy as np
from common import measure_all, parser_of
from data_sets import without_test_rows
from scipy.special import gammaln

from sklearn_ple import PLEClassifierRegressor

LEVEL = 0.9
#: Those with several numbers; of stops, some targets have no label in the earlier rows.
RUN = ("nhefs", "support2", "scpf", "nmes1988", "atp7d", "synthetic_mixed", "star")
RUN += ("oes10", "rf1", "randhie", "synthetic_sinusoids")


def of_intervals(model, data, labels, **options):
    """Return the share of rows within all intervals, and the logarithm of the side of a cube."""
    low, high = model.predict_interval(data.X_test, tasks=list(labels), **options)
    size = np.log((high - low).mean()).mean()
    low, high = low.loc[labels.index], high.loc[labels.index]
    return ((low <= labels) & (labels <= high)).all(axis=1).mean(), size


def find_quantile(scores):
    """Return the quantile of scores that a new one exceeds with the probability 1 - LEVEL."""
    return np.sort(scores)[min(int(np.ceil(LEVEL * (len(scores) + 1))), len(scores)) - 1]


def of_errors(known, new):
    """Compare regions around predictions: of the greatest error of a row, and ellipsoids."""
    deviations, n_tasks = np.sqrt((known**2).mean(axis=0)), known.shape[1]
    greatest = [np.abs(errors / deviations).max(axis=1) for errors in (known, new)]
    reach = find_quantile(greatest[0])
    found = {"greatest": ((greatest[1] <= reach).mean(), np.log(2 * reach * deviations).mean())}
    covariance = known.T @ known / len(known)
    squares = [
        (errors * np.linalg.solve(covariance, errors.T).T).sum(axis=1) for errors in (known, new)
    ]
    reach = find_quantile(squares[0])
    ball = n_tasks / 2 * np.log(np.pi) - gammaln(n_tasks / 2 + 1)
    size = np.log(reach) / 2 + (ball + np.linalg.slogdet(covariance)[1] / 2) / n_tasks
    return found | {"ellipsoid": ((squares[1] <= reach).mean(), size)}


def measure(name, seed):
    data = without_test_rows(name, seed)
    parts = [part.reset_index(drop=True) for part in (data.X_test, data.y_test)]
    data = data._replace(X_test=parts[0], y_test=parts[1])
    fit = {"groups": data.groups_train} if data.groups_train is not None else {}
    model = PLEClassifierRegressor(task_types=data.kinds, random_state=seed)
    out_of_fold = dict(
        zip(data.kinds, model.fit_out_of_fold(data.X_train, data.y_train, **fit), strict=True)
    )
    tasks = [task for task, kind in data.kinds.items() if kind == "regression"]
    predicted = np.column_stack([out_of_fold[task] for task in tasks])
    known = data.y_train[tasks].to_numpy(dtype=float) - predicted
    labels = data.y_test[tasks].dropna()
    new = (labels - model.predict(data.X_test, tasks=tasks).loc[labels.index]).to_numpy()
    found = {
        "joint": of_intervals(model, data, labels, level=LEVEL, joint=True),
        "bonferroni": of_intervals(model, data, labels, level=1 - (1 - LEVEL) / len(tasks)),
    }
    found |= of_errors(known[np.isfinite(known).all(axis=1)], new)
    row = {"rows": len(data.X_train), "tasks": len(tasks)}
    for way, (coverage, size) in found.items():
        row[f"{way}_coverage"] = round(float(coverage), 4)
        row[f"{way}_size"] = round(float(np.exp(size - found["bonferroni"][1])), 4)
    return row


def main():
    options = parser_of(__doc__, n_seeds=3, data=RUN).parse_args()
    runs = product(options.data, range(options.seeds))
    measure_all("joint", ("data", "seed"), sorted(runs, key=lambda run: run[1]), measure)


if __name__ == "__main__":
    main()
