"""How many of the labels lie in intervals that are to hold 90 % of them, and how wide these are.

Intervals of tasks that are numbers: from the 5 % to the 95 % quantile of quantile tasks, and the
mean of a regression with 1.645 times its standard deviation to both sides. Those of support2's
costs and length of stay are of their logs. Widths are in standard deviations of the test labels.
"""

import numpy as np
import torch
from common import parser_of, save
from data_sets import nhefs, support2
from scipy.stats import norm
from tqdm import tqdm

from sklearn_ple import PLERegressor

DATA_SETS = {"nhefs": nhefs, "support2": support2}
NO_DROPOUT = {"dropout": 0.0, "feature_dropout": 0.0}
METHODS = {
    "quantiles": ("quantile", {}),
    "quantiles, no dropout": ("quantile", NO_DROPOUT),
    "standard deviation": ("regression", {}),
    "standard deviation, no dropout": ("regression", NO_DROPOUT),
}


def intervals(kind, params, data, tasks, seed):
    """Fit; return the lower and the upper ends by task."""
    model = PLERegressor(task_types=kind, random_state=seed, **params)
    model.fit(data.X_train, data.y_train[tasks])
    if kind == "quantile":
        parts = zip(tasks, model.predict_quantiles(data.X_test), strict=True)
        return {task: (part[0.05], part[0.95]) for task, part in parts}
    means, deviations = model.predict(data.X_test, return_std=True)
    reach = norm.ppf(0.95) * deviations
    return {task: ((means - reach)[task], (means + reach)[task]) for task in tasks}


def main():
    parser = parser_of(__doc__, n_seeds=3)
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS))
    options = parser.parse_args()
    torch.set_num_threads(1)

    results = []
    runs = [(d, s, m) for d in options.data for s in range(options.seeds) for m in METHODS]
    for name, seed, method in tqdm(runs):
        data = DATA_SETS[name]()
        tasks = [task for task, kind in data.kinds.items() if kind == "regression"]
        ends = intervals(*METHODS[method], data, tasks, seed)
        for task, (lower, upper) in ends.items():
            labels = data.y_test[task].dropna()
            lower, upper = lower[labels.index], upper[labels.index]
            row = {"data": name, "task": task, "method": method, "seed": seed}
            row["coverage"] = round(float(np.mean((labels > lower) & (labels < upper))), 4)
            row["width"] = round(float(np.mean(upper - lower) / labels.std()), 4)
            results.append(row)
        save("coverage", results)


if __name__ == "__main__":
    main()
