"""Ways of balancing: the cost of a step, and scores compared with those of tuned fixed weights.

`--cost` times steps on one thread, with all ways in turn, for two shapes: that of SUPPORT2 (six
tasks, 8 members), and one with two tasks. Otherwise PLE and a shared bottom are fitted with each
way, to sets of the benchmark and to two synthetic ones, in which tasks conflict; in one of them a
loss is also multiplied by 100. Fixed weights are tried too: the best of `--draws` random draws, by
the score on a quarter of the training rows. By default there are as many draws as other ways, so
that tuning the weights costs as much as trying all of these. A quarter of each set's training rows
is held out and scored; which rows depends on the seed.

Runs whose results are in results/balancing.json are skipped, unless --again is passed.
"""

import time
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from common import LIBRARIES, kept, kept_beside, parser_of, save
from data_sets import DATA_SETS, LARGE, DataSet, without_test_rows
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sklearn_ple import PLEClassifierRegressor, SharedBottomClassifierRegressor
from sklearn_ple.balancing import BALANCERS
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split

NETWORKS = {"PLE": PLEClassifierRegressor, "shared bottom": SharedBottomClassifierRegressor}
TUNED = "fixed weights, tuned"
KEY = ("data", "network", "balancing", "seed")


class Shape(NamedTuple):
    n_tasks: int
    n_features: int
    batch_size: int
    n_members: int


SHAPES = {"SUPPORT2": Shape(6, 45, 128, 8), "two tasks": Shape(2, 20, 128, 8)}


class Clock(Callback):
    """Keeps the CPU seconds of every step."""

    def __init__(self):
        self.seconds = []

    def on_batch_begin(self, net, training=False, **_):
        self.start_ = time.process_time()

    def on_batch_end(self, net, training=False, **_):
        if training:
            self.seconds.append(time.process_time() - self.start_)


def costs(shape, n_repeats):
    """Time one epoch of each way in turn, again and again; return ratios to "equal"."""
    rng = np.random.RandomState(0)
    X = rng.randn(16 * shape.batch_size, shape.n_features)
    y = X[:, : shape.n_tasks] + rng.randn(len(X), shape.n_tasks)
    half = shape.n_tasks // 2
    y[:, :half] = y[:, :half] > 0
    kinds = ["binary"] * half + ["regression"] * (shape.n_tasks - half)
    models, clocks = {}, {}
    for name in BALANCERS:
        clocks[name] = Clock()
        models[name] = PLEClassifierRegressor(
            balancing=name,
            task_types=kinds,
            batch_size=shape.batch_size,
            n_members=shape.n_members,
            callbacks=[clocks[name]],
            random_state=0,
        )
    means = {name: [] for name in models}
    for _ in range(n_repeats + 1):
        for name, model in models.items():
            clocks[name].seconds = []
            # The callback is copied, but not its list.
            model.set_params(callbacks=[clocks[name]]).partial_fit(X, y)
            # The mean, because some ways compute more in some steps than in others.
            means[name].append(float(np.mean(clocks[name].seconds)))
    # In the first epoch memory is allocated.
    steps = {name: np.array(seconds[1:]) for name, seconds in means.items()}
    return {
        name: {
            "ms": 1e3 * float(np.median(own)),
            "ratio": float(np.median(own / steps["equal"])),
        }
        for name, own in steps.items()
    }


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
SETS = list(dict.fromkeys([*SYNTHETIC, *DATA_SETS, *LARGE]))
DEFAULT_SETS = [*SYNTHETIC, "nhefs", "support2"]


def read(name, seed):
    """Return a set and the weights of its tasks."""
    if name in SYNTHETIC:
        return synthetic(seed), SYNTHETIC[name]
    return without_test_rows(name, seed), {}


def fit(network, data, seed, **params):
    model = NETWORKS[network](task_types=data.kinds, random_state=seed, n_jobs=1, **params)
    return model.fit(data.X_train, data.y_train)


def tuned(network, data, seed, weights, n_draws, **params):
    """Choose fixed weights by the mean score on a quarter of the training rows."""
    rng = np.random.RandomState(seed)
    parts = train_test_split(data.X_train, data.y_train, test_size=0.25, random_state=seed)
    inner = DataSet(*parts, data.kinds)
    best = None
    for draw in range(n_draws):
        factors = np.ones(len(data.kinds)) if draw == 0 else 10 ** rng.uniform(-1, 1, len(weights))
        products = np.array(list(weights.values())) * factors
        own = dict(zip(weights, products.tolist(), strict=True))
        score = score_of(fit(network, inner, seed, task_weights=own, **params), inner)
        if best is None or score > best[0]:
            best = score, own
    return fit(network, data, seed, task_weights=best[1], **params)


def score_of(model, data):
    return float(np.mean(list(multitask_scores(model, data.X_test, data.y_test).values())))


def measure(run, n_draws, params):
    """Fit and score one way to balance."""
    name, network, balancing, seed = run
    data, own = read(name, seed)
    weights = dict.fromkeys(data.kinds, 1.0) | own
    start = time.process_time()
    with threadpool_limits(1):
        if balancing == TUNED:
            model = tuned(network, data, seed, weights, n_draws, **params)
        else:
            model = fit(network, data, seed, task_weights=weights, balancing=balancing, **params)
    seconds = time.process_time() - start
    scores = multitask_scores(model, data.X_test, data.y_test)
    means = {"score": float(np.mean(list(scores.values()))), "fit_cpu_seconds": seconds}
    return dict(zip(KEY, run, strict=True)) | means | {"scores": scores}


def keep(row):
    save("balancing", [*kept_beside("balancing", row, KEY), row], (*LIBRARIES, "torchjd"))


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--cost", action="store_true", help="time steps, and nothing else")
    parser.add_argument("--repeats", type=int, default=9, help="how often each step is timed")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT_SETS, metavar="SET")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--ways", nargs="+", choices=[*BALANCERS, TUNED], metavar="WAY")
    parser.add_argument("--draws", type=int, default=len(BALANCERS), help="of fixed weights")
    parser.add_argument("--members", type=int, help="other than by default, to save time")
    parser.add_argument("--epochs", type=int, help="a trial, which is not kept")
    parser.add_argument("--again", action="store_true", help="replace what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cost:
        for name, shape in SHAPES.items():
            for way, row in costs(shape, options.repeats).items():
                run = (f"cost: {name}", "PLE", way, None)
                keep(dict(zip(KEY, run, strict=True)) | shape._asdict() | row)
                print(f"{name:10} {way:12} {row['ms']:8.2f} ms {row['ratio']:6.2f}")
        return
    members = {"n_members": options.members} if options.members else {}
    epochs = {"max_epochs": options.epochs} if options.epochs else {}
    ways = options.ways or [*BALANCERS, TUNED]
    there = {tuple(row.get(k) for k in KEY) for row in kept("balancing")}
    runs = product(options.sets, options.networks, ways, range(options.seeds))
    bar = tqdm([run for run in runs if options.again or run not in there])
    for run in bar:
        bar.set_description(", ".join(map(str, run)))
        row = measure(run, options.draws, members | epochs)
        if not epochs:
            keep(row | members)
        bar.write(f"{run} {row['score']:.4f} {row['fit_cpu_seconds']:.4g} s")


if __name__ == "__main__":
    main()
