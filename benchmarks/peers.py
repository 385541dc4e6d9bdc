"""The models of accuracy.py: a name and how to fit it on raw frames.

`PEERS[name](X, y, kinds, seed)` fits a model and returns a function that predicts, for each task,
the probabilities of its classes (of two classes, the second one's) or numbers. All use one thread.
"""

import logging
import time
from functools import partial
from importlib import import_module

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector
from sklearn.compose import make_column_transformer as by_column
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from .measuring import has

NUMBERS = make_column_selector(dtype_include="number")
NAMES = make_column_selector(dtype_exclude="number")
JOINT_NUMBERS, JOINT_LABELS = "CatBoost MultiRMSEWithMissingValues", "CatBoost MultiLogloss"
JOINT_TREES = "XGBoost multi-output trees"
#: Their packages, which download pretrained weights when they first fit, are not required.
FOUNDATION = {"TabICL": "tabicl", "TabPFN": "tabpfn"}
#: Random settings of the models that are tuned.
N_SETTINGS = 20


def fit_timed(model, data, seed):
    """Fit a model to the rows to train on; return what predicts, and the CPU seconds."""
    start = time.process_time()
    predict = model(data.X_train, data.y_train, data.kinds, seed)
    return predict, round(time.process_time() - start, 3)


def one_per_task(fit_task):
    """Fit every task apart, on the rows that have its label, classes as codes."""

    def fit(X, y, kinds, seed):
        predictors = {}
        for task, kind in kinds.items():
            labels = y[task].dropna()
            if kind != "regression":
                labels = pd.Series(np.unique(labels, return_inverse=True)[1], labels.index)
            predictors[task] = fit_task(X.loc[labels.index], labels, kind, seed)
        return lambda X: {task: predict(X) for task, predict in predictors.items()}

    return fit


def model_of(module, name, kind):
    """Import a class of a package, which need not be there for other models."""
    ending = "Regressor" if kind == "regression" else "Classifier"
    return getattr(import_module(module), name.format(ending))


def scores(model, kind, prepare):
    """Return the function whose predictions are scored."""
    if kind == "regression":
        return lambda X: model.predict(prepare(X))
    if kind == "multiclass":
        return lambda X: model.predict_proba(prepare(X))
    return lambda X: model.predict_proba(prepare(X))[:, 1]


def categories(X, at_most=None):
    """Learn the categories of X, or a number of the most frequent; others become missing."""

    def learn(column):
        names = column.astype("category").cat.categories.astype(object)
        return names[names.isin(column.value_counts().index[:at_most])]

    def code(column):
        names = known[column.name]
        return pd.Categorical(column.astype(object).where(column.isin(names)), names)

    known = {name: learn(X[name]) for name in NAMES(X)}
    return lambda X: X.assign(**{name: code(X[name]) for name in known})


def texts(X):
    """Make categories text, and missing ones a text of their own."""
    own = {name: X[name].astype(object).fillna("missing").astype(str) for name in NAMES(X)}
    return X.assign(**own)


def as_pandas(module, name, learn_categories=categories, **options):
    """Fit models that read categories as pandas has them."""

    @one_per_task
    def fit(X, y, kind, seed):
        prepare = learn_categories(X)
        model = model_of(module, name, kind)(random_state=seed, **options).fit(prepare(X), y)
        return scores(model, kind, prepare)

    return fit


@one_per_task
def lightgbm_early_stopping(X, y, kind, seed):
    from lightgbm import early_stopping

    prepare = categories(X)
    stratify = None if kind == "regression" else y
    X, X_held, y, y_held = train_test_split(
        prepare(X), y, test_size=0.1, random_state=seed, stratify=stratify
    )
    make = model_of("lightgbm", "LGBM{}", kind)
    model = make(learning_rate=0.05, n_estimators=2000, random_state=seed, n_jobs=1, verbose=-1)
    model.fit(X, y, eval_X=X_held, eval_y=y_held, callbacks=[early_stopping(50, verbose=False)])
    return scores(model, kind, prepare)


def catboost_model(X, kind, seed, **options):
    options |= {"cat_features": NAMES(X), "random_seed": seed, "thread_count": 1}
    make = model_of("catboost", "CatBoost{}", kind)
    return make(verbose=False, allow_writing_files=False, **options)


@one_per_task
def catboost(X, y, kind, seed):
    return scores(catboost_model(X, kind, seed).fit(texts(X), y), kind, texts)


def catboost_numbers(X, y, kinds, seed):
    """Fit all regressions with the same trees, standardised so that none dominates the loss."""
    mean, deviation = y.mean(), y.std()
    loss = JOINT_NUMBERS.removeprefix("CatBoost ")
    model = catboost_model(X, "regression", seed, loss_function=loss)
    model.fit(texts(X), (y - mean) / deviation)

    def predict(X):
        numbers = model.predict(texts(X)) * deviation.to_numpy() + mean.to_numpy()
        return dict(zip(kinds, numbers.T, strict=True))

    return predict


def catboost_labels(X, y, kinds, seed):
    """Fit all tasks of two classes with the same trees; none may lack a label."""
    loss = JOINT_LABELS.removeprefix("CatBoost ")
    model = catboost_model(X, "binary", seed, loss_function=loss)
    codes = np.column_stack([np.unique(y[task], return_inverse=True)[1] for task in kinds])
    model.fit(texts(X), codes)
    return lambda X: dict(zip(kinds, model.predict_proba(texts(X)).T, strict=True))


def xgboost_numbers(X, y, kinds, seed):
    """Fit all regressions with the same trees, standardised.

    These trees can have neither categories nor missing labels.
    """
    mean, deviation = y.mean(), y.std()
    make = model_of("xgboost", "XGB{}", "regression")
    model = make(multi_strategy="multi_output_tree", random_state=seed, n_jobs=1)
    model.fit(X, (y - mean) / deviation)

    def predict(X):
        numbers = model.predict(X) * deviation.to_numpy() + mean.to_numpy()
        return dict(zip(kinds, numbers.T, strict=True))

    return predict


def applies(name, data):
    """Return whether a model is installed and supports the tasks of a data set."""
    kinds = set(data.kinds.values())
    if name in FOUNDATION and not has(FOUNDATION[name]):
        return False
    if name in (JOINT_LABELS, JOINT_TREES) and data.y_train.isna().any(axis=None):
        return False
    if name == JOINT_TREES and NAMES(data.X_train):
        return False
    needed = {JOINT_LABELS: {"binary"}, JOINT_NUMBERS: {"regression"}, JOINT_TREES: {"regression"}}
    return needed.get(name, kinds) == kinds


def random_forest(X, y, kinds, seed):
    """Fit one forest to all tasks if they have one kind and no label is missing, else one each."""
    if len(set(kinds.values())) > 1 or y.isna().any(axis=None):
        return forest_per_task(X, y, kinds, seed)
    kind = next(iter(kinds.values()))
    codes = y if kind == "regression" else y.apply(lambda own: own.astype("category").cat.codes)
    model = forest(kind, seed).fit(texts(X), codes)

    def predict(X):
        if kind == "regression":
            return dict(zip(kinds, np.atleast_2d(model.predict(texts(X)).T), strict=True))
        parts = model.predict_proba(texts(X))
        parts = parts if isinstance(parts, list) else [parts]
        parts = [part[:, 1] for part in parts] if kind == "binary" else parts
        return dict(zip(kinds, parts, strict=True))

    return predict


@one_per_task
def forest_per_task(X, y, kind, seed):
    return scores(forest(kind, seed).fit(texts(X), y), kind, texts)


def forest(kind, seed):
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    make = model_of("sklearn.ensemble", "RandomForest{}", kind)
    columns = by_column((codes, NAMES), remainder="passthrough")
    return make_pipeline(columns, make(random_state=seed, n_jobs=1))


def pytabkit(name, of_classifier=None, **options):
    """Return a network of pytabkit, or a search over its settings, on one thread.

    Of classifiers, the epoch is chosen by cross-entropy, as the documentation advises if
    probabilities count. The networks accept categories, but no missing numbers.
    """

    @one_per_task
    def fit(X, y, kind, seed):
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        numbers = SimpleImputer(strategy="median", add_indicator=True)
        columns = by_column((numbers, NUMBERS), remainder="passthrough")
        make, own = model_of("pytabkit", name, kind), {}
        if kind != "regression" and "HPO" in name:
            make = by_cross_entropy(make)
        elif kind != "regression":
            own = {"val_metric_name": "cross_entropy"} | (of_classifier or {})
        network = make(device="cpu", n_cv=1, n_threads=1, random_state=seed, **options, **own)
        pipeline = make_pipeline(columns.set_output(transform="pandas"), network)
        return scores(pipeline.fit(texts(X), y), kind, texts)

    return fit


def by_cross_entropy(make):
    """Return a search of pytabkit that compares settings of classifiers by cross-entropy.

    Without it, they are compared by accuracy; CatBoost's search has no parameter for it.
    """

    class ByCrossEntropy(make):
        def get_config(self):
            return super().get_config() | {"val_metric_name": "cross_entropy"}

    return ByCrossEntropy


def ple(X, y, kinds, seed, **setting):
    from sklearn_ple import PLEClassifierRegressor

    model = PLEClassifierRegressor(task_types=kinds, random_state=seed, **setting)
    return predictor(model.fit(X, y), kinds)


def predictor(model, kinds):
    """Return the function whose predictions are scored, for a fitted estimator of all tasks."""

    def predict(X, **known):
        found = {}
        if set(kinds.values()) != {"regression"}:
            found = dict(zip(kinds, model.predict_proba(X, **known), strict=True))
        numbers = model.predict(X, **known) if "regression" in kinds.values() else None
        for task, kind in kinds.items():
            if kind == "regression":
                found[task] = numbers[task].to_numpy()
            elif kind == "binary":
                found[task] = found[task][:, 1]
        return found

    return predict


#: Tuned and ensembled; a fit takes 20 times as long.
TUNED_PEERS = {
    f"{name}, tuned and ensembled": pytabkit(
        f"{module}_HPO_{{}}", n_hyperopt_steps=N_SETTINGS, use_caruana_ensembling=True
    )
    for name, module in {
        "CatBoost": "CatBoost",
        "LightGBM": "LGBM",
        "RealMLP": "RealMLP",
        "TabM": "TabM",
    }.items()
}
PEERS = {
    "LightGBM": as_pandas("lightgbm", "LGBM{}", n_jobs=1, verbose=-1),
    "LightGBM, early stopping": lightgbm_early_stopping,
    "XGBoost": as_pandas("xgboost", "XGB{}", enable_categorical=True, n_jobs=1),
    JOINT_TREES: xgboost_numbers,
    "HistGradientBoosting": as_pandas(
        "sklearn.ensemble",
        "HistGradientBoosting{}",
        partial(categories, at_most=255),
        categorical_features="from_dtype",
    ),
    "CatBoost": catboost,
    JOINT_NUMBERS: catboost_numbers,
    JOINT_LABELS: catboost_labels,
    "Random forest": random_forest,
    "RealMLP": pytabkit("RealMLP_TD_{}", {"use_ls": False}),
    "TabM": pytabkit("TabM_D_{}"),
    "PLE": ple,
    "TabICL": as_pandas("tabicl", "TabICL{}", device="cpu", n_jobs=1),
    "TabPFN": as_pandas("tabpfn", "TabPFN{}", device="cpu", ignore_pretraining_limits=True),
} | TUNED_PEERS
