"""The plan of a training: values of the parameters that are "auto", by the number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..encoding.encoder import TableEncoder
from .net_params import plain, read_net_params
from .split import LEAST_ROWS_TO_STOP_EARLY, Split, stops_early
from .validation import Validation

# More validation rows than this do not improve the choice of when to stop.
_ROWS_OF_VALIDATION = 3000
# Number of steps for small tables without validation; more would overfit.
_STEPS = 120
# Up to this many rows, validation rows are worth training on, and a second training is fast.
_MOST_ROWS_TO_REFIT = 30_000

#: Parameters of skorch's net that take precedence, by the estimators' parameters.
_IN_NET_PARAMS = {"batch_size": "batch_size", "max_epochs": "max_epochs", "learning_rate": "lr"}


@dataclass(frozen=True)
class Plan:
    """The values of an estimator's parameters for a number of rows to train on.

    Attributes
    ----------
    batch_size : int
        Number of rows in a step.
    max_epochs : int
        Greatest number of passes over the rows.
    patience : int
        Number of epochs without an improvement after which early stopping ends the training.
    learning_rate : float
        The highest rate of the schedule.
    validation_fraction : float or None
        Share of the rows that are set aside for validation; None for no validation.
    n_left_out : int
        Number of rows that each member leaves out of its training, to be validated on; 0 if rows
        are set aside for all members instead, or if there is no validation.
    refits : bool
        Whether to train a second time on all rows, including those that were set aside.
    n_bins : int
        Greatest number of bins of each numeric column.
    """

    batch_size: int
    max_epochs: int
    patience: int
    learning_rate: float
    validation_fraction: float | None
    n_left_out: int
    refits: bool
    n_bins: int

    @classmethod
    def of(
        cls,
        estimator: Any,
        n_rows: int,
        split: Split | None = None,
        validates: bool | None = None,
    ) -> Plan:
        """Plan a training.

        Parameters
        ----------
        estimator : estimator
            The estimator, whose parameters are read; ``net_params`` take precedence.
        n_rows : int
            Number of rows.
        split : Split, optional
            The choice of validation rows; by default they are drawn at random.
        validates : bool, optional
            Whether there are validation rows, if they have been chosen already; by default the
            number of rows determines it.

        Returns
        -------
        Plan
            The plan.
        """
        split = split or Split()
        net_params = read_net_params(estimator.net_params)

        def resolve(parameter: str, rule: Callable[[int], Any]) -> Any:
            value = getattr(estimator, parameter)
            if parameter in _IN_NET_PARAMS:
                value = net_params.get(_IN_NET_PARAMS[parameter], value)
            # If there are no rows, the encoder raises an error later.
            return rule(max(n_rows, 1)) if isinstance(value, str) else plain(value)

        if validates is None:
            validates = stops_early(estimator, n_rows, apart=split.table is not None)
        batch_size = resolve("batch_size", BY_ROWS["batch_size"])
        max_epochs = resolve("max_epochs", lambda n: default_epochs(n, batch_size, validates))
        fraction = resolve("validation_fraction", lambda n: min(0.1, _ROWS_OF_VALIDATION / n))
        n_left_out = 0
        if validates and isinstance(estimator.validation_fraction, str):
            n_left_out = split.n_left_out(n_rows, estimator.n_members)
        return cls(
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=resolve("n_iter_no_change", lambda _: default_patience(max_epochs)),
            learning_rate=resolve("learning_rate", lambda _: default_learning_rate(batch_size)),
            validation_fraction=fraction if validates else None,
            n_left_out=n_left_out,
            refits=split.table is None
            and resolve(
                "refit",
                # Callbacks may rely on validation rows.
                lambda n: n <= _MOST_ROWS_TO_REFIT and not estimator.callbacks and not n_left_out,
            ),
            n_bins=resolve("n_bins", default_n_bins),
        )


class Training(NamedTuple):
    """What a training needs of a table, which itself can be freed.

    Attributes
    ----------
    rows : TableRows or ShuffledRows
        The rows to train on.
    encoder : TableEncoder
        The encoder of the rows, fitted without the labels of validation rows.
    plan : Plan
        The plan of the training.
    validation : Validation or None
        The validation; None without one.
    """

    rows: Any
    encoder: TableEncoder
    plan: Plan
    validation: Validation | None = None


def default_batch_size(n_rows: int) -> int:
    """Return 64 for up to 2,000 rows, else a power of two near 3 sqrt(n_rows), at most 2048."""
    return 64 if n_rows <= 2000 else 2 ** round(math.log2(min(3 * n_rows**0.5, 2048)))


def default_learning_rate(batch_size: int) -> float:
    """Return 6e-3 for batches of 512 rows or more, and for less in proportion to sqrt(size)."""
    return 6e-3 * min(batch_size / 512, 1) ** 0.5


def default_epochs(n_rows: int, batch_size: int, stops_early: bool) -> int:
    """Return the epochs: 25 with early stopping, else for 120 steps, but fewer for many rows."""
    n_batches = -(-n_rows // batch_size)
    enough = 25 if stops_early else max(math.ceil(_STEPS / n_batches), 10)
    return min(enough, max(round(25 * (10_000 / n_rows) ** 0.5), 4))


def default_patience(max_epochs: int) -> int:
    """Return the number of epochs without an improvement: a fifth of all, at least 3."""
    return max(round(max_epochs / 5), 3)


def default_n_bins(n_rows: int) -> int:
    """Return the number of bins of a column: half the square root of n_rows, from 16 to 256."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))


#: Rules for parameters that are "auto": from the number of rows to train on to a value.
BY_ROWS: dict[str, Callable[[int], int]] = {
    "batch_size": default_batch_size,
    "max_epochs": lambda n_rows: default_epochs(
        n_rows, default_batch_size(n_rows), n_rows >= LEAST_ROWS_TO_STOP_EARLY
    ),
    "n_iter_no_change": lambda n_rows: default_patience(BY_ROWS["max_epochs"](n_rows)),
}
