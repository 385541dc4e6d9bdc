"""The drops of scores when columns are shuffled, and the orders of the rows for it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..utils.progress import progress_bar
from ..utils.types import RandomStateLike
from ..utils.warn import collected
from .column_groups import find_groups, list_columns, shuffle_columns

#: Scores X: the score of every task by its name.
Score = Callable[..., Mapping[str, float]]
#: A name, and the positions of the columns that are shuffled together.
Feature = tuple[Hashable, list[int]]


def list_features(X: Any, groups_of_columns: Any) -> list[Feature]:
    """Return the groups of columns or, without groups, the columns, each a feature by itself."""
    names = list_columns(X)
    if groups_of_columns is None:
        return [(name, [position]) for position, name in enumerate(names)]
    return list(find_groups(groups_of_columns, names).items())


def draw_orders(n_rows: int, n_repeats: int, random_state: RandomStateLike) -> list[np.ndarray]:
    """Return an order of the rows for each repeat, the same as scikit-learn's function uses."""
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max + 1)
    rng = np.random.RandomState(seed)
    shuffle, order, orders = np.arange(n_rows), np.arange(n_rows), []
    for _ in range(n_repeats):
        # scikit-learn shuffles the values that it has already shuffled.
        rng.shuffle(shuffle)
        order = order[shuffle]
        orders.append(order)
    return orders


def measure_drops(
    score: Score,
    X: Any,
    features: Sequence[Feature],
    orders: Sequence[np.ndarray],
    scores: Mapping[str, float],
    n_jobs: int | None,
    verbose: int,
) -> np.ndarray:
    """Compute the drops of the scores, of shape (n_features, n_tasks, n_repeats).

    Parameters
    ----------
    score : callable
        Called with ``X``, it returns the score of every task by its name.
    X : DataFrame, ndarray or sparse matrix of shape (n_rows, n_columns)
        The features.
    features : sequence of (object, list of int)
        The features, see `list_features`.
    orders : sequence of ndarray of int of shape (n_rows,)
        The order of the rows in each repeat.
    scores : mapping of str to float
        The scores with nothing shuffled.
    n_jobs : int or None
        Number of features that are measured at the same time, in threads.
    verbose : int
        Whether to show a progress bar.
    """
    # Threads are enough, because torch releases Python's lock. They need no copies of X.
    drops = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_measure_one)(score, X, feature, orders, scores) for feature in features
    )
    bar = progress_bar(
        drops, desc="Permuting", unit="feature", total=len(features), disable=not verbose
    )
    return np.array(list(bar))


def _measure_one(
    score: Score,
    X: Any,
    feature: Feature,
    orders: Sequence[np.ndarray],
    scores: Mapping[str, float],
) -> np.ndarray:
    """Compute the drops of the scores with a feature shuffled, of shape (n_tasks, n_repeats)."""
    name, columns = feature
    try:
        # The scores without shuffling have already raised these warnings.
        with collected(UserWarning):
            found = [score(X=shuffle_columns(X, columns, order)) for order in orders]
    except Exception as error:
        error.add_note(f"This error occurred with the feature {name!r} shuffled.")
        raise
    return np.array([[score - repeat[task] for repeat in found] for task, score in scores.items()])
