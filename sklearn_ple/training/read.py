"""Reading of the arguments of fit: a table in memory or in files, and its validation rows."""

from functools import partial
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from ..encoding.encoder import TableEncoder
from ..parameters.settings import Settings
from ..tables.files.columns import Columns
from ..tables.files.source import Source
from ..tables.files.streamed_table import FitTable, StreamedTable
from ..tables.frames import is_dataset
from ..tables.kinds import assign_kinds
from ..tables.table import Table, TableReader
from ..utils.warn import warn
from .choosing.defaults import resolve_split
from .choosing.validation_rows import (
    LAST_WITH_GROUPS,
    Split,
    check_apart,
    count_set_aside,
    naming_validation_rows,
)

# Largest number of validation rows of files, which are kept in memory.
_MOST_ASIDE = 100_000


class Arguments(NamedTuple):
    """The arguments of `MultiTaskEstimator.fit`, or of ``partial_fit``."""

    X: Any
    y: Any
    sample_weight: ArrayLike | None = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: ArrayLike | None = None
    groups: ArrayLike | None = None

    @property
    def rows(self) -> tuple[Any, Any, Any]:
        """The rows to train on, and to split if none are apart: X, y and the weights."""
        return self.X, self.y, self.sample_weight

    @property
    def apart(self) -> tuple[Any, Any, Any] | None:
        """The separate validation rows, or None."""
        rows = self.X_val, self.y_val, self.sample_weight_val
        return None if all(argument is None for argument in rows) else rows


class FitRows(NamedTuple):
    """The rows of a fit, as they were read.

    Attributes
    ----------
    table : Table or StreamedTable
        The rows.
    split : Split
        The choice of validation rows.
    grown : TableEncoder or None
        The encoder of earlier and added tasks, if tasks are added.
    """

    table: FitTable
    split: Split
    grown: TableEncoder | None = None


def read(arguments: Arguments, settings: Settings, reader: TableReader) -> FitRows:
    """Read the arguments of fit.

    Parameters
    ----------
    arguments : Arguments
        The arguments.
    settings : Settings
        The settings of the fit.
    reader : TableReader
        Reads rows as tables.

    Returns
    -------
    FitRows
        The rows. Those of files are surveyed in a first pass, which reads their labels.

    Raises
    ------
    TypeError
        If X is in memory and X_val in files.
    ValueError
        If the arguments do not fit each other or the settings.
    """
    if arguments.apart is not None:
        check_apart(settings, arguments.X_val, arguments.y_val, arguments.groups)
    if is_dataset(arguments.X):
        return _read_files(arguments, settings, reader)
    table = reader.read(*arguments.rows)
    if arguments.apart is None:
        chosen_by = arguments.X, arguments.y, arguments.groups
        return FitRows(table, Split.choose(settings, table, *chosen_by))
    if is_dataset(arguments.X_val):
        raise TypeError(
            "X_val is a dataset or a path, but X is in memory: pass both as datasets, or X_val as "
            "a table."
        )
    return FitRows(table, Split(table=_read_apart(arguments, settings, reader, table)))


def _read_files(arguments: Arguments, settings: Settings, reader: TableReader) -> FitRows:
    """Read a dataset, and its validation rows."""
    rule = settings.validation_split
    if arguments.groups is not None and rule == "last":
        raise ValueError(LAST_WITH_GROUPS)
    if not isinstance(rule, str):
        raise ValueError(
            f"validation_split={rule!r} cannot split a dataset: set it to 'random' or 'last', or "
            "pass X_val and y_val."
        )
    source = Source.of(arguments.X)
    columns = Columns.choose(source, arguments.y, arguments.sample_weight, group=arguments.groups)
    if reader.form is None:
        _warn_of_lost_categories(settings, source, columns)
    made_of, verbose = (reader, source, columns), settings.verbose
    if arguments.apart is None:
        n_aside = partial(_n_aside, settings)
        table = StreamedTable(*made_of, verbose=verbose, n_aside=n_aside, last=rule == "last")
        return FitRows(table, Split(table=table.aside))
    table = StreamedTable(*made_of, verbose=verbose)
    return FitRows(table, Split(table=_read_apart(arguments, settings, reader, table)))


def _n_aside(settings: Settings, n_rows: int) -> int:
    """Return how many rows of files are set aside for validation."""
    fraction = resolve_split(settings, n_rows).validation_fraction
    if fraction is not None and settings.refit != "auto" and settings.refit:
        raise ValueError(
            "refit=True trains a second time on all rows, which is not possible for a dataset: "
            "set refit='auto', or set early_stopping=False to train once on all rows."
        )
    return 0 if fraction is None else min(count_set_aside(n_rows, fraction, "rows"), _MOST_ASIDE)


def _read_apart(
    arguments: Arguments, settings: Settings, reader: TableReader, table: FitTable
) -> Table:
    """Read separate validation rows: all rows in memory, or a sample of those in files."""
    X, y, sample_weight = arguments.X_val, arguments.y_val, arguments.sample_weight_val
    like = reader.like(table.header, table.form)
    with naming_validation_rows():
        if isinstance(table, StreamedTable) and is_dataset(X):
            features, source = table.columns.features, Source.of(X)
            columns = Columns.choose(source, y, sample_weight, features, ending="_val")
            source.check_columns(features, "X has the columns")
            apart = StreamedTable(like, source, columns, verbose=settings.verbose).sample
        else:
            apart = like.read(X, y, sample_weight)
        if not len(apart):
            raise ValueError("there is no label in y_val.")
    return apart


def _warn_of_lost_categories(settings: Settings, source: Source, columns: Columns) -> None:
    """Warn if columns were categories in pandas, but are not in the files, and nothing says so."""
    import pyarrow as pa

    types = {field.name: field.type for field in source.schema if field.name in source.categories}
    lost = {name for name, dtype in types.items() if not pa.types.is_dictionary(dtype)}
    parquet = "were categories of numbers in pandas, but Parquet keeps categories of text only"
    named = settings.categorical_features
    features = [name for name in columns.features if name in lost]
    if features and isinstance(named, str) and named == "from_dtype":
        warn(
            f"The columns {features} {parquet}: they are read as numbers. Pass "
            f"categorical_features={features}, or make them text before writing."
        )
    kinds = assign_kinds(settings.task_types, columns.targets)
    targets = [name for name in columns.targets if name in lost and kinds[name] == "auto"]
    if targets:
        warn(
            f"The targets {targets} {parquet}: their kinds are guessed from the numbers. Name the "
            f"kinds, such as task_types={{{targets[0]!r}: 'multiclass'}}."
        )
