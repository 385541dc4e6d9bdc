"""Errors and CPU seconds of defaults where labels have little noise, so that much can be learnt.

The laws are the generated tables `learnable` of `laws.py` in the folder of the data, with two
targets each; "noisy" is the control. Of real tables, rows of the training part that are held out
are scored. The error is 1 - R² of numbers, and the share of wrong classes. PLE is also fitted with
a `max_time` of the CPU seconds that CatBoost took. Fits that are in results/learnable.json are
skipped.
"""

import time
from functools import partial
from itertools import product

import numpy as np
from sklearn.metrics import r2_score

from sklearn_ple.training import budget

from .data_sets import LAWS, LEARNABLE, law, without_test_rows
from .measuring import kept, measure_all, parser_of
from .peers import PEERS, fit_timed

KEY = ("data", "n_rows", "model", "seed")
SIZES = (300, 500, 1000, 2000, 4000, 8000)
#: PLE that may take as long as CatBoost.
LIMITED = "PLE in CatBoost's time"
MODELS = {name: PEERS[name] for name in ("PLE", "LightGBM", "CatBoost")} | {LIMITED: PEERS["PLE"]}


def take(name, n_rows, seed):
    """Return the rows to train on and to score."""
    if name in LEARNABLE:
        return without_test_rows(name, seed)
    return law(name, n_rows, seed)


def compute_error(kind, labels, scores, classes):
    """Compute the error; `scores` are numbers, or probabilities of all classes or the second."""
    if kind == "regression":
        return 1 - r2_score(labels, scores)
    scores = np.asarray(scores)
    number = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.5).astype(int)
    return float(np.mean(classes[number] != labels.to_numpy()))


def measure(name, n_rows, model, seed):
    data, fit = take(name, n_rows, seed), MODELS[model]
    if model == LIMITED:
        run = dict(zip(KEY, (name, n_rows, "CatBoost", seed), strict=True))
        (other,) = (row for row in kept("learnable") if run.items() <= row.items())
        fit = partial(fit, max_time=other["fit_cpu_seconds"])
    predict, seconds = fit_timed(fit, data, seed)
    found = predict(data.X_test)
    errors = {
        task: compute_error(kind, data.y_test[task], found[task], np.unique(data.y_train[task]))
        for task, kind in data.kinds.items()
    }
    mean = float(np.mean(list(errors.values())))
    return {"error": mean, "errors": errors, "fit_cpu_seconds": seconds}


def main():
    # Other processes may run: both models are timed by the processor.
    budget.clock = time.process_time
    names = [*LAWS, "noisy", *LEARNABLE]
    parser = parser_of(__doc__, n_seeds=1, models=MODELS, data=names)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES, help="of the laws")
    options = parser.parse_args()
    runs = [
        (name, n_rows, model, seed)
        for seed, name, model in product(range(options.seeds), options.data, options.models)
        for n_rows in ([None] if name in LEARNABLE else options.rows)
    ]
    measure_all("learnable", KEY, runs, measure)


if __name__ == "__main__":
    main()
