"""Scores and times of PLE, boosting and other networks on all data sets.

Fits whose results are in results/accuracy.json are skipped, unless --again is passed. So an
interrupted run can be continued later. Everything runs on one thread.
"""

import json
import time
from functools import partial

import numpy as np
import torch
from common import COMMIT, LIBRARIES, RESULTS, is_kept, kept, kept_beside, parser_of, save
from data_sets import SETS, score
from peers import PEERS, applies, ple
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits
from tqdm import tqdm
from tuning import choose

from sklearn_ple.metrics import expected_calibration_error

TUNED = "PLE, tuned"
MODELS = [*PEERS, TUNED]
PATH = RESULTS / "accuracy.json"
KEY = ("data", "model", "seed")


def kept_settings():
    record = json.loads(PATH.read_text()) if PATH.exists() else {"commit": COMMIT, "settings": {}}
    return record["settings"] if is_kept(record["commit"]) else {}


def keep(row=None, setting=None):
    """Add a row, or a chosen setting, to what the file holds by now."""
    rows = [*kept_beside("accuracy", row, KEY), row] if row else kept("accuracy")
    libraries = (*LIBRARIES, "catboost", "xgboost", "pytabkit", "rdkit")
    save("accuracy", rows, libraries, settings=kept_settings() | (setting or {}))


def clocks():
    return time.perf_counter(), time.process_time()


def evaluate(fit, data, seed):
    """Fit and predict; return the scores by task and the seconds."""
    started = clocks()
    predict = fit(data.X_train, data.y_train, data.kinds, seed)
    fitted = clocks()
    scores = predict(data.X_test)
    ended = clocks()
    names = ("fit_seconds", "fit_cpu_seconds", "predict_seconds", "predict_cpu_seconds")
    spans = np.diff([started, fitted, ended], axis=0).ravel()
    return {
        "scores": {t: score(k, data.y_test[t], scores[t]) for t, k in data.kinds.items()},
        **errors_of_probabilities(data, scores),
        **{name: round(float(seconds), 3) for name, seconds in zip(names, spans, strict=True)},
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


def setting_of(name, data, again):
    """Choose the setting of a data set once."""
    settings = kept_settings()
    if again or name not in settings:
        start = time.perf_counter()
        chosen = choose(data.X_train, data.y_train, data.kinds)
        settings[name] = chosen | {"search_seconds": round(time.perf_counter() - start, 1)}
        keep(setting={name: settings[name]})
    return {name: value for name, value in settings[name].items() if name != "search_seconds"}


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--again", action="store_true", help="replace what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)

    there = set() if options.again else {tuple(row[k] for k in KEY) for row in kept("accuracy")}
    runs = [(d, m, s) for d in options.data for m in options.models for s in range(options.seeds)]
    bar = tqdm([run for run in runs if run not in there])
    name_of_loaded, chosen = None, {}
    for name, model, seed in bar:
        if name != name_of_loaded:
            data, name_of_loaded = SETS[name](), name
        if not applies(model, data):
            continue
        bar.set_description(f"{name}, {model}")
        with threadpool_limits(1):
            if model == TUNED and name not in chosen:
                chosen[name] = setting_of(name, data, options.again)
            fit = partial(ple, **chosen[name]) if model == TUNED else PEERS[model]
            row = evaluate(fit, data, seed)
        keep(dict(zip(KEY, (name, model, seed), strict=True)) | row)


if __name__ == "__main__":
    main()
