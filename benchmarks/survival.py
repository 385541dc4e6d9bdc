"""Days until death in SUPPORT2, negative if censored: how well do models order the patients?

The models learn only the censored times; ours is also fitted together with the six other tasks.
They are fitted to three quarters of the training part and scored on the last quarter, never on the
test part. The scores are the concordance, and the mean Brier score of surviving until several
times, weighted for censoring.
"""

import time
from itertools import product

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import brier_score
from sksurv.util import Surv
from xgboost import XGBRegressor

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import concordance_index

from .data_sets import support2_days
from .measuring import measure_all, parser_of

TIMES = [30, 90, 180, 365, 730]


def surv(days):
    """The labels as scikit-survival has them."""
    return Surv.from_arrays(days > 0, days.abs())


def encoded(model):
    """Return a pipeline that fills in missing numbers and encodes categories before the model."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    names = OneHotEncoder(
        min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (names, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def scikit_survival(model):
    """Fit a model of scikit-survival; return scores, higher for longer times, and curves."""

    def run(X, y, X_valid, seed):
        fitted = encoded(model(seed)).fit(X, surv(y["days"]))
        curves = fitted.predict_survival_function(X_valid)
        return -fitted.predict(X_valid), np.array([curve(TIMES) for curve in curves])

    return run


def xgboost(X, y, X_valid, seed):
    """Cox's loss; the number of trees is chosen on a tenth of the rows."""
    X, X_stop = train_test_split(X, test_size=0.1, random_state=seed)
    columns = encoded("passthrough").fit(X)
    model = XGBRegressor(
        objective="survival:cox",
        n_estimators=2000,
        learning_rate=0.03,
        max_depth=4,
        subsample=0.8,
        colsample_bytree=0.5,
        early_stopping_rounds=50,
        n_jobs=1,
        random_state=seed,
    )
    stop = [(columns.transform(X_stop), y["days"][X_stop.index])]
    model.fit(columns.transform(X), y["days"][X.index], eval_set=stop, verbose=False)
    return -model.predict(columns.transform(X_valid)), None


def ours(tasks):
    def run(X, y, X_valid, seed):
        y = y[tasks] if tasks else y
        kinds = {"days": "survival"}
        model = PLEClassifierRegressor(task_types=kinds, random_state=seed).fit(X, y)
        curves = model.predict_survival(X_valid, TIMES)
        return model.predict(X_valid)["days"], curves[list(y).index("days")].to_numpy()

    return run


MODELS = {
    "Cox": scikit_survival(lambda seed: CoxPHSurvivalAnalysis(alpha=10.0)),
    "random survival forest": scikit_survival(
        lambda seed: RandomSurvivalForest(100, min_samples_leaf=15, random_state=seed)
    ),
    "XGBoost, Cox's loss": xgboost,
    "PLE": ours(["days"]),
    "PLE, with the other tasks": ours(None),
}


def measure(name, seed):
    data = support2_days()
    X, X_valid, y, y_valid = train_test_split(
        data.X_train, data.y_train, test_size=0.25, random_state=seed
    )
    start = time.process_time()
    order, curves = MODELS[name](X, y, X_valid, seed)
    row = {"cpu_seconds": round(time.process_time() - start, 1)}
    row["concordance"] = round(concordance_index(y_valid["days"], order), 4)
    if curves is not None:
        labels = surv(y["days"]), surv(y_valid["days"])
        row["brier"] = round(float(np.mean(brier_score(*labels, curves, TIMES)[1])), 4)
    return row


def main():
    options = parser_of(__doc__, n_seeds=3, models=MODELS).parse_args()
    runs = product(options.models, range(options.seeds))
    measure_all("survival", ("model", "seed"), runs, measure, ["scikit-survival"])


if __name__ == "__main__":
    main()
