"""Stratified folds and random splits as splitters of scikit-learn, and a single split."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseShuffleSplit, check_cv
from sklearn.utils import check_random_state, indexable

from ..tables.frames import refuse_unread, take_rows, takeable
from ..tables.groups import read_groups
from ..tables.kinds import TaskTypes
from ..tables.reading import check_in_memory
from ..utils._sklearn import GroupsConsumerMixin, _BaseKFold, _num_samples, _validate_shuffle_split
from ..utils.checks import check_lengths, check_rows, naming
from ..utils.constraints import BETWEEN_0_AND_1, COUNT, at_least, check_arguments
from ..utils.types import RandomStateLike
from .stratify import stratify

_SIZE = [COUNT, BETWEEN_0_AND_1, None]


class MultiTaskKFold(GroupsConsumerMixin, _BaseKFold):
    """Folds that are stratified by the labels of all tasks, including missing labels.

    Each fold gets an equal share of every class, of the labels of every task that are not missing
    and, for numbers, of every quantile bin, as far as a greedy method finds one. For the classes
    of a single task, those of :class:`sklearn.model_selection.StratifiedKFold` are more even.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the rows first. If not, ties are broken by the order of the rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; pass an int for the same folds in every call.
    task_types : str, list or dict, default="auto"
        The kinds of the tasks, like the estimator's parameter: which columns of y have classes,
        which have numbers, and which to ignore.

    Raises
    ------
    ValueError
        If ``n_splits`` is less than 2, or if ``random_state`` is set without ``shuffle``.

    See Also
    --------
    MultiTaskShuffleSplit : Random splits that are stratified in the same way.
    cross_val_predict : Predict each fold with a model that was fitted to the others.

    Notes
    -----
    With ``task_types="auto"``, whether labels are classes or numbers is inferred: integers are
    classes if at most 10 of them are distinct, and floats if they are at most two whole numbers.
    Numbers are divided at quantiles into five bins or, if there are few, into fewer bins, so that
    each has at least two labels per fold. A missing label counts as one more class of its task.

    The method is iterative stratification. Rows with the rarest values are assigned first, each to
    the fold that lacks most of its share of them. Unlike in the original method, the fold is
    chosen by all values of the row, where rarer values have greater weights, and rows with equal
    values are assigned together. The sizes of the folds differ by at most one row. Where a fold
    then lacks a task or class of which there are enough labels, rows are swapped between folds.

    With ``groups``, all rows of a group are in the same fold. A group is treated like a row with
    the sums of its values, and the sizes of the folds are only approximately equal.

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas. "On the Stratification of Multi-Label Data". ECML PKDD
    2011.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import MultiTaskKFold
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> tests = [test for train, test in MultiTaskKFold(3).split(X, y)]
    >>> [int(y["death"].iloc[test].sum()) for test in tests]
    [106, 106, 106]
    >>> [int(y["wt82_71"].iloc[test].notna().sum()) for test in tests]
    [522, 522, 522]
    """

    # For the folds of an estimator: the kinds of task that it learns, "class", "number" or all.
    _family: str | None = None

    @check_arguments(n_splits=[at_least(2)], shuffle=["boolean"], random_state=["random_state"])
    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: RandomStateLike = None,
        task_types: TaskTypes = "auto",
    ):
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.task_types = task_types

    def split(
        self, X: Any, y: Any, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the indices of training rows and test rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, of which only the number of rows is used.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA is a missing label.
        groups : array-like of shape (n_samples,), default=None
            Group of each row; no group is in two folds.

        Yields
        ------
        train : ndarray of int
            Indices of the training rows.
        test : ndarray of int
            Indices of the test rows, which are the fold.

        Raises
        ------
        ValueError
            If a fold would have no row, or no label of some task.

        Warns
        -----
        UserWarning
            If a fold has no label of a class, for example because the class has fewer labels than
            there are folds.
        """
        yield from super().split(X, y, _check(X, y, groups))

    def _iter_test_masks(self, X: Any, y: Any, groups: np.ndarray | None) -> Iterator[np.ndarray]:
        sizes = [len(part) for part in np.array_split(np.arange(_num_samples(X)), self.n_splits)]
        rng = check_random_state(self.random_state) if self.shuffle else None
        parts = f"{self.n_splits} folds"
        fold = stratify(y, sizes, parts, groups, rng, self.task_types, self._family)
        for number in range(self.n_splits):
            yield fold == number


class MultiTaskShuffleSplit(GroupsConsumerMixin, BaseShuffleSplit):
    """Random splits that are stratified by the labels of all tasks, including missing labels.

    For one task, :class:`sklearn.model_selection.StratifiedShuffleSplit` does this with classes.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=None
        Share (float) or number (int) of test rows. By default all rows that are not training rows,
        or a tenth if ``train_size`` is None too.
    train_size : float or int, default=None
        Share (float) or number (int) of training rows. By default all rows that are not test rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; pass an int for the same splits in every call.
    task_types : str, list or dict, default="auto"
        The kinds of the tasks, like the estimator's parameter: which columns of y have classes,
        which have numbers, and which to ignore.

    Raises
    ------
    ValueError
        If ``n_splits`` is not an integer of 1 or more.

    See Also
    --------
    MultiTaskKFold : Folds that are stratified in the same way.
    train_test_split : Split arrays or data frames once.

    Notes
    -----
    The method is that of :class:`MultiTaskKFold`, with parts of other sizes. With ``groups``, all
    rows of a group are in the same part, and the sizes are approximate.

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas. "On the Stratification of Multi-Label Data". ECML PKDD
    2011.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import MultiTaskShuffleSplit
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> cv = MultiTaskShuffleSplit(2, test_size=0.5, random_state=0)
    >>> [int(y["death"].iloc[test].sum()) for train, test in cv.split(X, y)]
    [159, 159]
    """

    @check_arguments(
        n_splits=[COUNT], test_size=_SIZE, train_size=_SIZE, random_state=["random_state"]
    )
    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: float | None = None,
        train_size: float | None = None,
        random_state: RandomStateLike = None,
        task_types: TaskTypes = "auto",
    ):
        super().__init__(
            n_splits, test_size=test_size, train_size=train_size, random_state=random_state
        )
        self.task_types = task_types

    def split(
        self, X: Any, y: Any, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the indices of training rows and test rows, in random order.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, of which only the number of rows is used.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA is a missing label.
        groups : array-like of shape (n_samples,), default=None
            Group of each row; no group is in both parts.

        Yields
        ------
        train : ndarray of int
            Indices of the training rows.
        test : ndarray of int
            Indices of the test rows.

        Raises
        ------
        ValueError
            If one of the two parts would have no row, or no label of some task.

        Warns
        -----
        UserWarning
            If one of the two parts has no label of a class.
        """
        yield from super().split(X, y, _check(X, y, groups))

    def _iter_indices(
        self, X: Any, y: Any, groups: np.ndarray | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        n_rows = _num_samples(X)
        n_train, n_test = _validate_shuffle_split(
            n_rows, self.test_size, self.train_size, default_test_size=self._default_test_size
        )
        rng = check_random_state(self.random_state)
        sizes, parts = [n_train, n_test], "training and test rows"
        for _ in range(self.n_splits):
            part = stratify(y, sizes, parts, groups, rng, self.task_types)
            order = rng.permutation(n_rows)
            yield order[part[order] == 0], order[part[order] == 1]


def _check(X: Any, y: Any, groups: ArrayLike | None) -> np.ndarray | None:
    """Check that X is in memory and y as long, and number the groups of the rows."""
    check_in_memory(X)
    refuse_unread(y)
    check_lengths(X=X, y=y)
    return None if groups is None else read_groups(groups, _num_samples(X))


def to_splitter(cv: Any, estimator: Any) -> Any:
    """Return the splitter that a parameter ``cv`` stands for.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        An int is a number of folds of `MultiTaskKFold`, and None five of them. Anything else is as
        in :func:`sklearn.model_selection.check_cv`.
    estimator : estimator
        The estimator to fit, perhaps in a pipeline or search. For the folds of an int or None its
        ``task_types`` and ``family`` decide which columns do not matter, and which labels are
        classes.

    Returns
    -------
    splitter
        The splitter.
    """
    if cv is None or isinstance(cv, Integral):
        params = estimator.get_params() if hasattr(estimator, "get_params") else {}
        keys = (key.rpartition("__") for key in params)
        owners = (params.get(path, estimator) for path, _, name in keys if name == "task_types")
        owner = next(owners, None)
        folds = _make_folds(cv, getattr(owner, "task_types", "auto"))
        folds._family = getattr(owner, "family", None)
        return folds
    return check_cv(cv)


def _make_folds(cv: Any, task_types: TaskTypes) -> MultiTaskKFold:
    return MultiTaskKFold(5 if cv is None else int(cv), task_types=task_types)


def list_folds(
    cv: Any, task_types: TaskTypes, X: Any, y: Any, groups: ArrayLike | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds that a parameter ``cv`` stands for.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As in `to_splitter`.
    task_types : dict of str to str
        The kinds of the tasks.
    X, y, groups : object
        The arguments of the splitter.

    Returns
    -------
    list of tuple of ndarray
        The numbers of the rows to train on, and of those to test on, of each fold.

    Raises
    ------
    ValueError
        If a splitter of the user fails, or yields no rows, or something else.
    """
    if cv is None or isinstance(cv, Integral):
        return list(_make_folds(cv, task_types).split(X, y, groups))
    with naming("cv"):
        splits = list(check_cv(cv).split(X, y, groups))
    if not splits:
        raise ValueError("cv has no folds.")
    return [(_read_rows(train, X), _read_rows(test, X)) for train, test in splits]


def _read_rows(part: ArrayLike, X: Any) -> np.ndarray:
    """Return the rows of a user's fold as numbers; they may be a mask."""
    rows, n_rows = np.asarray(part), _num_samples(X)
    if rows.dtype == bool and rows.shape == (n_rows,):
        rows = np.flatnonzero(rows)
    if not rows.size:
        raise ValueError("cv has a fold without training rows or without test rows.")
    check_rows("cv", rows, n_rows)
    return rows


def train_test_split(
    X: Any,
    y: Any,
    *others: Any,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: RandomStateLike = None,
    groups: ArrayLike | None = None,
    task_types: TaskTypes = "auto",
) -> list[Any]:
    """Split data into training rows and test rows, stratified by the labels of all tasks.

    The method is described in :class:`MultiTaskKFold`.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA is a missing label.
    *others : array-like of length n_samples
        Other arrays to split in the same way, such as sample weights.
    test_size : float or int, default=None
        Share (float) or number (int) of test rows. By default all rows that are not training rows,
        or a quarter if ``train_size`` is None too.
    train_size : float or int, default=None
        Share (float) or number (int) of training rows. By default all rows that are not test rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; pass an int for the same split in every call.
    groups : array-like of shape (n_samples,), default=None
        Group of each row; no group is in both parts.
    task_types : str, list or dict, default="auto"
        The kinds of the tasks, like the estimator's parameter: which columns of y have classes,
        which have numbers, and which to ignore.

    Returns
    -------
    parts : list
        ``X_train, X_test, y_train, y_test``, followed by the two parts of each other array.

    Raises
    ------
    ValueError
        If one of the two parts would have no row, or no label of some task.

    Warns
    -----
    UserWarning
        If one of the two parts has no label of a class.

    See Also
    --------
    MultiTaskShuffleSplit : The same as a splitter, for several splits.
    sklearn.model_selection.train_test_split : Split data, stratified by at most one task.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import train_test_split
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> parts = train_test_split(X, y, random_state=0)
    >>> X_train, X_test, y_train, y_test = parts
    >>> len(X_train), len(X_test)
    (1221, 408)
    """
    check_in_memory(X)
    if test_size is None and train_size is None:
        test_size = 0.25
    sizes = {"test_size": test_size, "train_size": train_size}
    cv = MultiTaskShuffleSplit(1, random_state=random_state, task_types=task_types, **sizes)
    arrays = list(map(takeable, (X, y, *others)))
    check_lengths(X=X, y=y, **{f"others[{k}]": other for k, other in enumerate(others)})
    arrays = indexable(*arrays)
    train, test = next(cv.split(X, y, groups))
    return [take_rows(array, rows) for array in arrays for rows in (train, test)]
