"""The blend of the network and boosting per task, with defaults, on the test rows of all sets.

One fit of the blend yields the rows of the network, of the boosting whose folds are averaged, of
the plain average of both and of the blend. Boosting per task is also fitted to all rows at once.
"""

import time

import numpy as np

from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor

from .data_sets import COMPARED, score
from .measuring import measure_all, parser_of
from .peers import predictor

NETWORK, FOLDS, AVERAGE, BLEND = "network", "boosting, folds", "average", "blend"
ALONE = "boosting"


def measure(name, seed):
    data = COMPARED[name]()
    options = {"task_types": data.kinds, "random_state": seed}
    learn = {"groups": data.groups_train} if data.groups_train is not None else {}
    clocks = [time.process_time()]
    blend = BlendClassifierRegressor(**options).fit(data.X_train, data.y_train, **learn)
    clocks.append(time.process_time())
    alone = PerTaskClassifierRegressor(**options).fit(data.X_train, data.y_train)
    clocks.append(time.process_time())
    for_blend, for_alone = np.diff(clocks).round(3).tolist()
    learnt = blend.weights_
    mixes = {NETWORK: [1, 0], FOLDS: [0, 1], AVERAGE: [0.5, 0.5]}
    found = {model: rate(blend, data, learnt * 0 + mix) for model, mix in mixes.items()}
    found[BLEND] = rate(blend, data, learnt) | {"fit_cpu_seconds": for_blend}
    found[BLEND] |= {"weights": learnt[NETWORK].round(4).to_dict()}
    found[ALONE] = rate(alone, data) | {"fit_cpu_seconds": for_alone}
    return [{"model": model} | row | data.sizes for model, row in found.items()]


def rate(model, data, weights=None):
    """Score a model, a blend with other weights of its estimators, on the test rows."""
    if weights is not None:
        model.weights_ = weights
    found = predictor(model, data.kinds)(data.X_test)
    return {"scores": {t: score(k, data.y_test[t], found[t]) for t, k in data.kinds.items()}}


def main():
    options = parser_of(__doc__, n_seeds=1, data=COMPARED).parse_args()
    runs = [(name, seed) for seed in range(options.seeds) for name in options.data]
    measure_all("blend", ("data", "seed"), runs, measure)


if __name__ == "__main__":
    main()
