"""What is passed to fit in place of rows in memory: a dataset, and names of its columns."""

from __future__ import annotations

from typing import Any

from ..encoding import Table, TargetForm, is_dataset
from ..training import Plan, Split, check_apart, n_set_aside, read_apart
from .columns import Columns
from .source import Source
from .table import StreamedTable

# More rows of validation are not held in memory.
_MOST_ASIDE = 100_000


def read_table(
    estimator: Any, X: Any, y: Any, sample_weight: Any, like: TargetForm | None, **options: Any
) -> StreamedTable:
    """Look through a dataset, to learn from all of its rows but those that options set aside.

    Parameters
    ----------
    estimator : estimator
        It is given the columns of X or, with ``like``, is checked to have them.
    X, y, sample_weight : object
        As in `MultiTaskEstimator.fit`: a dataset, and names.
    like : TargetForm or None
        How the y of an earlier table came.
    **options : dict
        As of `StreamedTable.read`.
    """
    _check_parameters(estimator)
    source = Source.of(X)
    columns = Columns.choose(source, y, sample_weight)
    return StreamedTable.read(estimator, source, columns, like=like, **options)


def read_files(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    like: TargetForm | None,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    groups: Any = None,
) -> tuple[StreamedTable, Split]:
    """Look through a dataset, with rows for validation as an estimator asks for.

    Parameters
    ----------
    estimator, X, y, sample_weight, like : object
        As of `read_table`.
    X_val, y_val, sample_weight_val, groups : object
        As in `MultiTaskEstimator.fit`.

    Returns
    -------
    table : StreamedTable
        The rows.
    split : Split
        What to validate on: rows of a table of its own, or on nothing.
    """
    rule = estimator.validation_split
    if groups is not None:
        raise ValueError(
            "groups say which rows are split off together, but of a dataset single rows are: pass "
            "X_val and y_val, and leave groups out."
        )
    if not isinstance(rule, str):
        raise ValueError(
            f"validation_split={rule!r} cannot split a dataset: set it to 'random' or 'last', or "
            "pass X_val and y_val."
        )
    if X_val is not None or y_val is not None or sample_weight_val is not None:
        check_apart(estimator, X_val, y_val, groups)
        table = read_table(estimator, X, y, sample_weight, like)
        apart = _read_apart(estimator, table, X_val, y_val, sample_weight_val)
        return table, Split(table=apart)

    def n_aside(n_rows: int) -> int:
        fraction = Plan.of(estimator, n_rows).validation_fraction
        return 0 if fraction is None else min(n_set_aside(n_rows, fraction, "rows"), _MOST_ASIDE)

    last = rule == "last"
    table = read_table(estimator, X, y, sample_weight, like, n_aside=n_aside, last=last)
    return table, Split(table=table.aside)


def _read_apart(
    estimator: Any, table: StreamedTable, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Table:
    """Read rows of validation: all that are in memory, or at most those of a sample of files."""
    form = table.form
    if not is_dataset(X_val):
        rows = X_val, y_val, sample_weight_val
        return read_apart(lambda: Table.read(estimator, *rows, like=form))

    def read() -> Table:
        source, features = Source.of(X_val), table.columns.features
        columns = Columns.choose(source, y_val, sample_weight_val, features, ending="_val")
        source.check_columns(features, "X")
        return StreamedTable.read(estimator, source, columns, like=form).sample

    return read_apart(read)


def _check_parameters(estimator: Any) -> None:
    """Refuse parameters that ask for what takes all rows at once."""
    if estimator.refit is True:
        raise ValueError(
            "refit=True learns all rows anew, which is not done for a dataset: leave it 'auto', "
            "or set early_stopping=False to train on all rows."
        )
