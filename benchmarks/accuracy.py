"""Scores and times of PLE, boosting and other networks on the test rows of all data sets.

Fits whose results are in results/accuracy.json are skipped, so an interrupted run can be
continued. "PLE, tuned" has the best of some random settings, by a fifth of the training rows.
"""

import time
from functools import cache
from itertools import product

import numpy as np
from scipy.stats import loguniform
from sklearn.metrics import log_loss
from sklearn.model_selection import ParameterSampler, train_test_split

from sklearn_ple.metrics import expected_calibration_error

from .data_sets import COMPARED, score
from .measuring import kept, measure_all, parser_of
from .peers import PEERS, applies, ple

TUNED = "PLE, tuned"
MODELS = [*PEERS, TUNED]
KEY = ("data", "model", "seed")
SPACE = {
    "learning_rate": loguniform(5e-4, 1e-2),
    "dropout": [0.0, 0.1, 0.3, 0.45],
    "feature_dropout": [0.0, 0.1, 0.3],
    "expert_hidden_units": [(64,), (128,), (64, 64)],
    "n_specific_experts": [1, 2],
    "net_params": [{"optimizer__weight_decay": decay} for decay in (1e-3, 1e-2, 1e-1)],
}
N_SETTINGS = 8


def evaluate(fit, data, seed):
    """Fit and predict; return the scores by task, the errors of probabilities and the seconds."""
    clocks = [time.process_time()]
    predict = fit(data.X_train, data.y_train, data.kinds, seed)
    clocks.append(time.process_time())
    scores = predict(data.X_test)
    clocks.append(time.process_time())
    seconds = np.diff(clocks).round(3).tolist()
    return {
        "scores": {t: score(k, data.y_test[t], scores[t]) for t, k in data.kinds.items()},
        **errors_of_probabilities(data, scores),
        **dict(zip(("fit_cpu_seconds", "predict_cpu_seconds"), seconds, strict=True)),
    }


def errors_of_probabilities(data, scores):
    """Compute the log loss and the expected calibration error of each task with classes."""
    errors = {"log_losses": {}, "calibration_errors": {}}
    for task, kind in data.kinds.items():
        if kind != "regression":
            there = data.y_test[task].notna().to_numpy()
            labels, probabilities = data.y_test[task][there], scores[task][there]
            errors["log_losses"][task] = log_loss(labels, probabilities)
            errors["calibration_errors"][task] = expected_calibration_error(labels, probabilities)
    return errors


def choose(X, y, kinds, seed=0):
    """Return the random setting with the best mean score on a fifth of the rows."""
    X, X_held, y, y_held = train_test_split(X, y, test_size=0.2, random_state=seed)

    def held_out_score(setting):
        scores = ple(X, y, kinds, seed, **setting)(X_held)
        return np.mean([score(kinds[task], y_held[task], scores[task]) for task in kinds])

    return max(ParameterSampler(SPACE, N_SETTINGS, random_state=seed), key=held_out_score)


def setting_of(name, data):
    """Choose the setting of a data set once: another seed takes that of the stored row."""
    for row in kept("accuracy"):
        if (row["data"], row["model"]) == (name, TUNED):
            return {part: row[part] for part in ("setting", "search_seconds")}
    start = time.process_time()
    setting = choose(data.X_train, data.y_train, data.kinds)
    return {"setting": setting, "search_seconds": round(time.process_time() - start, 1)}


@cache
def load(name):
    return COMPARED[name]()


def measure(name, model, seed):
    data = load(name)
    if model == TUNED:
        found = setting_of(name, data)
        return found | evaluate(lambda *args: ple(*args, **found["setting"]), data, seed)
    return evaluate(PEERS[model], data, seed) if applies(model, data) else None


def main():
    options = parser_of(__doc__, n_seeds=5, models=MODELS, data=COMPARED).parse_args()
    runs = product(options.data, options.models, range(options.seeds))
    measure_all("accuracy", KEY, runs, measure)


if __name__ == "__main__":
    main()
