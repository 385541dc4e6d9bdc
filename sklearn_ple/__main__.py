"""The main job: compare models on a table, of the package or of the user."""

import argparse
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.model_selection import TimeSeriesSplit
from threadpoolctl import threadpool_limits

from . import inspection
from .datasets import load_nhefs
from .inspection import MultiTaskReport, TrainingHistoryDisplay, compare_models
from .model_selection import train_test_split
from .tables.plausibility import are_nearly_distinct
from .tables.user_file import read_user_file
from .utils.warn import collected, list_distinct


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_ple",
        description="Compare networks that learn all targets of a table together with boosting. "
        "Without a command, nhefs is run.",
        epilog="Example: python -m sklearn_ple compare customers.csv --targets churn,ltv",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add_comparison(commands)
    add_nhefs(commands)
    is_command = argv and (not argv[0].startswith("-") or argv[0] in ("-h", "--help"))
    return parser.parse_args(argv if is_command else ["nhefs", *argv])


def add_nhefs(commands: "argparse._SubParsersAction") -> None:
    """Add the command that compares models on the table of the package."""
    parser = commands.add_parser(
        "nhefs",
        help="compare models on a table of the package",
        description="Compare PLE with boosting on the six targets of NHEFS, a health survey that "
        "comes with the package, and draw the history of training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    epochs = "largest number of passes over the data (default: depends on the number of rows)"
    device = "where to train: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one"
    add = parser.add_argument
    add("--epochs", type=int, default=argparse.SUPPRESS, help=epochs)
    add("--seed", type=int, default=0, help="seed of the models")
    add("--device", default="auto", help=device)
    add("--output", type=Path, default=Path(), help="folder for the picture, made if missing")
    parser.set_defaults(job=compare_on_nhefs)


def add_comparison(commands: "argparse._SubParsersAction") -> None:
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
    known = compare_models.make_models(by_time)
    names = {"-".join(re.findall(r"\w+", name.lower())): name for name in known}
    if lacking := [word for word in words if word.lower() not in names]:
        raise ValueError(f"--models names {lacking}: the models are {list(names)}.")
    chosen = [names[word.lower()] for word in words]
    chosen = chosen or [name for name in known if name not in compare_models.ON_REQUEST]
    return {name: known[name] for name in chosen}


def take_columns(table: pd.DataFrame, names: Sequence[str], what: str) -> pd.DataFrame:
    """Remove columns from a table, and return them."""
    if lacking := [name for name in names if name not in table]:
        raise ValueError(f"{what} names {lacking}, but the columns are {list(table)}.")
    return pd.DataFrame({name: table.pop(name) for name in names})


def refuse_texts(y: pd.DataFrame, stated: Collection[str]) -> None:
    """Raise a ValueError if texts of a target, whose kind is not stated, nearly all differ."""
    for name, labels in y.items():
        texts = labels.dropna().unique()
        is_text = isinstance(next(iter(texts), None), str)
        if name not in stated and is_text and are_nearly_distinct(len(texts), labels.count()):
            raise ValueError(
                f"--targets names {name!r}, whose texts are nearly all different, such as "
                f"{texts[:2].tolist()}: as classes nothing could be learnt about them. Write "
                "numbers as numbers, or leave the column out."
            )


def compare_on_file(args: argparse.Namespace) -> None:
    """Compare models on three quarters of a table, and report on the best on the other rows."""
    if args.by_time and args.groups:
        raise ValueError("--by-time divides rows by their order, and --groups does not: drop one.")
    kinds_of, models = read_kinds(args.task_types), choose_models(args.models, args.by_time)
    X = read_user_file(args.file)
    if args.sample is not None and args.sample < len(X):
        X = X.sample(args.sample, random_state=args.seed).sort_index()
    y = take_columns(X, args.targets, "--targets")
    refuse_texts(y, () if isinstance(kinds_of, str) else kinds_of)
    take_columns(X, args.drop, "--drop")
    groups = take_columns(X, [args.groups], "--groups")[args.groups] if args.groups else None
    options: dict[str, Any] = {"task_types": kinds_of, "cv": args.cv, "random_state": args.seed}
    if args.by_time:
        options["cv"], n_train = TimeSeriesSplit(args.cv), len(X) * 3 // 4
        train, test = X.index[:n_train], X.index[n_train:]
    else:
        how = {"groups": groups, "task_types": kinds_of, "random_state": args.seed}
        train, test = train_test_split(X, y, X.index, **how)[-2:]
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


def compare_on_nhefs(args: argparse.Namespace) -> None:
    """Compare PLE with boosting on the table of the package, and draw the training of PLE."""
    args.output.mkdir(parents=True, exist_ok=True)
    X, y = load_nhefs(return_X_y=True)
    print(f"NHEFS: {len(X)} rows, {X.shape[1]} features, {y.shape[1]} targets")
    options = {"max_epochs": vars(args).get("epochs", "auto"), "device": args.device}
    network = compare_models.make_models()["PLE"].set_params(**options, random_state=args.seed)
    models = {"dummy": None, "boosting": None, "PLE": network}
    # Where processors are busy, several threads wait for each other far longer than they work.
    with threadpool_limits(1, user_api="openmp"):
        print(f"\n{inspection.compare(X, y, models, cv=3, random_state=args.seed)}\n")
        network.fit(X, y)
    try:
        display = TrainingHistoryDisplay.from_estimator(network)
    except ImportError as error:
        print(f"No picture of the training history. {error}")
        return
    path = args.output / "training_history-nhefs.png"
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
