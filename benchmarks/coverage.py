"""The share of labels in intervals that should contain 90 % of them, and their widths.

Three kinds of interval are compared, for tasks that are numbers: conformal ones
(`predict_interval`), the mean plus and minus 1.645 standard deviations and, on two sets, those
between the 5 % and 95 % quantiles of quantile tasks. A quarter of each set's training rows is held
out, different rows for each seed. Test rows are not used. Widths are in standard deviations of the
labels.
"""

from itertools import product

import numpy as np
from scipy.stats import norm

from sklearn_ple import PLERegressor

from .data_sets import DATA_SETS, MULAN_SETS, without_test_rows
from .measuring import measure_all, parser_of

LEVEL = 0.9
#: The other sets have only tasks with classes.
SETS = [name for name in (*DATA_SETS, *MULAN_SETS) if "census" not in name and name != "tox21"]
WITH_QUANTILES = ("nhefs", "support2")


def of_quantiles(data, tasks, seed):
    """Fit quantile tasks; return both ends of the intervals by task."""
    model = PLERegressor(task_types="quantile", random_state=seed)
    parts = model.fit(data.X_train, data.y_train[tasks]).predict_quantiles(data.X_test)
    return {"quantiles": {t: (p[0.05], p[0.95]) for t, p in zip(tasks, parts, strict=True)}}


def of_numbers(data, tasks, seed):
    """Fit once; return both ends by method and task."""
    kinds = {task: data.kinds[task] for task in tasks}
    # By default the smallest sets have no rows of validation.
    model = PLERegressor(task_types=kinds, early_stopping=True, random_state=seed)
    model.fit(data.X_train, data.y_train[tasks])
    means, deviations = model.predict(data.X_test, return_std=True)
    reach = norm.ppf((1 + LEVEL) / 2) * deviations
    ends = {
        "standard deviation": (means - reach, means + reach),
        "conformal": model.predict_interval(data.X_test, LEVEL),
    }
    return {
        method: {task: (low[task], high[task]) for task in tasks}
        for method, (low, high) in ends.items()
    }


def measure(name, seed):
    data = without_test_rows(name, seed)
    tasks = [task for task, kind in data.kinds.items() if kind == "regression"]
    methods = of_numbers(data, tasks, seed)
    if name in WITH_QUANTILES:
        methods |= of_quantiles(data, tasks, seed)
    rows = []
    for method, ends in methods.items():
        for task, (low, high) in ends.items():
            labels = data.y_test[task].dropna()
            low, high = low[labels.index], high[labels.index]
            row = {"task": task, "method": method}
            row["coverage"] = round(float(np.mean((labels >= low) & (labels <= high))), 4)
            row["width"] = round(float(np.mean(high - low) / labels.std()), 4)
            rows.append(row)
    return rows


def main():
    options = parser_of(__doc__, n_seeds=3, data=SETS).parse_args()
    measure_all("coverage", ("data", "seed"), product(options.data, range(options.seeds)), measure)


if __name__ == "__main__":
    main()
