"""How a training is laid out: each parameter that is "auto" gets a value by the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Fewer rows than this leave too few for validation.
_MIN_ROWS_TO_STOP_EARLY = 500
# More rows of validation than this do not improve the choice of when to stop.
_ROWS_OF_VALIDATION = 3000
# Up to this many rows, the validation rows are a large part and training anew takes little time.
_MOST_ROWS_TO_REFIT = 30_000

#: Names of parameters of skorch's net by those of the estimators that they take precedence over.
_IN_NET_PARAMS = {"batch_size": "batch_size", "max_epochs": "max_epochs", "learning_rate": "lr"}


@dataclass(frozen=True)
class Plan:
    """What the parameters of an estimator come to for a number of rows to train on.

    Attributes
    ----------
    batch_size : int
        Rows in a step.
    max_epochs : int
        Passes over the rows, at most.
    patience : int
        Epochs without an improvement after which early stopping ends the training.
    learning_rate : float
        The highest rate of the schedule.
    validation_fraction : float or None
        Share of the rows that are set aside for validation; None for no validation.
    refits : bool
        Whether to train anew on all rows, validation's included.
    n_bins : int
        Bins of each number, at most.
    """

    batch_size: int
    max_epochs: int
    patience: int
    learning_rate: float
    validation_fraction: float | None
    refits: bool
    n_bins: int

    @classmethod
    def of(cls, estimator: Any, n_rows: int) -> Plan:
        """Lay a training out.

        Parameters
        ----------
        estimator : estimator
            Its parameters are read; ``net_params`` take precedence.
        n_rows : int
            Number of rows.
        """

        def resolve(parameter: str, rule: Callable[[int], Any]) -> Any:
            own = getattr(estimator, parameter)
            value = (estimator.net_params or {}).get(_IN_NET_PARAMS.get(parameter), own)
            # Without any row, the encoder raises the error later.
            return rule(max(n_rows, 1)) if isinstance(value, str) else value

        batch_size = resolve("batch_size", BY_ROWS["batch_size"])
        stops_early = resolve("early_stopping", lambda n: n >= _MIN_ROWS_TO_STOP_EARLY)
        fraction = resolve("validation_fraction", lambda n: min(0.1, _ROWS_OF_VALIDATION / n))
        return cls(
            batch_size=batch_size,
            max_epochs=resolve("max_epochs", BY_ROWS["max_epochs"]),
            patience=resolve("n_iter_no_change", BY_ROWS["n_iter_no_change"]),
            learning_rate=resolve("learning_rate", lambda _: default_learning_rate(batch_size)),
            validation_fraction=fraction if stops_early else None,
            # Callbacks may count on rows of validation.
            refits=resolve(
                "refit", lambda n: n <= _MOST_ROWS_TO_REFIT and not estimator.callbacks
            ),
            n_bins=resolve("n_bins", default_n_bins),
        )


def default_batch_size(n_rows: int) -> int:
    """Rows in a step: a power of two near twice their root, from 64 to 2048."""
    return 2 ** round(math.log2(min(max(2 * n_rows**0.5, 64), 2048)))


def default_learning_rate(batch_size: int) -> float:
    """Learning rate that falls with the root of the batch's size, from 3e-3 for 512 rows."""
    return 3e-3 * (batch_size / 512) ** 0.5


def default_epochs(n_rows: int) -> int:
    """Epochs at most: 12 of 50,000 rows, and as their root grows fewer, from 30 to 4."""
    return round(min(max(12 * (50_000 / n_rows) ** 0.5, 4), 30))


def default_patience(n_rows: int) -> int:
    """Epochs without an improvement before training ends: 16 for small tables, 3 for large ones.

    The more steps an epoch has, the less its validation depends on chance.
    """
    return round(min(max(10 * (10_000 / n_rows) ** 0.3, 3), 16))


def default_n_bins(n_rows: int) -> int:
    """Bins of a column: half the root of the rows, so that both bins and their rows grow."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))


#: What the parameters are by the number of rows to train on, where they are "auto".
BY_ROWS: dict[str, Callable[[int], int]] = {
    "batch_size": default_batch_size,
    "max_epochs": default_epochs,
    "n_iter_no_change": default_patience,
}
