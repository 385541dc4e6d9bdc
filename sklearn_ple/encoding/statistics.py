"""Target statistics: the mean labels of each category, as additional numeric features."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import joblib
import numpy as np

from ..tables.frames import sort_names
from ..tables.table import N_PARTS
from ..tasks import Task

# With "auto", a column has statistics if it has at least _MANY_CATEGORIES categories, with at
# least _ROWS_EACH rows per category on average.
_MANY_CATEGORIES, _ROWS_EACH = 256, 2.0


class TargetStatistics:
    """Learns the mean labels of each category, and turns codes into these numbers.

    A column of categories has one statistic for each task with numbers or two classes, and one for
    each class of a task with more classes. Tasks with censored times have none. The statistics of
    a column are in the order of the tasks' names.

    The statistic of a category is the difference between the mean of its labels and the mean of
    all labels, shrunk towards 0. If the labels of the category have the weight :math:`w_c`, it is
    multiplied by :math:`w_c / (w_c + m)`, so that categories with few labels are shrunk most. The
    credibility m is the variance within categories divided by the variance between them, both
    estimated as by Bühlmann and Straub [1]_, but not less than the weight of one label. It is
    estimated for each column and task. If categories do not differ by more than chance, all
    statistics are 0, and so are those of categories without labels. Finally the statistics are
    divided by their standard deviation over the rows.

    If the statistics of a training row contained its own label, the network would rely on them too
    much. So the training rows are put into random order and divided into ten parts. The statistics
    of each part are learnt from the parts before it, as in CatBoost [2]_. It would not help to
    learn the statistics of a row from all other rows: within a category, they would be smaller for
    rows with greater labels.

    Parameters
    ----------
    columns : array-like of int
        The columns of codes that have statistics.

    Attributes
    ----------
    tables : list of ndarray of shape (n_codes, n_statistics)
        Statistics of the codes of each column.
    learnt_from : str
        Hash of the rows from which they were learnt, to recognise the same rows later.
    read : ndarray of bool of shape (n_rows,) or None
        Which of these rows had labels that were read; None if all had.
    n_tasks : int or None
        Number of tasks that had statistics learnt; None if it is that of all tasks.

    References
    ----------
    .. [1] H. Bühlmann, E. Straub. "Glaubwürdigkeit für Schadensätze". Mitteilungen der Vereinigung
           Schweizerischer Versicherungsmathematiker 70, 1970.
    .. [2] L. Prokhorenkova, G. Gusev, A. Vorobev, A. V. Dorogush, A. Gulin. "CatBoost: Unbiased
           Boosting with Categorical Features". NeurIPS 2018.
    """

    columns: np.ndarray
    tables: list[np.ndarray]
    learnt_from: str
    read: np.ndarray | None = None
    n_tasks: int | None = None

    def __init__(self, columns: Sequence[int] | np.ndarray):
        self.columns = np.asarray(columns, dtype=np.int64)

    @property
    def learnt(self) -> bool:
        """Whether statistics have been learnt."""
        return hasattr(self, "tables")

    @property
    def n_numbers(self) -> int:
        """Number of statistics of a row."""
        return sum(table.shape[1] for table in self.tables)

    def transform(self, codes: np.ndarray) -> np.ndarray:
        """Return the statistics of codes, of shape (n_rows, n_numbers)."""
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
        """Learn from rows in memory, and return their statistics for training.

        Parameters
        ----------
        codes : ndarray of int of shape (n_rows, n_columns)
            The codes of all columns.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, which are 0 for missing labels.
        tasks : sequence of Task
            The fitted tasks.
        n_codes : sequence or mapping of int
            Number of codes of each column, by its position.
        read : ndarray of bool of shape (n_rows,), default=None
            The rows from whose labels statistics are learnt; by default all rows.

        Returns
        -------
        numbers : ndarray of shape (n_rows, n_numbers)
            The statistics of the rows. Those of rows in ``read`` are learnt from earlier parts of
            the rows, those of other rows from all rows in ``read``.
        """
        self.read = read
        read = np.ones(len(codes), dtype=bool) if read is None else read
        parts = np.where(read, _draw_parts(len(codes)), N_PARTS)
        sums = {}
        for column in self.columns.tolist():
            sums[column] = LabelSums(tasks, n_codes[column])
            sums[column].add(codes[:, column], targets, weights, parts)
        ordered = self.learn_from_sums(sums, _hash_arrays(codes, targets, weights), "float64")
        return ordered.transform(codes, parts)

    def learn_from_sums(
        self, sums: "dict[int, LabelSums]", learnt_from: str, dtype: str
    ) -> "OrderedStatistics":
        """Learn from sums of labels over all rows.

        Parameters
        ----------
        sums : dict of int to LabelSums
            For each column, the sums over all rows. The dict is emptied, as sums are large.
        learnt_from : str
            Hash of the rows.
        dtype : {"float32", "float64"}
            Data type of the result.

        Returns
        -------
        OrderedStatistics
            The statistics of the rows for training.
        """
        self.learnt_from = learnt_from
        self.tables, by_part = [], []
        for column in self.columns.tolist():
            of_column = sums.pop(column)
            self.n_tasks = of_column.n_tasks
            stacked = np.empty((N_PARTS + 1, of_column.n_codes, of_column.n_statistics), dtype)
            for part, table in enumerate(of_column.tables()):
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
        """Return the statistics of rows for training that continues, without learning.

        For the rows from which statistics were learnt, they are those that `learn` returned. For
        other rows, they are those of `transform`. The parameters are those of `learn`. Tasks that
        have been added since are left out.
        """
        targets, weights = targets[:, : self.n_tasks], weights[:, : self.n_tasks]
        if self.learnt_from != _hash_arrays(codes, targets, weights):
            return self.transform(codes)
        n_codes = dict(zip(self.columns.tolist(), map(len, self.tables), strict=True))
        again = TargetStatistics(self.columns)
        return again.learn(codes, targets, weights, tasks[: self.n_tasks], n_codes, self.read)


class OrderedStatistics(NamedTuple):
    """Statistics of training rows, which depend on the part to which a row belongs.

    Parameters
    ----------
    columns : ndarray of int
        The columns of codes that have statistics.
    tables : list of ndarray of shape (N_PARTS + 1, n_codes, n_statistics)
        For each column and part, the statistics of the codes, learnt from the parts before it.
    """

    columns: np.ndarray
    tables: list[np.ndarray]

    def transform(self, codes: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Return the statistics of rows, given their codes and parts, (n_rows, n_numbers)."""
        pairs = zip(self.columns, self.tables, strict=True)
        return np.hstack([table[parts, codes[:, column]] for column, table in pairs])


def find_many_categories(n_known: Sequence[int] | np.ndarray, n_codes: Sequence[int]) -> list[int]:
    """Return the columns of codes with many categories that have several rows each, such as ids.

    Parameters
    ----------
    n_known : sequence of int
        For each column, the number of rows with a category.
    n_codes : sequence of int
        For each column, the number of codes.

    Returns
    -------
    list of int
        The columns.
    """
    # Two of the codes are for missing and for unknown categories.
    return [
        column
        for column, (n_rows, n) in enumerate(zip(n_known, n_codes, strict=True))
        if n - 2 >= _MANY_CATEGORIES and n_rows >= _ROWS_EACH * (n - 2)
    ]


def append_statistics(numbers: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """Append statistics to the numbers of rows, in the dtype of the latter."""
    return np.hstack([numbers, statistics.astype(numbers.dtype)])


class _Sums(NamedTuple):
    """Sums over the labels of each code: counts, weights, values and squares."""

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
        Number of codes.
    """

    def __init__(self, tasks: Sequence[Task], n_codes: int):
        self.n_codes = n_codes
        self._of_tasks = [_TaskSums(task, N_PARTS * n_codes) for task in tasks]
        # The network draws its initial weights in the order of the statistics. They are sorted by
        # the names of the tasks, so that the order of y's columns has no effect.
        self._by_name = sort_names(task.name for task in tasks)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self._of_tasks)

    @property
    def n_statistics(self) -> int:
        """Number of statistics of a code."""
        return sum(len(sums.values) for sums in self._of_tasks)

    def add(
        self, codes: np.ndarray, targets: np.ndarray, weights: np.ndarray, parts: np.ndarray
    ) -> None:
        """Add rows, except for those of part `N_PARTS`.

        Parameters
        ----------
        codes, parts : ndarray of int of shape (n_rows,)
            The code and the part, from 0, of each row.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, which are 0 for missing labels. The last tasks
            may be others, which are left out.
        """
        cells = parts.astype(np.int64) * self.n_codes + codes
        read = parts < N_PARTS
        for sums, labels, weighs in zip(self._of_tasks, targets.T, weights.T, strict=False):
            rows = np.flatnonzero(read & (weighs > 0))
            sums.add(cells[rows], labels[rows], weighs[rows])

    def tables(self) -> Iterator[np.ndarray]:
        """Yield the statistics of the codes for each part, learnt from the parts before it.

        All are of shape (n_codes, n_statistics). The last ones are learnt from all parts.
        """
        by_part = [sums for k in self._by_name for sums in self._of_tasks[k].split()]
        so_far = np.zeros((len(by_part), len(_Sums._fields), self.n_codes))
        for part in range(N_PARTS + 1):
            learnt = [_shrink(_Sums(*totals)) for totals in so_far]
            yield np.column_stack(learnt) if learnt else np.zeros((self.n_codes, 0))
            if part < N_PARTS:
                rows = slice(part * self.n_codes, (part + 1) * self.n_codes)
                for totals, sums in zip(so_far, by_part, strict=True):
                    totals += [column[rows] for column in sums]


class _TaskSums:
    """The sums of one task; its statistics share the counts and weights of labels."""

    def __init__(self, task: Task, n_cells: int):
        self.classes = _list_classes(task) if task.has_classes else None
        n_values = 1 if self.classes is None else len(self.classes)
        # Censored times have no mean.
        n_values = 0 if task.censored else n_values
        self.counts, self.weights = np.zeros((2, n_cells if n_values else 0))
        self.values = np.zeros((n_values, n_cells))
        # Shares of classes are means of ones and zeros, which equal their squares.
        self.squares = np.zeros((n_values, n_cells)) if self.classes is None else self.values

    def add(self, cells: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        if not len(self.values):
            return
        # The same sums as np.bincount's, but without time and memory for codes that do not occur.
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

    def split(self) -> Iterator[_Sums]:
        """Yield the sums of each statistic, by part and code."""
        for values, squares in zip(self.values, self.squares, strict=True):
            yield _Sums(self.counts, self.weights, values, squares)


def _shrink(sums: _Sums) -> np.ndarray:
    """Compute the statistics of codes: differences from the overall mean, shrunk and scaled."""
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
    # By rounding, either variance may differ slightly from zero.
    if not between > max(1e-9 * spread, 1e-12 * squares.sum()) / total:
        return none
    # A single label never has a greater weight than the overall mean.
    credibility = max(within / between, total / counts.sum())
    shrunken = differences * weights / (weights + credibility)
    return shrunken / np.sqrt((weights * shrunken**2).sum() / total)


def _list_classes(task: Task) -> range:
    """Return the classes whose shares are statistics: all, or the second of two classes."""
    n_classes = len(task.classes)
    return range(1 if n_classes == 2 else 0, n_classes)


def _draw_parts(n_rows: int) -> np.ndarray:
    """Draw the part of each row, with a fixed seed."""
    return np.random.RandomState(0).permutation(n_rows) % N_PARTS


def _hash_arrays(*arrays: np.ndarray) -> str:
    """Compute a hash of arrays, whose layout in memory does not count."""
    return joblib.hash([np.ascontiguousarray(array) for array in arrays])
