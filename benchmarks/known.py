"""What known labels of a row bring for its others.

Each task is predicted from the features alone, with the labels of all other tasks known, and with
each label known with probability one half. Differences of the mean over tasks have 95 % intervals
by the bootstrap over rows. A quarter of each set's training rows is held out, different rows for
each seed. Test rows are not used.
"""

import time
from functools import partial
from itertools import product

import numpy as np

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.ensemble import BlendClassifierRegressor

from .data_sets import SETS, score, without_test_rows
from .measuring import measure_all, parser_of
from .peers import predictor

N_RESAMPLES = 200
#: Of stops, some targets have no label in the earlier rows.
RUN = [name for name in SETS if name != "minneapolis_stops"]
MODELS = {"network": PLEClassifierRegressor, "blend": BlendClassifierRegressor}


def rate(data, outputs, labels, rows):
    """Score each task on some rows; NaN where it has no score."""
    scores = []
    for task, kind in data.kinds.items():
        try:
            scores.append(score(kind, labels[task].iloc[rows], outputs[task][rows]))
        except ValueError:
            scores.append(np.nan)
    return np.array(scores)


def compare(data, told, untold, labels):
    """Score with and without known labels, and the interval of the mean difference."""
    rng, n = np.random.RandomState(0), len(labels)
    blind, informed = (rate(data, outputs, labels, np.arange(n)) for outputs in (untold, told))
    draws = [rng.randint(n, size=n) for _ in range(N_RESAMPLES)]
    differences = [
        np.nanmean(rate(data, told, labels, rows) - rate(data, untold, labels, rows))
        for rows in draws
    ]
    return blind, informed, np.percentile(differences, [2.5, 97.5])


def measure(name, model_name, seed):
    data = without_test_rows(name, seed)
    data = data._replace(X_test=data.X_test.reset_index(drop=True))
    data = data._replace(y_test=data.y_test.reset_index(drop=True))
    fit = {"groups": data.groups_train} if data.groups_train is not None else {}
    start = time.process_time()
    model = MODELS[model_name](task_types=data.kinds, random_state=seed)
    model.fit(data.X_train, data.y_train, **fit)
    row = {"fit_cpu_seconds": time.process_time() - start, "rows": len(data.X_train)}
    if model._copula is None:
        return None
    hidden = np.random.RandomState(seed).rand(*data.y_test.shape) < 0.5
    predict, several = partial(predictor(model, data.kinds), data.X_test), {}
    untold = predict()
    for task in data.kinds:
        several[task] = predict(known=data.y_test.drop(columns=task))[task]
    ways = {"others": (several, data.y_test)}
    ways["half"] = predict(known=data.y_test.mask(hidden)), data.y_test.where(hidden)
    for way, (told, labels) in ways.items():
        blind, informed, interval = compare(data, told, untold, labels)
        row |= {f"{way}_blind": np.nanmean(blind), way: np.nanmean(informed)}
        row |= {f"{way}_low": interval[0], f"{way}_high": interval[1]}
        row[f"{way}_worst"] = np.nanmin(informed - blind)
    row["used"] = float((model.dependence_gains_ > 0).mean())
    return {key: round(float(value), 4) for key, value in row.items()}


def main():
    options = parser_of(__doc__, n_seeds=3, data=RUN, models=MODELS).parse_args()
    runs = product(options.data, options.models, range(options.seeds))
    measure_all("known", ("data", "model", "seed"), runs, measure)


if __name__ == "__main__":
    main()
