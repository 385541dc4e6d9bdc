"""Relative errors on the sets of Mulan's collection, measured as in the paper that collected them.

The relative root mean squared error of a task is that of a model divided by that of the mean label
of the training rows, so that 1 is no better than the mean. Errors are means over ten folds and
over the tasks of a set (E. Spyromitros-Xioufis et al., "Multi-target regression via input space
expansion", Machine Learning 104, 2016). The paper's baseline is among the models: 100 bagged
regression trees for each task. Everything runs on one thread.

Fits whose results are in results/relative_errors.json are skipped.
"""

import argparse
import time

import numpy as np
import pandas as pd
import torch
from common import kept, kept_beside, save
from data_sets import MULAN_SETS
from peers import PEERS, one_per_task
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits
from tqdm import tqdm

N_FOLDS = 10


@one_per_task
def bagged_trees(X, y, kind, seed):
    return BaggingRegressor(n_estimators=100, random_state=seed).fit(X, y).predict


NAMES = ("PLE", "LightGBM, early stopping", "Random forest")
MODELS = {name: PEERS[name] for name in NAMES} | {"Bagged trees": bagged_trees}
KEY = ("data", "model", "fold")


def relative_errors(y_train, y_test, predicted):
    """Return the relative root mean squared error of each task."""
    of_model = ((y_test - pd.DataFrame(predicted, index=y_test.index)) ** 2).mean()
    of_mean = ((y_test - y_train.mean()) ** 2).mean()
    return np.sqrt(of_model / of_mean).to_dict()


def measure(data, model, fold):
    """Fit to nine folds and score the tenth."""
    X, y = pd.concat([data.X_train, data.X_test]), pd.concat([data.y_train, data.y_test])
    folds = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
    train, test = folds[fold]
    start = time.process_time()
    predict = MODELS[model](X.iloc[train], y.iloc[train], data.kinds, fold)
    seconds = time.process_time() - start
    errors = relative_errors(y.iloc[train], y.iloc[test], predict(X.iloc[test]))
    return {"errors": errors, "fit_cpu_seconds": round(seconds, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=MULAN_SETS, default=list(MULAN_SETS))
    options = parser.parse_args()
    torch.set_num_threads(1)

    there = {tuple(row[name] for name in KEY) for row in kept("relative_errors")}
    runs = [(d, model, fold) for d in options.data for model in MODELS for fold in range(N_FOLDS)]
    for run in (bar := tqdm([run for run in runs if run not in there])):
        bar.set_description("{}, {}, fold {}".format(*run))
        name, model, fold = run
        with threadpool_limits(1):
            row = measure(MULAN_SETS[name](), model, fold)
        row = dict(zip(KEY, run, strict=True)) | row
        save("relative_errors", [*kept_beside("relative_errors", row, KEY), row])


if __name__ == "__main__":
    main()
