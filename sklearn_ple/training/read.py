"""Reading of the arguments of fit if X is a dataset, and the rows for training."""

from __future__ import annotations

from typing import Any

import torch

from ..encoding.encoder import Encoded, TableEncoder
from ..tables.files.columns import Columns
from ..tables.files.source import Source
from ..tables.files.table import AnyTable, StreamedTable
from ..tables.form import TargetForm
from ..tables.frames import is_dataset
from ..tables.kinds import kinds_by_task
from ..tables.table import Table
from ..utils.warn import warn
from .data import TableRows
from .plan import Plan
from .rows_of_files import rows_of_files
from .shuffled import ShuffledRows
from .split import Split, check_apart, n_set_aside, read_apart

# Largest number of validation rows, which are kept in memory.
_MOST_ASIDE = 100_000


def read_table(
    estimator: Any, X: Any, y: Any, sample_weight: Any, like: TargetForm | None, **options: Any
) -> StreamedTable:
    """Read the labels and a sample of a dataset, in a first pass over its files.

    Parameters
    ----------
    estimator : estimator
        The estimator. The names of the columns of X are set or, with ``like``, checked.
    X, y, sample_weight : object
        The arguments of `MultiTaskEstimator.fit`: a dataset, and names of its columns.
    like : TargetForm or None
        The form of y in an earlier table.
    **options : dict
        Options of `StreamedTable.read`.

    Returns
    -------
    StreamedTable
        The table.
    """
    source = Source.of(X)
    columns = Columns.choose(source, y, sample_weight)
    if like is None:
        _warn_of_lost_categories(estimator, _lost_categories(source.schema), columns)
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
    """Read a dataset, and the validation rows according to the parameters of the estimator.

    Parameters
    ----------
    estimator, X, y, sample_weight, like : object
        See `read_table`.
    X_val, y_val, sample_weight_val, groups : object
        The arguments of `MultiTaskEstimator.fit`.

    Returns
    -------
    table : StreamedTable
        The rows of the dataset.
    split : Split
        The validation rows as a separate table, if there are any.

    Raises
    ------
    ValueError
        If groups are passed, or if ``validation_split`` or ``refit`` is not possible for files.
    """
    rule = estimator.validation_split
    if groups is not None:
        raise ValueError(
            "groups cannot be used with a dataset, of which single rows are set aside: pass X_val "
            "and y_val instead of groups."
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
        if fraction is not None and estimator.refit != "auto" and estimator.refit:
            raise ValueError(
                "refit=True trains a second time on all rows, which is not possible for a "
                "dataset: set refit='auto', or set early_stopping=False to train once on all rows."
            )
        return 0 if fraction is None else min(n_set_aside(n_rows, fraction, "rows"), _MOST_ASIDE)

    last = rule == "last"
    table = read_table(estimator, X, y, sample_weight, like, n_aside=n_aside, last=last)
    return table, Split(table=table.aside)


def rows_of(
    table: AnyTable, encoder: TableEncoder, encoded: Encoded, class_weight: Any, dtype: torch.dtype
) -> TableRows | ShuffledRows:
    """Return the rows for training: the encoded ones, or all rows of a table in files.

    Parameters
    ----------
    table : Table or StreamedTable
        The table.
    encoder : TableEncoder
        The encoder that has encoded the table.
    encoded : Encoded
        The encoded table; for a table in files, its encoded sample.
    class_weight : object
        The estimator's parameter.
    dtype : torch.dtype
        The data type of numbers.
    """
    if isinstance(table, StreamedTable):
        return rows_of_files(table, encoder, encoded.ordered, class_weight, dtype)
    return TableRows(*encoded.arrays, dtype=dtype)


def _lost_categories(schema: Any) -> list[str]:
    """Return the columns that were categories in pandas, but are of another type in the files."""
    import pyarrow as pa

    columns = (schema.pandas_metadata or {}).get("columns", [])
    names = [own["field_name"] for own in columns if own["pandas_type"] == "categorical"]
    types = {field.name: field.type for field in schema}
    return [name for name in names if name in types and not pa.types.is_dictionary(types[name])]


def _warn_of_lost_categories(estimator: Any, lost: list[str], columns: Columns) -> None:
    """Warn if columns were categories in pandas, and nothing says that they are."""
    parquet = "were categories of numbers in pandas, but Parquet keeps categories of text only"
    named = estimator.categorical_features
    features = [name for name in columns.features if name in lost]
    if features and isinstance(named, str) and named == "from_dtype":
        warn(
            f"The columns {features} {parquet}: they are read as numbers. Pass "
            f"categorical_features={features}, or make them text before writing."
        )
    kinds = kinds_by_task(estimator.task_types, columns.targets)
    targets = [name for name in columns.targets if name in lost and kinds[name] == "auto"]
    if targets:
        warn(
            f"The targets {targets} {parquet}: their kinds are guessed from the numbers. Name the "
            f"kinds, such as task_types={{{targets[0]!r}: 'multiclass'}}."
        )


def _read_apart(
    estimator: Any, table: StreamedTable, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Table:
    """Read the validation rows: all rows in memory, or a sample of the rows in files."""
    form = table.form
    if not is_dataset(X_val):
        rows = X_val, y_val, sample_weight_val
        return read_apart(lambda: Table.read(estimator, *rows, like=form))

    def read() -> Table:
        source, features = Source.of(X_val), table.columns.features
        columns = Columns.choose(source, y_val, sample_weight_val, features, ending="_val")
        source.check_columns(features, "X has the columns")
        return StreamedTable.read(estimator, source, columns, like=form).sample

    return read_apart(read)
