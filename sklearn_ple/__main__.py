"""The main job: learn all tasks of a real table together, and compare with one model per task."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from . import PLEClassifierRegressor
from .datasets import fetch_census_income, load_nhefs
from .inspection import TrainingHistoryDisplay
from .metrics import multitask_scores
from .utils.files import replacing

_MODELS = ["PLE", "HistGradientBoosting", "dummy"]
_METRICS = {"regression": "R²", "binary": "AUC", "multiclass": "mean AUC"}


def nhefs(seed: int) -> list[pd.DataFrame]:
    """Load NHEFS: three quarters of the rows for training, the rest for the test."""
    X, y = load_nhefs(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, random_state=seed)


def census_income(seed: int) -> list[pd.DataFrame]:
    """Load Census-Income: both published parts, or two thirds and the rest of a single one."""
    parts = []
    for subset in ("train", "test"):
        with suppress(OSError):
            part = fetch_census_income(subset=subset, download_if_missing=False, return_X_y=True)
            parts.append(part)
    if not parts:
        parts = [fetch_census_income(subset=s, return_X_y=True) for s in ("train", "test")]
    if len(parts) == 2:
        (X_train, y_train), (X_test, y_test) = parts
        return [X_train, X_test, y_train, y_test]
    ((X, y),) = parts
    # Fixed, so that results on this part can be compared.
    order = np.random.RandomState(0).permutation(len(X))
    train, test = np.split(order, [round(len(X) * 2 / 3)])
    return [X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]]


class Case(NamedTuple):
    """A table, the kinds of its tasks, and the parameters of boosting that are not defaults."""

    load: Callable[[int], list[pd.DataFrame]]
    task_types: dict[str, str]
    boosting: dict[str, Any]


# The network has its default parameters. Boosting overfits NHEFS with its defaults, so its
# parameters were chosen by cross-validation on the training rows.
CASES = {
    "nhefs": Case(
        nhefs,
        dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression"),
        {"learning_rate": 0.05, "max_leaf_nodes": 4},
    ),
    "census-income": Case(census_income, {}, {}),
}


def compare(
    model: PLEClassifierRegressor, data: list[pd.DataFrame], boosting: dict[str, Any]
) -> pd.DataFrame:
    """Score the fitted model, a boosting model per task and a dummy on the test rows."""
    X_train, X_test, y_train, y_test = data
    kinds = pd.Series(model.task_types_)
    boosted, dummies = [], []
    for name, kind in kinds.items():
        booster, dummy = HistGradientBoostingClassifier, DummyClassifier(strategy="prior")
        if kind == "regression":
            booster, dummy = HistGradientBoostingRegressor, DummyRegressor()
        alone = booster(
            categorical_features="from_dtype", random_state=model.random_state, **boosting
        )
        boosted.append(fit_apart(alone, X_train, y_train[name], X_test))
        dummies.append(fit_apart(dummy, X_train, y_train[name], X_test))
    scores = [multitask_scores(system, X_test, y_test) for system in (model, boosted, dummies)]
    # Adding zero turns a rounded -0.0 into 0.0.
    table = pd.DataFrame(dict(zip(_MODELS, scores, strict=True))).round(3) + 0.0
    table.insert(0, "metric", kinds.replace(_METRICS))
    table.insert(0, "kind", kinds)
    return table.rename_axis("task").reset_index()


def fit_apart(model: Any, X_train: Any, y_train: pd.Series, X_test: Any) -> np.ndarray:
    """Fit a model on one task's labels; predict probabilities or numbers."""
    there = y_train.notna().to_numpy()
    # Where processors are busy, several threads wait for each other far longer than they work.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(X_train[there], y_train[there])
    return getattr(model, "predict_proba", model.predict)(X_test)


def summarise(table: pd.DataFrame) -> str:
    """Name the model with the best score on each task, and the tasks on which models are equal."""
    best = table[_MODELS].eq(table[_MODELS].max(axis=1), axis=0)
    tied = best.sum(axis=1) > 1
    won = {name: table["task"][best[name] & ~tied] for name in _MODELS}
    parts = [f"{name} on {', '.join(tasks)}" for name, tasks in won.items() if len(tasks)]
    if tied.any():
        parts.append(f"equal on {', '.join(table['task'][tied])}")
    return f"Best: {'; '.join(parts)}."


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_ple",
        description="Learn all tasks of a real table with one network (Progressive Layered "
        "Extraction); print its scores on held-out rows beside those of one boosting model per "
        "task, and draw the history of training.",
    )
    parser.add_argument(
        "data",
        nargs="?",
        default="nhefs",
        choices=list(CASES),
        help="the table: nhefs comes with the package; census-income is read from the folder that "
        "the environment variable SKLEARN_PLE_DATA names or from scikit-learn's data home, or "
        "else downloaded (default: nhefs)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="largest number of passes over the data (default: depends on the number of rows)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the models, and of the split of nhefs (default: 0)",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="where to train: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one "
        "(default: auto)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        help="folder for the picture, created if it does not exist (default: the current folder)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0, or 1 if there are no data or an option cannot be met."""
    args = parse(argv)
    case = CASES[args.data]
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        data = case.load(args.seed)
        X_train, X_test, y_train, _ = data
        print(
            f"{args.data}: {len(X_train)} rows to train on, {len(X_test)} to test, "
            f"{X_train.shape[1]} features, {y_train.shape[1]} tasks"
        )
        model = PLEClassifierRegressor(
            task_types=case.task_types,
            max_epochs="auto" if args.epochs is None else args.epochs,
            device=args.device,
            random_state=args.seed,
            verbose=1,
        ).fit(X_train, y_train)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1

    table = compare(model, data, case.boosting)
    print("\nScores on the test rows, greater is better:\n")
    print(table.to_string(index=False, float_format="{:.3f}".format))
    print(f"\n{summarise(table)}")

    path = args.output / f"training_history-{args.data}.png"
    try:
        display = TrainingHistoryDisplay.from_estimator(model)
    except ImportError as error:
        print(f"No picture of the training history. {error}")
        return 0
    try:
        with replacing(path) as file:
            display.figure_.savefig(file, dpi=150)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Training history: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
