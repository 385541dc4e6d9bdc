"""Target statistics: the mean labels of each category, as numbers beside its code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..tasks import Task

# By itself a column has statistics from so many categories on, if they have so many rows each.
_MANY_CATEGORIES, _ROWS_EACH = 256, 2.0
#: Parts of the rows of training: the statistics of one are learnt from those before it.
N_PARTS = 10


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
        """Learn from rows in memory, and return their own numbers, to train on.

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
        parts = np.where(read, _parts(len(codes)), N_PARTS)
        self.tables, numbers = [], []
        for column in self.columns.tolist():
            own = codes[:, column]
            sums = LabelSums(tasks, n_codes[column])
            sums.add(own, targets, weights, parts)
            of_rows = np.empty((len(codes), sums.n_statistics))
            for part, table in enumerate(sums.tables()):
                rows = np.flatnonzero(parts == part)
                of_rows[rows] = table[own[rows]]
            self.tables.append(table)
            numbers.append(of_rows)
        return np.hstack(numbers)

    def begin(self, tasks: Sequence[Task], n_codes: Sequence[int]) -> dict[int, LabelSums]:
        """Return, by columns, what sums the labels of rows that come some at a time.

        The parameters are those of `learn`.
        """
        return {column: LabelSums(tasks, n_codes[column]) for column in self.columns.tolist()}

    def settle(
        self, sums: dict[int, LabelSums], learnt_from: str, dtype: str
    ) -> OrderedStatistics:
        """Learn from all rows that were summed.

        Parameters
        ----------
        sums : dict of int to LabelSums
            What `begin` has returned. As sums are large, it is emptied.
        learnt_from : str
            By which the rows are known again.
        dtype : {"float32", "float64"}
            Dtype of the numbers of the rows.

        Returns
        -------
        OrderedStatistics
            The numbers of the rows themselves, to train on.
        """
        self.learnt_from = learnt_from
        self.tables, by_part = [], []
        for column in self.columns.tolist():
            own = sums.pop(column)
            stacked = np.empty((N_PARTS + 1, own.n_codes, own.n_statistics), dtype)
            for part, table in enumerate(own.tables()):
                stacked[part] = table
            self.tables.append(table)
            by_part.append(stacked)
        return OrderedStatistics(self.columns, by_part)

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


class OrderedStatistics:
    """The numbers of rows that are trained on, by the part of the rows that each is of.

    Parameters
    ----------
    columns : ndarray of int
        Which of the columns of codes have statistics.
    tables : list of ndarray of shape (N_PARTS + 1, n_codes, n_statistics)
        The numbers of each column's codes, for rows of each part learnt from those before it.
    """

    def __init__(self, columns: np.ndarray, tables: list[np.ndarray]):
        self.columns = columns
        self.tables = tables

    def transform(self, codes: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Look the numbers of codes up, of rows of some parts, (n_rows, n_numbers)."""
        pairs = zip(self.columns, self.tables, strict=True)
        return np.hstack([table[parts, codes[:, column]] for column, table in pairs])


def many_categories(n_known: Sequence[int] | np.ndarray, n_codes: Sequence[int]) -> list[int]:
    """Return which columns of codes are like ids: of many categories with some rows each.

    Parameters
    ----------
    n_known : sequence of int
        In how many rows each column has a category.
    n_codes : sequence of int
        How many codes it has.
    """
    # Two codes are those of missing and unknown categories.
    return [
        column
        for column, (n_rows, n) in enumerate(zip(n_known, n_codes, strict=True))
        if n - 2 >= _MANY_CATEGORIES and n_rows >= _ROWS_EACH * (n - 2)
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


class LabelSums:
    """Sums over the labels of each code of a column, for each part of the rows.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks.
    n_codes : int
        How many codes there are.
    """

    def __init__(self, tasks: Sequence[Task], n_codes: int):
        self.n_codes = n_codes
        self._of_tasks = [_TaskSums(task, N_PARTS * n_codes) for task in tasks]

    @property
    def n_statistics(self) -> int:
        """How many numbers a code has."""
        return sum(len(own.values) for own in self._of_tasks)

    def add(
        self, codes: np.ndarray, targets: np.ndarray, weights: np.ndarray, parts: np.ndarray
    ) -> None:
        """Add rows, of parts from 0; those of part `N_PARTS` are left out.

        Parameters
        ----------
        codes, parts : ndarray of int of shape (n_rows,)
            The code and the part of each row.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, 0 where there is none.
        """
        cells = parts.astype(np.int64) * self.n_codes + codes
        read = parts < N_PARTS
        for own, labels, weighs in zip(self._of_tasks, targets.T, weights.T, strict=True):
            rows = np.flatnonzero(read & (weighs > 0))
            own.add(cells[rows], labels[rows], weighs[rows])

    def tables(self) -> Iterator[np.ndarray]:
        """Yield the numbers of the codes for each part, learnt from those before it.

        The last ones, of shape (n_codes, n_statistics) as all are, are learnt from all parts.
        """
        by_part = [sums for own in self._of_tasks for sums in own.of_statistics()]
        so_far = np.zeros((len(by_part), len(_Sums._fields), self.n_codes))
        for part in range(N_PARTS + 1):
            learnt = [_shrunken(_Sums(*own)) for own in so_far]
            yield np.column_stack(learnt) if learnt else np.zeros((self.n_codes, 0))
            if part < N_PARTS:
                rows = slice(part * self.n_codes, (part + 1) * self.n_codes)
                for total, sums in zip(so_far, by_part, strict=True):
                    for sum_, own in zip(total, sums, strict=True):
                        sum_ += own[rows]


class _TaskSums:
    """The sums of one task, whose statistics have numbers and weights of labels in common."""

    def __init__(self, task: Task, n_cells: int):
        self.classes = _classes_counted(task) if task.has_classes else None
        n_values = 1 if self.classes is None else len(self.classes)
        # Of censored times there is no mean.
        n_values = 0 if task.censored else n_values
        self.counts, self.weights = np.zeros((2, n_cells if n_values else 0))
        self.values = np.zeros((n_values, n_cells))
        # A share is of ones, which are their own squares.
        self.squares = np.zeros((n_values, n_cells)) if self.classes is None else self.values

    def add(self, cells: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        if not len(self.values):
            return
        # Rows are added in their order, as by bincount, but at no cost of codes without rows.
        np.add.at(self.counts, cells, 1.0)
        np.add.at(self.weights, cells, weights)
        if self.classes is None:
            weighted = weights * labels
            np.add.at(self.values[0], cells, weighted)
            np.add.at(self.squares[0], cells, weighted * labels)
            return
        for values, code in zip(self.values, self.classes, strict=True):
            rows = labels == code
            np.add.at(values, cells[rows], weights[rows])

    def of_statistics(self) -> Iterator[_Sums]:
        """Yield the sums of each statistic, by part and code."""
        for values, squares in zip(self.values, self.squares, strict=True):
            yield _Sums(self.counts, self.weights, values, squares)


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


def _classes_counted(task: Task) -> range:
    """Return the codes of the classes whose shares are statistics: of two, one says it all."""
    n_classes = len(task.classes)
    return range(1 if n_classes == 2 else 0, n_classes)


def _parts(n_rows: int) -> np.ndarray:
    """Draw the part of each row, always alike."""
    return np.random.RandomState(0).permutation(n_rows) % N_PARTS


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
