"""The models of accuracy.py: a name and how to fit it on raw frames.

`PEERS[name](X, y, kinds, seed)` fits a model and returns a function that predicts, for each task,
the probabilities of its classes (of two classes, the second one's) or numbers. All use one thread.
"""

import logging

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_selector
from sklearn.compose import make_column_transformer as by_column
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

NUMBERS = make_column_selector(dtype_include="number")
MISSING = "missing"
#: Random settings of the models that are tuned.
N_SETTINGS = 20


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


def scores(model, kind):
    """Return the function whose predictions are scored."""
    if kind == "regression":
        return model.predict
    if kind == "multiclass":
        return model.predict_proba
    return lambda X: model.predict_proba(X)[:, 1]


def prepared(prepare, predict):
    return lambda X: predict(prepare(X))


def categories(X, at_most=None):
    """Learn the categories of X, or a number of the most frequent; others become missing."""

    def learn(column):
        names = column.astype("category").cat.categories.astype(object)
        return names[names.isin(column.value_counts().index[:at_most])]

    def code(column):
        names = known[column.name]
        return pd.Categorical(column.astype(object).where(column.isin(names)), names)

    def prepare(X):
        return X.assign(**{name: code(X[name]) for name in known})

    known = {name: learn(X[name]) for name in X.select_dtypes(exclude="number")}
    return prepare


def texts(X):
    """Make categories text, and missing ones a text of their own."""
    names = X.select_dtypes(exclude="number").columns
    return X.assign(**{name: X[name].astype(object).fillna(MISSING).astype(str) for name in names})


@one_per_task
def lightgbm(X, y, kind, seed):
    from lightgbm import LGBMClassifier, LGBMRegressor

    prepare = categories(X)
    make = LGBMRegressor if kind == "regression" else LGBMClassifier
    model = make(random_state=seed, n_jobs=1, verbose=-1).fit(prepare(X), y)
    return prepared(prepare, scores(model, kind))


@one_per_task
def lightgbm_early_stopping(X, y, kind, seed):
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    prepare = categories(X)
    X, X_held, y, y_held = train_test_split(
        prepare(X),
        y,
        test_size=0.1,
        random_state=seed,
        stratify=None if kind == "regression" else y,
    )
    make = LGBMRegressor if kind == "regression" else LGBMClassifier
    model = make(learning_rate=0.05, n_estimators=2000, random_state=seed, n_jobs=1, verbose=-1)
    model.fit(X, y, eval_X=X_held, eval_y=y_held, callbacks=[early_stopping(50, verbose=False)])
    return prepared(prepare, scores(model, kind))


@one_per_task
def xgboost(X, y, kind, seed):
    from xgboost import XGBClassifier, XGBRegressor

    prepare = categories(X)
    make = XGBRegressor if kind == "regression" else XGBClassifier
    model = make(enable_categorical=True, random_state=seed, n_jobs=1).fit(prepare(X), y)
    return prepared(prepare, scores(model, kind))


@one_per_task
def hist_gradient_boosting(X, y, kind, seed):
    prepare = categories(X, at_most=255)
    make = (
        HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier
    )
    model = make(categorical_features="from_dtype", random_state=seed).fit(prepare(X), y)
    return prepared(prepare, scores(model, kind))


@one_per_task
def catboost(X, y, kind, seed):
    from catboost import CatBoostClassifier, CatBoostRegressor

    make = CatBoostRegressor if kind == "regression" else CatBoostClassifier
    model = make(**catboost_options(X, seed)).fit(texts(X), y)
    return prepared(texts, scores(model, kind))


def catboost_options(X, seed):
    return {
        "cat_features": X.select_dtypes(exclude="number").columns.tolist(),
        "random_seed": seed,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }


def catboost_multi(X, y, kinds, seed):
    """Fit all regressions with the same trees, standardised so that none dominates the loss."""
    from catboost import CatBoostRegressor

    mean, deviation = y.mean(), y.std()
    loss = "MultiRMSEWithMissingValues"
    model = CatBoostRegressor(loss_function=loss, **catboost_options(X, seed))
    model.fit(texts(X), (y - mean) / deviation)

    def predict(X):
        numbers = model.predict(texts(X)) * deviation.to_numpy() + mean.to_numpy()
        return dict(zip(kinds, numbers.T, strict=True))

    return predict


def catboost_multi_classes(X, y, kinds, seed):
    """Fit all tasks of two classes with the same trees; none may lack a label."""
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(loss_function="MultiLogloss", **catboost_options(X, seed))
    codes = np.column_stack([np.unique(y[task], return_inverse=True)[1] for task in kinds])
    model.fit(texts(X), codes)
    return lambda X: dict(zip(kinds, model.predict_proba(texts(X)).T, strict=True))


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
    return prepared(texts, scores(forest(kind, seed).fit(texts(X), y), kind))


def forest(kind, seed):
    make = RandomForestRegressor if kind == "regression" else RandomForestClassifier
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = by_column(
        (codes, make_column_selector(dtype_exclude="number")), remainder="passthrough"
    )
    return make_pipeline(columns, make(random_state=seed, n_jobs=1))


@one_per_task
def mlp(X, y, kind, seed):
    columns = by_column(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    options = {"early_stopping": True, "random_state": seed}
    if kind == "regression":
        network = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler())
    else:
        network = MLPClassifier(**options)
    return prepared(texts, scores(make_pipeline(columns, network).fit(texts(X), y), kind))


def tabular_network(X, y, kind, make, seed, **options):
    """Fit a network of pytabkit, which accepts categories but no missing numbers."""
    columns = by_column(
        (SimpleImputer(strategy="median", add_indicator=True), NUMBERS),
        remainder="passthrough",
    ).set_output(transform="pandas")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    network = make(device="cpu", n_cv=1, n_threads=1, random_state=seed, **options)
    return prepared(texts, scores(make_pipeline(columns, network).fit(texts(X), y), kind))


@one_per_task
def realmlp(X, y, kind, seed):
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    if kind == "regression":
        return tabular_network(X, y, kind, RealMLP_TD_Regressor, seed)
    # as its documentation advises where probabilities count
    options = {"val_metric_name": "cross_entropy", "use_ls": False}
    return tabular_network(X, y, kind, RealMLP_TD_Classifier, seed, **options)


@one_per_task
def tabm(X, y, kind, seed):
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    if kind == "regression":
        return tabular_network(X, y, kind, TabM_D_Regressor, seed)
    options = {"val_metric_name": "cross_entropy"}
    return tabular_network(X, y, kind, TabM_D_Classifier, seed, **options)


def tuned(name):
    """Return a model of pytabkit: a weighted ensemble, found by a search over random settings."""

    @one_per_task
    def fit(X, y, kind, seed):
        import pytabkit

        ending = "Regressor" if kind == "regression" else "Classifier"
        options = {"n_hyperopt_steps": N_SETTINGS, "use_caruana_ensembling": True}
        make = getattr(pytabkit, f"{name}_HPO_{ending}")
        if kind != "regression":
            make = by_cross_entropy(make)
        return tabular_network(X, y, kind, make, seed, **options)

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

    def predict(X):
        numbers = model.predict(X) if "regression" in kinds.values() else None
        probabilities = {}
        if set(kinds.values()) != {"regression"}:
            probabilities = dict(zip(kinds, model.predict_proba(X), strict=True))
        choose = {
            "regression": lambda task: numbers[task].to_numpy(),
            "multiclass": probabilities.get,
            "binary": lambda task: probabilities[task][:, 1],
        }
        return {task: choose[kind](task) for task, kind in kinds.items()}

    return predict


PEERS = {
    "LightGBM": lightgbm,
    "LightGBM, early stopping": lightgbm_early_stopping,
    "XGBoost": xgboost,
    "HistGradientBoosting": hist_gradient_boosting,
    "CatBoost": catboost,
    "CatBoost MultiRMSEWithMissingValues": catboost_multi,
    "CatBoost MultiLogloss": catboost_multi_classes,
    "Random forest": random_forest,
    "MLP": mlp,
    "RealMLP": realmlp,
    "TabM": tabm,
    "PLE": ple,
}
#: Tuned and ensembled; a fit takes 20 times as long.
TUNED_PEERS = {
    f"{name}, tuned and ensembled": tuned(name) for name in ("CatBoost", "RealMLP", "TabM")
}
PEERS |= TUNED_PEERS


def applies(name, data):
    """Return whether a model supports the tasks of a data set."""
    kinds = set(data.kinds.values())
    if name == "CatBoost MultiRMSEWithMissingValues":
        return kinds == {"regression"}
    if name == "CatBoost MultiLogloss":
        return kinds == {"binary"} and data.y_train.notna().all(axis=None)
    return True
