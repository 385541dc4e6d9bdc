"""The training rows of a table in files, which are read and encoded again in each epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..encoding.class_weights import ClassTotals
from ..encoding.encoder import TableEncoder
from ..encoding.statistics import OrderedStatistics
from ..tables.files.source import Source
from ..tables.files.streamed_table import StreamedTable
from ..tables.table import Table
from ..utils.processes import current
from ..utils.types import ClassWeight
from ..utils.warn import warn
from .rows import Arrays, ShuffledRows, TableRows


def stream_rows(
    table: StreamedTable,
    encoder: TableEncoder,
    ordered: OrderedStatistics | None,
    class_weight: ClassWeight,
    dtype: torch.dtype,
) -> ShuffledRows:
    """Return the training rows of a table in files.

    Parameters
    ----------
    table : StreamedTable
        The table.
    encoder : TableEncoder
        The encoder, fitted to this table.
    ordered : OrderedStatistics or None
        Target statistics of the rows, if the encoder learnt them from these rows.
    class_weight : object
        The parameter of the estimators.
    dtype : torch.dtype
        Dtype of numbers, targets and weights.
    """
    _warn_of_few_units(table.source)
    totals = ClassTotals(encoder.tasks)
    for block in table.label_blocks():
        totals.add(*encoder.encode_labels(block))
    if class_weight is not None:
        class_weight = totals.balance(class_weight)
    n_trained_on = len(table)
    if table.aside is not None:
        totals.leave_out(*encoder.encode_labels(table.aside))
        n_trained_on -= len(table.aside)

    def encode(rows: Table) -> Arrays:
        encoded = encoder.apply(rows, class_weight, warns=False)._replace(ordered=ordered)
        arrays = encoded._replace(numbers=encoder.resume(encoded)).arrays
        return Arrays(
            *(
                np.asarray(part, encoder.dtype) if part.dtype.kind == "f" else part
                for part in arrays
            )
        )

    def read(order: Sequence[int]) -> Iterator[Arrays]:
        return table.training_rows(order, encode)

    first = TableRows(*encode(table.sample), dtype=dtype)
    means = torch.as_tensor(totals.mean_weights(class_weight, n_trained_on), dtype=dtype)
    return ShuffledRows(n_trained_on, len(table.source.row_groups), read, first, means)


def _warn_of_few_units(source: Source) -> None:
    """Warn if some of the processes that train together would have no rows."""
    n_units, processes = len(source.row_groups), current()
    if n_units < processes.n and processes.is_first:
        warn(
            f"{source} has rows for only {n_units} of {processes.n} processes, because each reads "
            "its own row groups of Parquet or record batches of Arrow: write smaller ones, many "
            "for each process, for example with row_group_size."
        )
