"""The main job: learn all tasks of a real table together, and compare with boosting per task.

``python -m sklearn_ple compare FILE`` compares models on a table of the user.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from . import PLEClassifierRegressor, inspection
from .datasets import fetch_census_income, load_nhefs
from .ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from .inspection import MultiTaskReport, TrainingHistoryDisplay
from .metrics import multitask_scores
from .model_selection import train_test_split as train_multi_task_split

_MODELS = ["PLE", "boosting", "blend", "dummy"]
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
    """A table, the kinds of its tasks, and the models per task to compare with."""

    load: Callable[[int], list[pd.DataFrame]]
    task_types: dict[str, str] | str
    boosting: PerTaskClassifierRegressor = PerTaskClassifierRegressor()


CASES = {
    "nhefs": Case(nhefs, dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression")),
    "census-income": Case(census_income, "auto"),
}


def fit(
    case: Case, X: pd.DataFrame, y: pd.DataFrame, network: PLEClassifierRegressor
) -> dict[str, Any]:
    """Fit the network, boosting per task, their blend, and a dummy, in the order of the table."""
    seed = network.random_state
    kinds = {"task_types": case.task_types, "random_state": seed}
    alone = clone(case.boosting).set_params(**kinds)
    pairs = [("network", network), ("boosting", clone(case.boosting))]
    # Where processors are busy, several threads wait for each other far longer than they work.
    with threadpool_limits(1, user_api="openmp"):
        # The blend trains the network once, so that it need not be trained by itself.
        blend = BlendClassifierRegressor(pairs, **kinds).fit(X, y)
        alone.fit(X, y)
    dummies = DummyClassifier(strategy="prior"), DummyRegressor()
    dummy = PerTaskClassifierRegressor(*dummies, **kinds).fit(X, y)
    return dict(zip(_MODELS, [blend.models_["network"][0], alone, blend, dummy], strict=True))


def compare(models: dict[str, Any], X: pd.DataFrame, y: pd.DataFrame) -> pd.DataFrame:
    """Score the models on the test rows."""
    kinds = pd.Series(models["blend"].task_types_)
    scores = {name: multitask_scores(model, X, y) for name, model in models.items()}
    # Adding zero turns a rounded -0.0 into 0.0.
    table = pd.DataFrame(scores).round(3) + 0.0
    table.insert(0, "metric", kinds.replace(_METRICS))
    table.insert(0, "kind", kinds)
    return table.rename_axis("task").reset_index()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_ple",
        description="Learn all tasks of a real table with one network (Progressive Layered "
        "Extraction); print its scores on held-out rows beside those of boosting per task and of "
        "the blend of both, and draw the history of training. To compare models on a table of "
        "yours: python -m sklearn_ple compare --help",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    table = (
        "the table: nhefs comes with the package; census-income is read from the folder that the "
        "environment variable SKLEARN_PLE_DATA names or from scikit-learn's data home, or else "
        "downloaded"
    )
    epochs = "largest number of passes over the data (default: depends on the number of rows)"
    device = "where to train: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one"
    add = parser.add_argument
    add("data", nargs="?", default="nhefs", choices=list(CASES), help=table)
    add("--epochs", type=int, default=argparse.SUPPRESS, help=epochs)
    add("--seed", type=int, default=0, help="seed of the models, and of the split of nhefs")
    add("--device", default="auto", help=device)
    add("--output", type=Path, default=Path(), help="folder for the picture, made if missing")
    return parser.parse_args(argv)


def parse_comparison(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line of a comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_ple compare",
        description="Compare boosting, networks and their blend on the rows of a file, for all "
        "targets, and write a report on the best model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("file", type=Path, help="a table, as CSV or Parquet")
    targets = "columns to predict, such as churn,ltv; empty where unknown"
    add("--targets", required=True, default=argparse.SUPPRESS, help=targets)
    kinds = "kinds of targets that are not found right, such as churn=binary,ltv=tweedie"
    add("--task-types", default="", help=kinds)
    add("--drop", default="", help="columns to leave out, such as id,name")
    add("--sample", type=int, default=argparse.SUPPRESS, help="number of rows to draw")
    add("--cv", type=int, default=5, help="number of folds")
    add("--seed", type=int, default=0, help="seed of the models")
    add("--report", type=Path, default=Path("report.html"), help="the page to write")
    return parser.parse_args(argv)


def read_file(path: Path, targets: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table, and split its columns into features and targets."""
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} ends in {path.suffix!r}: the file must be CSV or Parquet.")
    table = readers[path.suffix.lower()](path)
    if lacking := [name for name in targets if name not in table]:
        raise ValueError(f"{path} has no columns {lacking}: it has {list(table)}.")
    return table.drop(columns=list(targets)), table[list(targets)]


def compare_on_file(argv: Sequence[str]) -> None:
    """Compare models on three quarters of a table, and report on the best on the other rows."""
    args = parse_comparison(argv)
    X, y = read_file(args.file, args.targets.split(","))
    if lacking := [name for name in filter(None, args.drop.split(",")) if name not in X]:
        raise ValueError(f"--drop names {lacking}, which are no features: they are {list(X)}.")
    X = X.drop(columns=list(filter(None, args.drop.split(","))))
    if (n_rows := vars(args).get("sample", len(X))) < len(X):
        X = X.sample(n_rows, random_state=args.seed).sort_index()
        y = y.loc[X.index]
    kinds_of = dict(pair.split("=", 1) for pair in filter(None, args.task_types.split(",")))
    X_train, X_test, y_train, y_test = train_multi_task_split(X, y, random_state=args.seed)
    options = {"task_types": kinds_of or "auto", "cv": args.cv, "random_state": args.seed}
    found = inspection.compare(X_train, y_train, **options)
    best = found.best()
    kinds = pd.DataFrame({"kind": best.task_types_, "labels": y.notna().sum()})
    print(f"{args.file}: {len(X)} rows, {X.shape[1]} features")
    print(f"\n{kinds.to_string()}\n\n{found}\n")
    report = MultiTaskReport.from_estimator(best, X_test, y_test, random_state=args.seed)
    report.to_html(args.report)
    print(f"Report on {type(best).__name__}, on {len(X_test)} other rows: {args.report}")


def compare_on_case(argv: Sequence[str]) -> None:
    """Compare the models on a table of the package, and draw the training of the network."""
    args = parse(argv)
    case = CASES[args.data]
    args.output.mkdir(parents=True, exist_ok=True)
    X_train, X_test, y_train, y_test = case.load(args.seed)
    print(
        f"{args.data}: {len(X_train)} rows to train on, {len(X_test)} to test, "
        f"{X_train.shape[1]} features, {y_train.shape[1]} tasks"
    )
    epochs = vars(args).get("epochs", "auto")
    options = {"max_epochs": epochs, "device": args.device, "random_state": args.seed}
    models = fit(case, X_train, y_train, PLEClassifierRegressor(**options, verbose=1))
    table = compare(models, X_test, y_test)
    print("\nScores on the test rows, greater is better:\n")
    print(table.to_string(index=False, float_format="{:.3f}".format))
    try:
        display = TrainingHistoryDisplay.from_estimator(models["PLE"])
    except ImportError as error:
        print(f"No picture of the training history. {error}")
        return
    path = args.output / f"training_history-{args.data}.png"
    display.figure_.savefig(path, dpi=150)
    print(f"Training history: {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a job; return 0, or 1 if there are no data or an option cannot be met."""
    argv = sys.argv[1:] if argv is None else argv
    job, options = compare_on_case, argv
    if argv[:1] == ["compare"]:
        job, options = compare_on_file, argv[1:]
    try:
        job(options)
    except (OSError, ValueError, TypeError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
