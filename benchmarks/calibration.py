"""Calibration on census-income: errors of the probabilities on the test rows, before and after.

A fifth of the training rows is used for calibration instead of fit. Expected calibration errors
have ten bins, with equal widths or with equal numbers of rows.
"""

import torch
from common import census, kept_beside, parser_of, save
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import expected_calibration_error

METHODS = ("none", "temperature", "isotonic")
KEY = ("model", "seed", "method", "task")
SIZES = {"single network": {"n_members": 1}, "default": {}}


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--rows", type=int, help="training rows at most, to try it out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    X, X_test, y, y_test = census()
    X, y = X[: arguments.rows], y[: arguments.rows]
    for seed in range(arguments.seeds):
        X_fit, X_hold, y_fit, y_hold = train_test_split(X, y, test_size=0.2, random_state=seed)
        for size, params in SIZES.items():
            model = PLEClassifierRegressor(random_state=seed, **params).fit(X_fit, y_fit)
            for method in METHODS:
                if method != "none":
                    model.calibrate(X_hold, y_hold, method)
                for row in errors(model, X_test, y_test):
                    row = {"model": size, "seed": seed, "method": method} | row
                    print(row, flush=True)
                    if arguments.rows is None:
                        sizes = {"fit": len(X_fit), "hold": len(X_hold)}
                        rows = [*kept_beside("calibration", row, KEY), row]
                        save("calibration", rows, rows=sizes)


def errors(model, X, y):
    """Compute each task's errors on rows, with its temperature if it has one."""
    predicted = model.predict(X)
    for name, proba in zip(y, model.predict_proba(X), strict=True):
        calibrator = model.calibrators_.get(name)
        yield {
            "task": name,
            "ece": round(expected_calibration_error(y[name], proba), 5),
            "ece_quantile": round(
                expected_calibration_error(y[name], proba, strategy="quantile"), 5
            ),
            "log_loss": round(log_loss(y[name], proba), 5),
            "accuracy": round(accuracy_score(y[name], predicted[name]), 5),
            "temperature": getattr(calibrator, "temperature_", None),
        }


if __name__ == "__main__":
    main()
