"""The jackknife of a score: what it would be without some of the rows."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata
from sklearn import config_context

from ..predictions.task_view import TaskClassifierView
from ..utils.warn import collected
from .scores import choose_metric, make_task_scorer
from .views import Metric, ScoredTask, to_plain_array

#: Number of blocks of rows, each of which is left out in turn.
N_BLOCKS = 20


def deal_blocks(
    scored: ScoredTask, groups: np.ndarray | None, rng: np.random.RandomState
) -> np.ndarray:
    """Deal the rows of a task to blocks of about equal size.

    Each class is dealt evenly; a group of rows stays together.

    Parameters
    ----------
    scored : ScoredTask
        The task.
    groups : ndarray of shape (n_rows,) or None
        The group of each row.
    rng : RandomState
        The source of random numbers.

    Returns
    -------
    blocks : ndarray of int of shape (n_rows,)
        The number of each row's block; -1 without a label.
    """
    there = scored.labels.notna().to_numpy()
    if scored.weights is not None:
        there = there & (scored.weights > 0)
    rows, blocks = np.flatnonzero(there), np.full(len(there), -1)
    units = np.arange(len(rows))
    if groups is not None:
        units = np.unique(groups[rows], return_inverse=True)[1]
    order = rng.permutation(units.max(initial=-1) + 1)
    if groups is None and scored.classes is not None:
        labels = to_plain_array(scored.labels.iloc[rows])
        order = order[np.argsort(labels[order], kind="stable")]
    dealt = np.empty(len(order), dtype=int)
    dealt[order] = np.arange(len(order)) % N_BLOCKS
    blocks[rows] = dealt[units]
    return blocks


def compute_pseudo_values(
    scored: ScoredTask, metric: Metric, score: float, blocks: np.ndarray
) -> np.ndarray:
    """Compute the pseudo-values of a score, whose mean is about the score.

    With n blocks, that of a block is n times the score of all rows minus n - 1 times that of all
    rows but the block. Their variance divided by n estimates the variance of the score over draws
    of the rows. For ROC AUC and blocks of single rows this is DeLong's estimate.

    Parameters
    ----------
    scored : ScoredTask
        The task and its predictions.
    metric : str, callable or None
        The metric; None for that of the task's kind.
    score : float
        The score of all rows.
    blocks : ndarray of int of shape (n_rows,)
        The result of `deal_blocks`.

    Returns
    -------
    values : ndarray of shape (n_blocks,)
        The pseudo-values; NaN if there are too few rows for one of them.
    """
    scored, rows = scored.encode(), np.flatnonzero(blocks >= 0)
    n_blocks = blocks.max(initial=-1) + 1
    unknown = np.full(N_BLOCKS, np.nan)
    if np.isnan(score) or n_blocks < N_BLOCKS:
        return unknown
    labels, weights = to_plain_array(scored.labels.iloc[rows]), scored.weights
    metric = choose_metric(scored, labels) if metric is None else metric
    score_rows: Callable[..., float] = make_task_scorer(scored, metric)
    if isinstance(metric, str) and metric == "roc_auc" and weights is None:
        score_rows = _compute_auc
    without = []
    try:
        # What is to be said has been said of the score of all rows.
        with collected(), config_context(assume_finite=True, skip_parameter_validation=True):
            for block in range(n_blocks):
                kept = blocks[rows] != block
                options = {} if weights is None else {"sample_weight": weights[rows[kept]]}
                without.append(score_rows(scored.view, rows[kept], labels[kept], **options))
    except (TypeError, ValueError, ZeroDivisionError):
        return unknown
    return n_blocks * score - (n_blocks - 1) * np.array(without, dtype=float)


def _compute_auc(view: TaskClassifierView, rows: np.ndarray, labels: np.ndarray) -> float:
    """Compute the ROC AUC of two classes by ranks, a hundred times as fast as scikit-learn's."""
    is_second = labels == view.classes_[1]
    n, n_second = len(labels), int(is_second.sum())
    ranks = rankdata(view.predict_proba(rows)[:, 1])[is_second]
    n_pairs = n_second * (n - n_second)
    return (ranks.sum() - n_second * (n_second + 1) / 2) / n_pairs if n_pairs else np.nan
