"""Census-income: income and never married, against per-task boosting on the same split.

The setting was chosen on a fifth of the training rows; the test rows took no part in it.
"""

import time

import torch
from common import census, numbers_also_as_categories, save
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from sklearn_ple import PLEClassifierRegressor

SEEDS = range(5)
SETTING = {
    "expert_hidden_units": (128, 64),
    "dropout": 0.2,
    "batch_size": 512,
    "max_epochs": 8,
    "learning_rate": 3e-3,
    "lr_schedule": "one_cycle",
}
NETWORKS = {
    "PLE, defaults": ({}, False),
    "PLE": (SETTING, False),
    "PLE, numbers also as categories": (SETTING, True),
    "independent networks, numbers also as categories": (
        SETTING | {"n_shared_experts": 0, "n_specific_experts": 4},
        True,
    ),
}
BOOSTING = {
    "HistGradientBoosting, one per task": HistGradientBoostingClassifier,
    "LightGBM, one per task": LGBMClassifier,
}


def main():
    torch.set_num_threads(1)
    X, X_test, y, y_test = census()
    results = []

    def record(name, seed, seconds, aucs):
        row = {"model": name, "seed": seed, "seconds": seconds} | dict(zip(y, aucs, strict=True))
        print({k: v if isinstance(v, str) else round(v, 4) for k, v in row.items()}, flush=True)
        results.append(row)

    for name, make in BOOSTING.items():
        for seed in SEEDS:
            options = (
                {"categorical_features": "from_dtype", "random_state": seed}
                if make is HistGradientBoostingClassifier
                else {"random_state": seed, "verbose": -1, "n_jobs": 1}
            )
            start = time.perf_counter()
            aucs = [
                roc_auc_score(y_test[t], make(**options).fit(X, y[t]).predict_proba(X_test)[:, 1])
                for t in y
            ]
            record(name, seed, time.perf_counter() - start, aucs)
    for name, (setting, as_categories) in NETWORKS.items():
        A, B = X, X_test
        if as_categories:
            A, B = numbers_also_as_categories(X), numbers_also_as_categories(X_test)
        for seed in SEEDS:
            start = time.perf_counter()
            model = PLEClassifierRegressor(random_state=seed, **setting).fit(A, y)
            probabilities = model.predict_proba(B)
            seconds = time.perf_counter() - start
            aucs = [
                roc_auc_score(y_test[t], p[:, 1]) for t, p in zip(y, probabilities, strict=True)
            ]
            record(name, seed, seconds, aucs)
    save("census_income", results)


if __name__ == "__main__":
    main()
