"""Calibration on census-income: errors of the probabilities on the test rows, before and after.

A fifth of the training rows is used for calibration instead of fit. Expected calibration errors
have ten bins, with equal widths or with equal numbers of rows.
"""

from itertools import product

from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import expected_calibration_error

from .data_sets import census
from .measuring import measure_all, parser_of

SIZES = {"single network": {"n_members": 1}, "default": {}}


def measure(size, seed, n_rows=None):
    data = census()
    X, X_hold, y, y_hold = train_test_split(
        data.X_train[:n_rows], data.y_train[:n_rows], test_size=0.2, random_state=seed
    )
    model = PLEClassifierRegressor(random_state=seed, **SIZES[size]).fit(X, y)
    rows = [{"method": "none"} | row for row in errors(model, data.X_test, data.y_test)]
    model.calibrate(X_hold, y_hold)
    after = errors(model, data.X_test, data.y_test)
    return rows + [{"method": "temperature"} | row for row in after]


def errors(model, X, y):
    """Compute each task's errors on some rows."""
    predicted = model.predict(X)
    for name, proba in zip(y, model.predict_proba(X), strict=True):
        found = {
            "ece": expected_calibration_error(y[name], proba),
            "ece_quantile": expected_calibration_error(y[name], proba, strategy="quantile"),
            "log_loss": log_loss(y[name], proba),
            "accuracy": accuracy_score(y[name], predicted[name]),
        }
        yield {"task": name} | {error: round(value, 5) for error, value in found.items()}


def main():
    options = parser_of(__doc__, n_seeds=2).parse_args()
    measure_all("calibration", ("model", "seed"), product(SIZES, range(options.seeds)), measure)


if __name__ == "__main__":
    main()
