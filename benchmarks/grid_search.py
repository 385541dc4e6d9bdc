"""A grid of 8 settings × 3 folds on NHEFS: all six tasks, against MLPRegressor on one target."""

import time

import torch
from common import PLAIN_NETWORK, save
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs

N_REPEATS = 3
TRAINING = {"batch_size": 64, "early_stopping": True, "random_state": 0}
NUMBERS = dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression")
# The network and its training are like those of MLPRegressor.
ALIKE = PLAIN_NETWORK | {"validation_fraction": 0.1, "n_iter_no_change": 10}


def ple_grid():
    estimator = PLEClassifierRegressor(task_types=NUMBERS, max_epochs=100, **ALIKE, **TRAINING)
    grid = {"n_levels": [1, 2], "n_shared_experts": [1, 2], "n_specific_experts": [1, 2]}
    return GridSearchCV(estimator, grid, cv=3)


def mlp_grid():
    columns = make_column_transformer(
        (
            make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    estimator = MLPRegressor(max_iter=100, **TRAINING)
    grid = {
        "mlpregressor__hidden_layer_sizes": [(32,), (64,), (64, 32), (128, 64)],
        "mlpregressor__alpha": [1e-4, 1e-2],
    }
    return GridSearchCV(make_pipeline(columns, estimator), grid, cv=3)


def main():
    torch.set_num_threads(1)
    X, y = load_nhefs(return_X_y=True)
    there = y["wt82_71"].notna()
    runs = {
        "PLE, 6 tasks": (ple_grid(), X, y),
        "MLPRegressor, weight change alone": (mlp_grid(), X[there], y.loc[there, "wt82_71"]),
    }
    results = []
    for repeat in range(N_REPEATS):
        for name, (search, features, targets) in runs.items():
            start, cpu = time.perf_counter(), time.process_time()
            search.fit(features, targets)
            row = {
                "grid": name,
                "repeat": repeat,
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
            }
            print(row, flush=True)
            results.append(row)
    save("grid_search", results)


if __name__ == "__main__":
    main()
