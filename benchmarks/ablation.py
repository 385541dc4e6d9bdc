"""What each default is worth: one change at a time, on validation data.

A fifth of the training rows is held out and scored; the test rows are not used. Of
Census-Income, only 20,000 training rows are used.
"""

import time

import numpy as np
import torch
from common import kept, kept_beside, parser_of, save
from data_sets import DATA_SETS, score
from peers import ple
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from sklearn_ple import PLEClassifierRegressor


def published(**own):
    """Return the parameters that differ in the published network, which needs more epochs."""
    default = PLEClassifierRegressor().get_params()
    params = PLEClassifierRegressor.as_published(max_epochs=100, **own).get_params()
    return {name: value for name, value in params.items() if value != default[name]}


CHANGES = {
    "defaults": {},
    "1 member": {"n_members": 1},
    "4 members": {"n_members": 4},
    "numbers: standardised alone": {"numeric_embedding": None},
    "numbers: piecewise_linear": {"numeric_embedding": "piecewise_linear"},
    "numbers: bins": {"numeric_embedding": "bins"},
    "numbers: periodic": {"numeric_embedding": "periodic"},
    "numbers clipped at 3 deviations": {"clip_numbers": 3.0},
    "numbers not clipped": {"clip_numbers": None},
    "no linear path": {"linear_path": False},
    "no dropout": {"dropout": 0.0, "feature_dropout": 0.0},
    "no feature_dropout": {"feature_dropout": 0.0},
    "no refit": {"refit": False},
    "no averaging of weights": {"weight_averaging": 0.0},
    "constant learning rate": {
        "lr_schedule": "constant",
        "learning_rate": 1e-3,
        "max_epochs": 100,
    },
    "2 shared, 2 specific experts": {"n_shared_experts": 2, "n_specific_experts": 2},
    "2 levels": {"n_levels": 2},
    "no shared expert": {"n_shared_experts": 0, "n_specific_experts": 2},
    "as published": published(),
    "as published, 8 members": published(n_members=8),
}
SETS = ("nhefs", "support2", "census")
N_ROWS = 20_000
KEY = ("data", "change", "seed")


def main():
    parser = parser_of(__doc__, n_seeds=2)
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    there = {tuple(row[part] for part in KEY) for row in kept("ablation")}
    for name in options.data:
        data = DATA_SETS[name]()
        X, y = data.X_train.iloc[:N_ROWS], data.y_train.iloc[:N_ROWS]
        X, X_held, y, y_held = train_test_split(X, y, test_size=0.2, random_state=0)
        runs = [(c, s) for s in range(options.seeds) for c in CHANGES if (name, c, s) not in there]
        for change, seed in tqdm(runs, desc=name):
            start = time.process_time()
            scores = ple(X, y, data.kinds, seed, **CHANGES[change])(X_held)
            seconds = time.process_time() - start
            by_task = {t: score(k, y_held[t], scores[t]) for t, k in data.kinds.items()}
            mean = float(np.mean(list(by_task.values())))
            row = {"data": name, "change": change, "seed": seed, "mean_score": mean}
            row |= {"scores": by_task, "cpu_seconds": round(seconds, 2)}
            save("ablation", [*kept_beside("ablation", row, KEY), row])


if __name__ == "__main__":
    main()
