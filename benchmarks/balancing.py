"""Ways of balancing: the cost of a step, and scores compared with those of tuned fixed weights.

`--cost` times steps on one thread, with all ways in turn, for two shapes: that of SUPPORT2 (six
tasks, 8 members), and one with two tasks. Otherwise PLE and a shared bottom are fitted with each
way, to sets of the benchmark and to two synthetic ones, in which tasks conflict; in one of them a
loss is also multiplied by 100. Fixed weights are tried too: the best of as many random draws as
there are other ways, so that tuning the weights costs as much as trying all of these. A quarter of
each set's training rows is held out and scored; which rows depends on the seed.
"""

import time
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor, SharedBottomClassifierRegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split

from .data_sets import SPLIT_AT_RANDOM, DataSet, without_test_rows
from .measuring import measure_all, parser_of

NETWORKS = {"PLE": PLEClassifierRegressor, "shared bottom": SharedBottomClassifierRegressor}
# Listed, since the number of random draws depends on them.
WAYS = ("equal", "uncertainty", "famo", "geometric", "aligned_mtl", "imtl_g")
TUNED = "fixed weights, tuned"
KEY = ("data", "network", "balancing", "seed")
N_REPEATS = 9


SHAPES = {
    "cost: SUPPORT2": {"n_tasks": 6, "n_features": 45, "batch_size": 128, "n_members": 8},
    "cost: two tasks": {"n_tasks": 2, "n_features": 20, "batch_size": 128, "n_members": 8},
}


class Clock(Callback):
    """Keeps the CPU seconds of every step."""

    def __init__(self):
        self.seconds = []

    def on_batch_begin(self, net, training=False, **_):
        self.start_ = time.process_time()

    def on_batch_end(self, net, training=False, **_):
        if training:
            self.seconds.append(time.process_time() - self.start_)


def costs(name):
    """Time one epoch of each way in turn, again and again; return ratios to "equal"."""
    n_tasks, n_features, *_ = SHAPES[name].values()
    size = {part: SHAPES[name][part] for part in ("batch_size", "n_members")}
    rng = np.random.RandomState(0)
    X = rng.randn(16 * size["batch_size"], n_features)
    y = X[:, :n_tasks] + rng.randn(len(X), n_tasks)
    y[:, : n_tasks // 2] = y[:, : n_tasks // 2] > 0
    kinds = ["binary"] * (n_tasks // 2) + ["regression"] * (n_tasks - n_tasks // 2)
    models = {
        way: PLEClassifierRegressor(balancing=way, task_types=kinds, random_state=0, **size)
        for way in WAYS
    }
    means = {way: [] for way in models}
    for _, way in product(range(N_REPEATS + 1), models):
        clock = Clock()
        # The callback is copied, but not its list.
        models[way].set_params(callbacks=[clock]).partial_fit(X, y)
        # The mean, because some ways compute more in some steps than in others.
        means[way].append(float(np.mean(clock.seconds)))
    # In the first epoch memory is allocated.
    steps = {way: np.array(seconds[1:]) for way, seconds in means.items()}
    return [
        {"network": "PLE", "balancing": way, "seed": None}
        | SHAPES[name]
        | {"ms": 1e3 * float(np.median(own)), "ratio": float(np.median(own / steps["equal"]))}
        for way, own in steps.items()
    ]


def synthetic(seed, n_rows=2000):
    """Make three numbers; a common function enters the first two with opposite signs."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(n_rows, 10)).add_prefix("x")
    common = np.tanh(X.to_numpy() @ rng.randn(10, 4)) @ rng.randn(4)
    other = np.sin(X.to_numpy() @ rng.randn(10))
    y = np.column_stack([common + other, other - common, common])
    y = pd.DataFrame(y + 0.3 * y.std(axis=0) * rng.randn(*y.shape)).add_prefix("y")
    parts = train_test_split(X, y, test_size=0.5, random_state=seed)
    return DataSet(*parts, dict.fromkeys(y.columns, "regression"))


SYNTHETIC = {"conflict": {}, "conflict, one loss times 100": {"y0": 100.0}}
SETS = [*SYNTHETIC, *SPLIT_AT_RANDOM]
DEFAULT_SETS = [*SYNTHETIC, "nhefs", "support2"]


def fit(network, data, seed, **params):
    model = NETWORKS[network](task_types=data.kinds, random_state=seed, n_jobs=1, **params)
    return model.fit(data.X_train, data.y_train)


def score(model, data):
    """Return the scores by task, and their mean."""
    scores = multitask_scores(model, data.X_test, data.y_test)
    return scores, float(np.mean(list(scores.values())))


def tuned(network, data, seed, weights, **params):
    """Choose fixed weights by the mean score on a quarter of the training rows."""
    rng = np.random.RandomState(seed)
    parts = train_test_split(data.X_train, data.y_train, test_size=0.25, random_state=seed)
    inner, tried = DataSet(*parts, data.kinds), []
    for draw in range(len(WAYS)):
        factors = 10 ** rng.uniform(-1, 1, len(weights)) if draw else np.ones(len(weights))
        products = factors * list(weights.values())
        tried.append(dict(zip(weights, products.tolist(), strict=True)))

    def inner_score(own):
        return score(fit(network, inner, seed, task_weights=own, **params), inner)[1]

    return fit(network, data, seed, task_weights=max(tried, key=inner_score), **params)


def measure(name, network, balancing, seed, **params):
    """Fit and score one way to balance."""
    data = synthetic(seed) if name in SYNTHETIC else without_test_rows(name, seed)
    weights = dict.fromkeys(data.kinds, 1.0) | SYNTHETIC.get(name, {})
    start = time.process_time()
    if balancing == TUNED:
        model = tuned(network, data, seed, weights, **params)
    else:
        model = fit(network, data, seed, task_weights=weights, balancing=balancing, **params)
    seconds = time.process_time() - start
    scores, mean = score(model, data)
    return params | {"score": mean, "fit_cpu_seconds": seconds, "scores": scores}


def main():
    parser = parser_of(__doc__, n_seeds=5, networks=NETWORKS, ways=[*WAYS, TUNED])
    parser.add_argument("--cost", action="store_true", help="time steps, and nothing else")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT_SETS, metavar="SET")
    parser.add_argument("--members", type=int, help="other than by default, to save time")
    options = parser.parse_args()
    if options.cost:
        measure_all("balancing", ("data",), [(name,) for name in SHAPES], costs, ["torchjd"])
        return
    params = {"n_members": options.members} if options.members else {}
    runs = product(options.sets, options.networks, options.ways, range(options.seeds))
    measure_all("balancing", KEY, runs, partial(measure, **params), ["torchjd"])


if __name__ == "__main__":
    main()
