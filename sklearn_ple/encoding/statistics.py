"""Target statistics: the mean labels of each category, as numbers beside its code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..tasks import Task

# By itself a column has statistics from so many categories on, if they have so many rows each.
_MANY_CATEGORIES, _ROWS_EACH = 256, 2.0
# Parts of the rows of training: the statistics of one are learnt from those before it.
_PARTS = 10


class TargetStatistics:
    """Learns what the labels of each category are on average; turns codes into these numbers.

    A column of categories has one number for each task of numbers or of two classes, and one for
    each class of a task with more; none for censored times. It is how far the mean of the
    category's labels is from that of all, shrunken the more, the fewer they are: with labels of
    weight :math:`w_c` in the category, by :math:`w_c / (w_c + m)`. The credibility m is the
    variance within categories over that between them, as Bühlmann and Straub [1]_ estimate both,
    and no less than the weight of one label.
    So it is chosen anew for each column and task, and where categories do not differ more than by
    chance, all numbers are 0. So is that of a category without labels. At last they are divided by
    their deviation over the rows.

    The rows that are trained on would see their own labels, and rely on them. So they are put in
    order by chance and in ten parts; the statistics of each part are learnt from those before it,
    as in CatBoost [2]_. Statistics that all other rows were learnt from would not do: among the
    rows of a category, they are the less, the greater the row's own label.

    Parameters
    ----------
    columns : array-like of int
        Which of the columns of codes have statistics.

    Attributes
    ----------
    tables : list of ndarray of shape (n_codes, n_statistics)
        The numbers of each column's codes.
    learnt_from : str
        A digest of the rows, by which they are known again.

    References
    ----------
    .. [1] Bühlmann and Straub (1970), Glaubwürdigkeit für Schadensätze, Mitteilungen der
       Vereinigung Schweizerischer Versicherungsmathematiker 70.

    .. [2] Prokhorenkova et al. (2018), CatBoost: unbiased boosting with categorical features,
       NeurIPS.
    """

    tables: list[np.ndarray]
    learnt_from: str

    def __init__(self, columns: Sequence[int] | np.ndarray):
        self.columns = np.asarray(columns, dtype=np.int64)

    @property
    def learnt(self) -> bool:
        """Whether there are numbers of codes yet."""
        return hasattr(self, "tables")

    @property
    def n_numbers(self) -> int:
        """How many numbers a row has."""
        return sum(table.shape[1] for table in self.tables)

    def transform(self, codes: np.ndarray) -> np.ndarray:
        """Look the numbers of codes up, of shape (n_rows, n_numbers)."""
        pairs = zip(self.columns, self.tables, strict=True)
        return np.hstack([table[codes[:, column]] for column, table in pairs])

    def learn(
        self,
        codes: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        tasks: Sequence[Task],
        n_codes: Sequence[int] | Mapping[int, int],
        read: np.ndarray | None = None,
    ) -> np.ndarray:
        """Learn from rows, and return their own numbers, to train on.

        Parameters
        ----------
        codes : ndarray of int of shape (n_rows, n_columns)
            The codes of all columns.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, 0 where there is none.
        tasks : sequence of Task
            The fitted tasks.
        n_codes : sequence or mapping of int
            How many codes each column has, by its number.
        read : ndarray of bool of shape (n_rows,), default=None
            The rows whose labels are read; all by default.

        Returns
        -------
        numbers : ndarray of shape (n_rows, n_numbers)
            Of a row whose labels are read, learnt from parts of the rows without it; of others
            from all that are.
        """
        self.learnt_from = _digest(codes, targets, weights)
        read = np.ones(len(codes), dtype=bool) if read is None else read
        part_of = np.where(read, _parts(len(codes)), _PARTS)
        self.tables, numbers = [], []
        for column in self.columns.tolist():
            learnt = [
                _learn(codes[:, column], values, own, n_codes[column], part_of)
                for values, own in _statistics(targets, weights, tasks)
            ]
            n_rows = len(codes)
            self.tables.append(_side_by_side([table for table, _ in learnt], n_codes[column]))
            numbers.append(_side_by_side([of_rows for _, of_rows in learnt], n_rows))
        return np.hstack(numbers)

    def resume(
        self,
        codes: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        tasks: Sequence[Task],
    ) -> np.ndarray:
        """Return the numbers of rows that training goes on with; nothing more is learnt.

        Of the rows that were learnt from they are as `learn` returns them, of others as
        `transform` does. The parameters are those of `learn`.
        """
        if self.learnt_from != _digest(codes, targets, weights):
            return self.transform(codes)
        n_codes = dict(zip(self.columns.tolist(), map(len, self.tables), strict=True))
        return TargetStatistics(self.columns).learn(codes, targets, weights, tasks, n_codes)


def many_categories(codes: np.ndarray, n_codes: Sequence[int]) -> list[int]:
    """Return which columns of codes are like ids: of many categories with some rows each."""
    return [
        column
        for column, n in enumerate(n_codes)
        # Two codes are those of missing and unknown categories.
        if n - 2 >= _MANY_CATEGORIES and np.count_nonzero(codes[:, column]) >= _ROWS_EACH * (n - 2)
    ]


def beside(numbers: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """Put statistics beside the numbers of rows, in their dtype."""
    return np.hstack([numbers, statistics.astype(numbers.dtype)])


class _Sums(NamedTuple):
    """Sums over the labels of each code: their number, weights, values and squares."""

    counts: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, values: np.ndarray, weights: np.ndarray, n: int) -> _Sums:
        weighted = weights * values
        parts = [weights > 0, weights, weighted, weighted * values]
        return cls(*(np.bincount(codes, part, minlength=n) for part in parts))

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(*(one + two for one, two in zip(self, other, strict=True)))


def _learn(
    codes: np.ndarray, values: np.ndarray, weights: np.ndarray, n_codes: int, part_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each code, and of each row by the parts before its own."""
    sums = _Sums(*np.zeros((4, n_codes)))
    of_rows = np.zeros(len(codes))
    for part in range(_PARTS + 1):
        rows = np.flatnonzero(part_of == part)
        table = _shrunken(sums)
        of_rows[rows] = table[codes[rows]]
        if part < _PARTS:
            sums = sums.plus(_Sums.of(codes[rows], values[rows], weights[rows], n_codes))
    return table, of_rows


def _shrunken(sums: _Sums) -> np.ndarray:
    """Compute by how much the codes' means differ from that of all, shrunken and scaled."""
    counts, weights, values, squares = sums
    none, there, total = np.zeros(len(counts)), weights > 0, weights.sum()
    n_there = np.count_nonzero(there)
    if n_there < 2 or counts.sum() <= n_there:
        return none
    differences = np.divide(values, weights, out=none.copy(), where=there)
    within = (squares - weights * differences**2).sum() / (counts.sum() - n_there)
    differences[there] -= values.sum() / total
    spread = (weights * differences**2).sum()
    between = (spread - (n_there - 1) * within) / (total - (weights**2).sum() / total)
    # Rounding leaves some of either where there is none.
    if not between > 1e-9 * spread / total:
        return none
    # One label alone never counts for more than those of all.
    credibility = max(within / between, total / counts.sum())
    shrunken = differences * weights / (weights + credibility)
    return shrunken / np.sqrt((weights * shrunken**2).sum() / total)


def _statistics(
    targets: np.ndarray, weights: np.ndarray, tasks: Sequence[Task]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what means are taken of, with its weights; 0 where there is no label."""
    for task, labels, own in zip(tasks, targets.T, weights.T, strict=True):
        if task.has_classes:
            for code in _classes_counted(task):
                yield ((own > 0) & (labels == code)).astype(np.float64), own
        # Of censored times there is no mean.
        elif not task.censored:
            yield np.where(own > 0, labels, 0.0), own


def _classes_counted(task: Task) -> range:
    """Return the codes of the classes whose shares are statistics: of two, one says it all."""
    n_classes = len(task.classes)
    return range(1 if n_classes == 2 else 0, n_classes)


def _parts(n_rows: int) -> np.ndarray:
    """Draw the part of each row, always alike."""
    return np.random.RandomState(0).permutation(n_rows) % _PARTS


def _side_by_side(columns: list[np.ndarray], n_rows: int) -> np.ndarray:
    return np.column_stack(columns) if columns else np.zeros((n_rows, 0))


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
