"""The stratified parts as scikit-learn's splitters, and as one split of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from sklearn.model_selection import BaseShuffleSplit
from sklearn.utils import check_random_state, indexable

from .._sklearn import (
    GroupsConsumerMixin,
    _BaseKFold,
    _num_samples,
    _safe_indexing,
    _validate_shuffle_split,
)
from .stratify import stratify

_N_BINS = 5


class MultiTaskKFold(GroupsConsumerMixin, _BaseKFold):
    """Folds that are stratified by every task's labels, missing ones included.

    Each fold gets its share of every class, of every task's labels at all and, for numbers, of
    every quantile bin, as far as there are enough. It is to many tasks what
    :class:`sklearn.model_selection.StratifiedKFold` is to one.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the rows first. Otherwise ties are settled by their order.
    random_state : int, RandomState instance or None, default=None
        Determines how the rows are shuffled.
    n_bins : int, default=5
        Bins of equally many labels for a task of numbers; 1 balances only whether there is a
        label. With few labels there are fewer bins, so that each has two labels for every fold.

    Raises
    ------
    ValueError
        If n_splits is less than 2 or n_bins less than 1, or random_state is set without shuffle.

    See Also
    --------
    MultiTaskShuffleSplit : Splits at random, as often as asked for.
    cross_val_predict : Predicts each fold by a model of the others.

    Notes
    -----
    Labels are classes or numbers as ``task_types="auto"`` has it: integers are classes up to 10
    distinct ones, floats up to two. A missing label is one more value of its task.

    The method is iterative stratification: rows with the rarest values are dealt out first, each
    to the fold that lacks most of what it should have. Unlike in the original, the fold is chosen
    by all values of the row, the rarer ones counting more, and rows that are alike are dealt out
    at once. The folds' sizes differ by one row at most.

    With ``groups``, all rows of a group are in one fold; a group counts as a row with the sums of
    its values, and the folds' sizes are only about the same.

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas. "On the Stratification of Multi-Label Data". ECML PKDD
    2011.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import MultiTaskKFold
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> folds = MultiTaskKFold(3)
    >>> [int(y["death"].iloc[test].sum()) for train, test in folds.split(X, y)]
    [106, 106, 106]
    >>> [int(y["wt82_71"].iloc[test].notna().sum()) for train, test in folds.split(X, y)]
    [522, 522, 522]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: Any = None,
        n_bins: int = _N_BINS,
    ):
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        if n_bins < 1:
            raise ValueError(f"n_bins must be 1 or more, not {n_bins}.")
        self.n_bins = n_bins

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the rows to train on and to test on.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features; only their number of rows matters.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row; no group is in two folds.

        Yields
        ------
        train : ndarray
            Numbers of the rows to train on.
        test : ndarray
            Numbers of the rows to test on: the fold.

        Raises
        ------
        ValueError
            If a fold would have no label of a task, or no row at all.

        Warns
        -----
        UserWarning
            If a fold has no label of a class, as where it has fewer labels than there are folds.
        """
        yield from super().split(X, y, groups)

    def _iter_test_masks(self, X: Any, y: Any, groups: Any) -> Iterator[np.ndarray]:
        n_rows = _num_samples(X)
        sizes = np.full(self.n_splits, n_rows // self.n_splits)
        sizes[: n_rows % self.n_splits] += 1
        rng = check_random_state(self.random_state) if self.shuffle else None
        fold = stratify(y, sizes, self.n_bins, f"{self.n_splits} folds", groups, rng)
        for number in range(self.n_splits):
            yield fold == number


class MultiTaskShuffleSplit(GroupsConsumerMixin, BaseShuffleSplit):
    """Random splits that are stratified by every task's labels, missing ones included.

    It is to many tasks what :class:`sklearn.model_selection.StratifiedShuffleSplit` is to one.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=None
        Share or number of the rows to test on; by default what train_size leaves, or a tenth.
    train_size : float or int, default=None
        Share or number of the rows to train on; by default what test_size leaves.
    random_state : int, RandomState instance or None, default=None
        Determines how the rows are shuffled.

    See Also
    --------
    MultiTaskKFold : Folds, by the same stratification.
    train_test_split : One split of the data themselves.

    Notes
    -----
    The method is that of :class:`MultiTaskKFold`, with parts of other sizes. With ``groups``, all
    rows of a group are on one side, and the sizes are approximate.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import MultiTaskShuffleSplit
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> splits = MultiTaskShuffleSplit(2, test_size=0.5, random_state=0)
    >>> [int(y["death"].iloc[test].sum()) for train, test in splits.split(X, y)]
    [159, 159]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: Any = None,
        train_size: Any = None,
        random_state: Any = None,
    ):
        super().__init__(
            n_splits, test_size=test_size, train_size=train_size, random_state=random_state
        )

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the rows to train on and to test on, in random order.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features; only their number of rows matters.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row; no group is on both sides.

        Yields
        ------
        train : ndarray
            Numbers of the rows to train on.
        test : ndarray
            Numbers of the rows to test on.

        Raises
        ------
        ValueError
            If one side would have no label of a task, or no row at all.

        Warns
        -----
        UserWarning
            If one side has no label of a class.
        """
        yield from super().split(X, y, groups)

    def _iter_indices(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        n_rows = _num_samples(X)
        n_train, n_test = _validate_shuffle_split(
            n_rows, self.test_size, self.train_size, default_test_size=self._default_test_size
        )
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            part = stratify(y, [n_train, n_test], _N_BINS, "training and test rows", groups, rng)
            order = rng.permutation(n_rows)
            yield order[part[order] == 0], order[part[order] == 1]


def train_test_split(
    X: Any,
    y: Any,
    *others: Any,
    test_size: Any = None,
    train_size: Any = None,
    random_state: Any = None,
    groups: Any = None,
) -> list[Any]:
    """Split the data into those to train on and to test on, stratified by all tasks.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    *others : array-like of length n_samples
        Further arrays to split in the same way, such as sample weights.
    test_size : float or int, default=None
        Share or number of the rows to test on; by default what train_size leaves, or a quarter.
    train_size : float or int, default=None
        Share or number of the rows to train on; by default what test_size leaves.
    random_state : int, RandomState instance or None, default=None
        Determines how the rows are shuffled.
    groups : array-like of shape (n_samples,), default=None
        The group of each row; no group is on both sides.

    Returns
    -------
    parts : list
        ``X_train, X_test, y_train, y_test``, and so on for the others.

    Raises
    ------
    ValueError
        If one side would have no label of a task, or no row at all.

    Warns
    -----
    UserWarning
        If one side has no label of a class.

    See Also
    --------
    MultiTaskShuffleSplit : The splitter behind it.
    sklearn.model_selection.train_test_split : The same for at most one task.

    Examples
    --------
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.model_selection import train_test_split
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> len(X_train), len(X_test)
    (1221, 408)
    """
    if test_size is None and train_size is None:
        test_size = 0.25
    cv = MultiTaskShuffleSplit(
        1, test_size=test_size, train_size=train_size, random_state=random_state
    )
    arrays = indexable(X, y, *others)
    train, test = next(cv.split(X, y, groups))
    return list(
        chain.from_iterable((_safe_indexing(a, train), _safe_indexing(a, test)) for a in arrays)
    )
