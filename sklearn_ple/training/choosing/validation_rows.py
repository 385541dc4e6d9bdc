"""The choice of validation rows: separate ones, the last ones, a splitter's, or random ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ...parameters.settings import Settings
from ...tables.groups import read_groups
from ...tables.plausibility import warn_of_order
from ...tables.table import Table
from ...utils._sklearn import _num_samples
from ...utils.checks import check_rows, naming
from ...utils.warn import collected, warn

# With fewer rows than this, the rows set aside would be too few to show when to stop.
LEAST_ROWS_TO_SET_ASIDE = 500
# Each member leaves out at most one row in _PARTS: otherwise it would lack too many rows.
_PARTS = 12
# More rows that a member leaves out do not improve the choice of when to stop.
_MOST_LEFT_OUT = 600
# With fewer members, each would have to leave out too many rows.
_LEAST_MEMBERS_TO_CROSS = 4
#: What is wrong with groups beside ``validation_split="last"``.
LAST_WITH_GROUPS = (
    'validation_split="last" holds out the last rows, whatever their groups are: pass no groups '
    'to fit, or set validation_split to "random" or a splitter.'
)


@dataclass(frozen=True, eq=False)
class Split:
    """The choice of validation rows; by default they are drawn at random.

    Attributes
    ----------
    table : Table or None
        Separate validation rows, which are not trained on.
    groups : ndarray of int of shape (n_rows,) or None
        Group of each row, from 0. The rows of a group are validated on together.
    chosen : tuple of ndarray of int or None
        Numbers of the rows to train on and of the validation rows, from a splitter.
    last : bool
        Whether to validate on the last rows.
    """

    table: Table | None = None
    groups: np.ndarray | None = None
    chosen: tuple[np.ndarray, np.ndarray] | None = None
    last: bool = False

    @classmethod
    def choose(
        cls, settings: Settings, table: Table, X: Any, y: Any, groups: ArrayLike | None = None
    ) -> Self:
        """Choose the validation rows among those of a table in memory.

        Parameters
        ----------
        settings : Settings
            The settings, whose splitter is called if there is one.
        table : Table
            X and y, after reading.
        X, y, groups : object
            The arguments of `MultiTaskEstimator.fit`.

        Returns
        -------
        Split
            The choice of validation rows.

        Raises
        ------
        ValueError
            If the arguments contradict each other or a parameter, or if there are no rows to train
            or to validate on.
        """
        rule = settings.validation_split
        n_rows = _num_samples(X)
        codes = None
        if groups is not None:
            warn_of_order(X=X, groups=groups)
            # Groups without any label are not counted, or there could be no validation rows.
            labelled = read_groups(groups, n_rows)[table.row_numbers]
            codes = np.unique(labelled, return_inverse=True)[1]
        if isinstance(rule, str):
            if rule == "last" and groups is not None:
                raise ValueError(LAST_WITH_GROUPS)
            return cls(groups=codes, last=rule == "last")
        if not stops_early(settings, len(table)):
            return cls(groups=codes)
        return cls(groups=codes, chosen=_choose(rule, X, y, groups, n_rows, table.row_numbers))

    def n_left_out(self, n_rows: int, n_members: int) -> int:
        """Return about how many rows each member leaves out; 0 if no folds are drawn.

        Folds are drawn if validation rows are drawn at random and there are at least four members.
        With groups, those that are not too large must also suffice for all folds.
        """
        part = _count_most_left_out(n_rows, n_members)
        n_left_out = min(part, _MOST_LEFT_OUT)
        is_random = self.table is None and self.chosen is None and not self.last
        # A fold is half of what a member leaves out.
        if not is_random or n_members < _LEAST_MEMBERS_TO_CROSS or n_left_out < 2:
            return 0
        if self.groups is not None:
            sizes = np.bincount(self.groups)
            sizes = sizes[sizes <= part]
            if len(sizes) < n_members or sizes.sum() < n_members * (n_left_out // 2):
                return 0
        return n_left_out

    def folds(
        self, n_rows: int, n_members: int, n_left_out: int, rng: np.random.RandomState
    ) -> list[np.ndarray]:
        """Draw as many folds as members, of whole groups if there are groups.

        Each member leaves out two folds, see `OutOfFold`. A group goes to the smallest fold, until
        all have enough rows. Groups of more rows than a member may leave out are in no fold: all
        members are trained on them.

        Parameters
        ----------
        n_rows, n_members : int
            Number of rows, and number of members.
        n_left_out : int
            Number of rows that each member leaves out, see `n_left_out`.
        rng : RandomState
            The random state to draw from.

        Returns
        -------
        list of ndarray of int
            Numbers of the rows of each fold, in any order.
        """
        n_of_fold = n_left_out // 2
        if self.groups is None:
            order = draw_order(n_rows, rng)[: n_members * n_of_fold]
            return list(order.reshape(n_members, n_of_fold))
        sizes = np.bincount(self.groups)
        fold_of, n_in_fold = np.full(len(sizes), -1), np.zeros(n_members, dtype=int)
        for group in draw_order(len(sizes), rng):
            if sizes[group] > _count_most_left_out(n_rows, n_members):
                continue
            smallest = n_in_fold.argmin()
            if n_in_fold[smallest] >= n_of_fold:
                break
            fold_of[group] = smallest
            n_in_fold[smallest] += sizes[group]
        of_rows = fold_of[self.groups]
        return [rng.permutation(np.flatnonzero(of_rows == fold)) for fold in range(n_members)]

    def rows(
        self, n_rows: int, validation_fraction: float | None, rng: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Choose the rows to train on and, unless the fraction is None, the validation rows."""
        if validation_fraction is None:
            return np.arange(n_rows), None
        if self.chosen is not None:
            return self.chosen
        if self.groups is not None and not self.last:
            aside = np.isin(self.groups, draw_groups(self.groups, validation_fraction, rng))
            return np.flatnonzero(~aside), np.flatnonzero(aside)
        n_valid = count_set_aside(n_rows, validation_fraction, "rows")
        order = np.roll(np.arange(n_rows), n_valid) if self.last else draw_order(n_rows, rng)
        return order[n_valid:], order[:n_valid]


def stops_early(settings: Settings, n_rows: int, least: int = LEAST_ROWS_TO_SET_ASIDE) -> bool:
    """Return whether a fit validates: with "auto", if there are enough rows.

    Parameters
    ----------
    settings : Settings
        The settings, of which ``early_stopping`` is read.
    n_rows : int
        Number of rows.
    least : int, default=LEAST_ROWS_TO_SET_ASIDE
        Least number of rows with "auto".

    Returns
    -------
    bool
        Whether it does.
    """
    if settings.early_stopping == "auto":
        return n_rows >= least
    return bool(settings.early_stopping)


@contextmanager
def naming_validation_rows() -> Iterator[None]:
    """Context manager in which errors and warnings say that they concern the validation rows."""
    what = "The validation set, X_val and y_val"
    with naming(what), collected(UserWarning) as found:
        yield
    for warning in found:
        warn(f"{what}: {warning}", type(warning))


def check_apart(settings: Settings, X_val: Any, y_val: Any, groups: ArrayLike | None) -> None:
    """Check the arguments and parameters that are combined with separate validation rows."""
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"{missing} is missing: pass X_val and y_val together, or neither.")
    if not stops_early(settings, 0, least=0):
        raise ValueError(
            "X_val and y_val are passed, but early_stopping=False validates on nothing: leave "
            'them out, or set early_stopping to True or "auto".'
        )
    if not isinstance(settings.validation_split, str) or settings.validation_split != "random":
        raise ValueError(
            f"validation_split={settings.validation_split!r} and X_val both determine which rows "
            "to validate on: pass no X_val and y_val, or leave validation_split at its default."
        )
    if groups is not None:
        raise ValueError(
            "groups say which rows are split off together, but with X_val and y_val no rows are "
            "split off: pass one or the other."
        )


def _choose(
    splitter: Any, X: Any, y: Any, groups: ArrayLike | None, n_rows: int, row_numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a splitter's first split, as positions in a table; numbers are its rows in X."""
    what = f"validation_split={splitter!r}"
    with naming(what):
        split = next(iter(splitter.split(X, y, groups)), None)
    if split is None:
        raise ValueError(f"{what} yields no split: one is needed.")
    asked = np.zeros((2, n_rows), dtype=bool)
    for rows, part in zip(asked, split, strict=True):
        part = np.asarray(part)
        check_rows(what, part, n_rows)
        rows[part] = True
    if n_both := int(asked.all(axis=0).sum()):
        raise ValueError(f"{what} puts {n_both} rows both into training and into validation.")
    train, valid = (np.flatnonzero(rows[row_numbers]) for rows in asked)
    if not len(train) or not len(valid):
        purpose = "validate on" if len(train) else "train on"
        raise ValueError(f"{what} leaves no row with a label to {purpose}.")
    return train, valid


def count_set_aside(n: int, validation_fraction: float, what: str) -> int:
    """Return the number of rows or groups to set aside; raise an error if none would be left."""
    n_aside = int(np.ceil(validation_fraction * n))
    if n_aside >= n:
        raise ValueError(
            f"validation_fraction={validation_fraction} leaves none of the {n} {what} to train "
            f"on: {'lower it or ' if n > 1 else ''}set early_stopping=False."
        )
    return n_aside


def draw_order(n_rows: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw a random order of rows, which hardly changes if rows are appended.

    So a model that is trained on with more rows is validated on nearly the same rows.
    """
    return np.argsort(rng.random_sample(n_rows))


def draw_groups(
    groups: np.ndarray, validation_fraction: float, rng: np.random.RandomState
) -> np.ndarray:
    """Draw groups that have about a fraction of the rows together, at least the smallest group."""
    sizes = np.bincount(groups)
    count_set_aside(len(sizes), validation_fraction, "groups")
    left = max(validation_fraction * len(groups), sizes.min())
    aside = []
    for group in draw_order(len(sizes), rng):
        if sizes[group] <= left:
            aside.append(group)
            left -= sizes[group]
    return np.array(aside)


def _count_most_left_out(n_rows: int, n_members: int) -> int:
    """Return the greatest number of rows that a member may leave out."""
    return n_rows // max(n_members, _PARTS)
