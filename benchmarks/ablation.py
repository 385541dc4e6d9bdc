"""What each default is worth: one change at a time, on validation data.

A fifth of the training rows is held out and scored; the test rows are not used. Of
Census-Income, only 20,000 training rows are used.
"""

import time
from functools import cache
from itertools import product

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor

from .data_sets import SETS, score
from .measuring import measure_all, parser_of
from .peers import ple


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
    "numbers clipped at 3 deviations": {"clip_numbers": 3.0},
    "numbers not clipped": {"clip_numbers": None},
    "no linear path": {"linear_path": False},
    "no dropout": {"dropout": 0.0, "feature_dropout": 0.0},
    "no feature_dropout": {"feature_dropout": 0.0},
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
DATA = ("nhefs", "support2", "census")
N_ROWS = 20_000


@cache
def load(name):
    data = SETS[name]()
    X, y = data.X_train.iloc[:N_ROWS], data.y_train.iloc[:N_ROWS]
    return data.kinds, train_test_split(X, y, test_size=0.2, random_state=0)


def measure(name, seed, change):
    kinds, (X, X_held, y, y_held) = load(name)
    start = time.process_time()
    scores = ple(X, y, kinds, seed, **CHANGES[change])(X_held)
    seconds = time.process_time() - start
    by_task = {task: score(kind, y_held[task], scores[task]) for task, kind in kinds.items()}
    mean = float(np.mean(list(by_task.values())))
    return {"mean_score": mean, "scores": by_task, "cpu_seconds": round(seconds, 2)}


def main():
    options = parser_of(__doc__, n_seeds=2, data=DATA).parse_args()
    runs = product(options.data, range(options.seeds), CHANGES)
    measure_all("ablation", ("data", "seed", "change"), runs, measure)


if __name__ == "__main__":
    main()
