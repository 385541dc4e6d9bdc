"""The main job: learn all tasks of a real table together, and compare with boosting per task.

``python -m sklearn_ple compare FILE`` compares models on a table of the user.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import TimeSeriesSplit, train_test_split
from threadpoolctl import threadpool_limits

from . import PLEClassifierRegressor, inspection
from .datasets import fetch_census_income, load_nhefs
from .ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from .inspection import MultiTaskReport, TrainingHistoryDisplay, compare_models
from .metrics import multitask_scores
from .model_selection import train_test_split as train_multi_task_split
from .tables.user_file import read_user_file
from .utils.warn import collected, list_distinct

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
    """A table, the kinds of its tasks, what it is, and the models per task to compare with."""

    load: Callable[[int], list[pd.DataFrame]]
    task_types: dict[str, str] | str
    about: str
    boosting: PerTaskClassifierRegressor = PerTaskClassifierRegressor()


CASES = {
    "nhefs": Case(
        nhefs,
        dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression"),
        "six targets of a health survey, which comes with the package",
    ),
    "census-income": Case(
        census_income,
        "auto",
        "two targets of Census-Income, which is read from the folder that the environment "
        "variable SKLEARN_PLE_DATA names or from scikit-learn's data home, or else downloaded",
    ),
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
        description="Learn all targets of a table with one network (Progressive Layered "
        "Extraction), and compare it with other models. Without a command, nhefs is run.",
        epilog="Example: python -m sklearn_ple compare customers.csv --targets churn,ltv",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add_comparison(commands)
    for name, case in CASES.items():
        add_case(commands, name, case.about)
    is_command = argv and (not argv[0].startswith("-") or argv[0] in ("-h", "--help"))
    return parser.parse_args(argv if is_command else ["nhefs", *argv])


def add_case(commands: Any, name: str, about: str) -> None:
    """Add the command of a table of the package."""
    parser = commands.add_parser(
        name,
        help=f"learn {about}",
        description=f"Learn {about}; print the network's scores on held-out rows beside those of "
        "boosting per task and of the blend of both, and draw the history of training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    epochs = "largest number of passes over the data (default: depends on the number of rows)"
    device = "where to train: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one"
    add = parser.add_argument
    add("--epochs", type=int, default=argparse.SUPPRESS, help=epochs)
    add("--seed", type=int, default=0, help="seed of the models, and of the split of nhefs")
    add("--device", default="auto", help=device)
    add("--output", type=Path, default=Path(), help="folder for the picture, made if missing")
    parser.set_defaults(job=compare_on_case)


def add_comparison(commands: Any) -> None:
    """Add the command that compares models on a file."""
    parser = commands.add_parser(
        "compare",
        help="compare models on a table of yours",
        description="Compare boosting, networks and their blend on the rows of a file, for all "
        "targets, and write a report on the best model.",
        epilog="Example: python -m sklearn_ple compare customers.csv --targets churn,ltv",
    )
    add, names = parser.add_argument, {"type": split_names, "default": []}
    file = (
        "a table: CSV of any separator, decimal mark and encoding, also compressed; Excel "
        "(.xlsx), of which the first sheet is read; or Parquet"
    )
    add("file", type=Path, help=file)
    targets = "columns to predict, such as churn,ltv; empty where unknown"
    add("--targets", type=split_names, required=True, metavar="COLUMNS", help=targets)
    kinds = "kinds of targets that are not found right, such as churn=binary,ltv=tweedie"
    add("--task-types", **names, metavar="KINDS", help=kinds)
    drop = "columns to leave out, such as id,name"
    add("--drop", **names, metavar="COLUMNS", help=drop)
    groups = "column of the group of each row, such as a patient: no group is divided"
    add("--groups", metavar="COLUMN", help=groups)
    ordered = (
        "the rows are in the order of time, the oldest first: models are validated and tested on "
        "later rows than they are trained on"
    )
    add("--by-time", action="store_true", help=ordered)
    models = "models to compare, such as ple,boosting,boosting-tuned (default: all but the last)"
    add("--models", **names, help=models)
    add("--sample", type=int, metavar="N", help="number of rows to draw (default: all)")
    add("--cv", type=int, default=5, metavar="N", help="number of folds (default: %(default)s)")
    add("--seed", type=int, default=0, help="seed of the models (default: %(default)s)")
    report = "the page to write (default: %(default)s)"
    add("--report", type=Path, default=Path("report.html"), metavar="PATH", help=report)
    parser.set_defaults(job=compare_on_file)


def split_names(text: str) -> list[str]:
    """Return the names that are divided by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def read_kinds(entries: Sequence[str]) -> dict[str, str] | str:
    """Return the kinds of the targets."""
    if wrong := [entry for entry in entries if "=" not in entry]:
        raise ValueError(
            f"--task-types names no kind of {wrong}: write {wrong[0]}=KIND, where KIND is one of "
            "those of the parameter task_types."
        )
    return {
        name.strip(): kind.strip() for name, kind in (e.split("=", 1) for e in entries)
    } or "auto"


def choose_models(words: Sequence[str], by_time: bool) -> dict[str, Any]:
    """Return the models to compare by name; for rows in time, they validate on the last ones."""
    known = compare_models.make_models()
    names = {"-".join(re.findall(r"\w+", name.lower())): name for name in known}
    if lacking := [word for word in words if word.lower() not in names]:
        raise ValueError(f"--models names {lacking}: the models are {list(names)}.")
    chosen = [names[word.lower()] for word in words]
    chosen = chosen or [name for name in known if name not in compare_models.ON_REQUEST]
    models = {name: known[name] for name in chosen}
    if not by_time:
        return models
    if "blend" in models:
        pairs = [("network", PLEClassifierRegressor()), ("boosting", PerTaskClassifierRegressor())]
        models["blend"] = BlendClassifierRegressor(pairs, cv=TimeSeriesSplit())
    for model in models.values():
        splits = [name for name in model.get_params() if name.endswith("validation_split")]
        model.set_params(**dict.fromkeys(splits, "last"))
    return models


def take_columns(table: pd.DataFrame, names: Sequence[str], what: str) -> pd.DataFrame:
    """Remove columns from a table, and return them."""
    if lacking := [name for name in names if name not in table]:
        raise ValueError(f"{what} names {lacking}, but the columns are {list(table)}.")
    return pd.DataFrame({name: table.pop(name) for name in names})


def compare_on_file(args: argparse.Namespace) -> None:
    """Compare models on three quarters of a table, and report on the best on the other rows."""
    if args.by_time and args.groups:
        raise ValueError("--by-time divides rows by their order, and --groups does not: drop one.")
    kinds_of, models = read_kinds(args.task_types), choose_models(args.models, args.by_time)
    X = read_user_file(args.file)
    if args.sample is not None and args.sample < len(X):
        X = X.sample(args.sample, random_state=args.seed).sort_index()
    y = take_columns(X, args.targets, "--targets")
    take_columns(X, args.drop, "--drop")
    groups = take_columns(X, [args.groups], "--groups")[args.groups] if args.groups else None
    options: dict[str, Any] = {"task_types": kinds_of, "cv": args.cv, "random_state": args.seed}
    if args.by_time:
        options["cv"], n_train = TimeSeriesSplit(args.cv), len(X) * 3 // 4
        train, test = X.index[:n_train], X.index[n_train:]
    else:
        how = {"groups": groups, "task_types": kinds_of, "random_state": args.seed}
        train, test = train_multi_task_split(X, y, X.index, **how)[-2:]
    if groups is not None:
        options["groups"] = groups[train]
    found = inspection.compare(X.loc[train], y.loc[train], models, **options)
    best = found.best()
    kinds = pd.DataFrame({"kind": best.task_types_, "labels": y.notna().sum()})
    print(f"{args.file}: {len(X)} rows, {X.shape[1]} features")
    print(f"\n{kinds.to_string()}\n\n{found}\n")
    report = MultiTaskReport.from_estimator(best, X.loc[test], y.loc[test], random_state=args.seed)
    report.to_html(args.report)
    print(f"Report on {found.best_name}, on {len(test)} other rows: {args.report}")


def compare_on_case(args: argparse.Namespace) -> None:
    """Compare the models on a table of the package, and draw the training of the network."""
    case = CASES[args.command]
    args.output.mkdir(parents=True, exist_ok=True)
    X_train, X_test, y_train, y_test = case.load(args.seed)
    print(
        f"{args.command}: {len(X_train)} rows to train on, {len(X_test)} to test, "
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
    path = args.output / f"training_history-{args.command}.png"
    display.figure_.savefig(path, dpi=150)
    print(f"Training history: {path}")


@contextmanager
def printing_warnings() -> Iterator[None]:
    """Context manager that prints each warning once, at the end, and none twice about a column."""
    with collected() as found:
        try:
            yield
        finally:
            for warning in list_distinct(found):
                print("warning:", *str(warning).split(), file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a job; return 0, or 1 if there are no data or an option cannot be met."""
    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        with printing_warnings():
            args.job(args)
    except (OSError, ValueError, TypeError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
