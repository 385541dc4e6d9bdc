"""Scores and CPU seconds of defaults over the number of rows, beside boosting and ridge.

Each table is cut to some sizes. Rows of the training part that are held out are scored: the rules
for batches, steps and stopping are chosen by these scores. The laws are generated tables of one
task, `laws.py` in the folder of the data. Fits that are in results/sizes.json are skipped.
"""

import runpy
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .data_sets import SETS, DataSet, raw, score
from .measuring import measure_all, parser_of
from .peers import NAMES, NUMBERS, PEERS, by_column, fit_timed, one_per_task, scores, texts

KEY = ("data", "n_rows", "model", "seed")
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 20_000)
LAWS = ("friedman", "exp features", "lognormal", "counts with outliers", "steps", "sine", "xor")
LAWS += ("categories", "wide", "several")
TABLES = ("nhefs", "support2", "star", "nmes1988", "loans", "synthetic_mixed", "users_items")
TABLES += ("census",)
#: CatBoost takes minutes for a fit to a wide table, to several targets or to many classes.
MOST_FOR_CATBOOST = dict.fromkeys(TABLES, 2000) | {"wide": 500, "loans": 1000}


@one_per_task
def ridge(X, y, kind, seed):
    """Fit a linear model to standardised numbers and indicators of categories."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
    columns = by_column((numbers, NUMBERS), (codes, NAMES))
    options = {"max_iter": 300, "random_state": seed, "use_legacy_attributes": False}
    options |= {"l1_ratios": (0,), "scoring": "neg_log_loss"}
    model = RidgeCV(np.logspace(-2, 4, 13)) if kind == "regression" else None
    model = model or LogisticRegressionCV(Cs=6, cv=3, **options)
    return scores(make_pipeline(columns, model).fit(texts(X), y), kind, texts)


MODELS = {name: PEERS[name] for name in ("PLE", "LightGBM", "CatBoost")} | {"Ridge": ridge}


def frame(part):
    if isinstance(part, pd.DataFrame):
        return part
    return pd.DataFrame(part).add_prefix("x" if np.ndim(part) > 1 else "y")


@cache
def draw_laws(n_rows, seed):
    return runpy.run_path(str(raw("laws.py")))["laws"](n_rows, seed)


def cut(name, n_rows, seed):
    """Return rows to train on and rows to score; None if there are too few rows, or classes."""
    if name in LAWS:
        X, y, X_held, y_held = map(frame, draw_laws(n_rows, seed)[name])
        kinds = dict.fromkeys(y, "binary" if name == "xor" else "regression")
        return DataSet(X, X_held, y, y_held, kinds)
    data = load(name)
    order = np.random.RandomState(seed).permutation(len(data.X_train))
    n_held = min(len(order) // 4, 4000)
    if n_held + n_rows > len(order):
        return None
    held, train = order[:n_held], order[n_held : n_held + n_rows]
    X, y = data.X_train, data.y_train
    for task in (task for task, kind in data.kinds.items() if kind != "regression"):
        if y[task].iloc[train].nunique() < y[task].nunique():
            return None
    return DataSet(X.iloc[train], X.iloc[held], y.iloc[train], y.iloc[held], data.kinds)


@cache
def load(name):
    return SETS[name]()


def measure(name, n_rows, model, seed):
    data = cut(name, n_rows, seed)
    if data is None or (model == "CatBoost" and n_rows > MOST_FOR_CATBOOST.get(name, n_rows)):
        return None
    predict, seconds = fit_timed(MODELS[model], data, seed)
    found = predict(data.X_test)
    # In "several", five tasks are noise, of which there are no labels to score.
    kinds = {task: kind for task, kind in data.kinds.items() if data.y_test[task].notna().any()}
    of_tasks = {t: float(score(kind, data.y_test[t], found[t])) for t, kind in kinds.items()}
    mean = float(np.mean(list(of_tasks.values())))
    return {"score": mean, "scores": of_tasks, "fit_cpu_seconds": seconds}


def main():
    names = [*LAWS, *TABLES]
    parser = parser_of(__doc__, n_seeds=2, models=MODELS, data=names)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES, help="numbers of rows")
    options = parser.parse_args()
    runs = product(options.data, options.rows, options.models, range(options.seeds))
    measure_all("sizes", KEY, runs, measure)


if __name__ == "__main__":
    main()
