"""Gains of models over a reference, with intervals, from paired scores and paired rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ..metrics.jackknife import N_BLOCKS

# The test rows of a fold train the models of the others. In simulations, the variance of the mean
# gain is 0.9 to 1.6 times what draws of the test rows alone would lead to.
_OF_TRAININGS = 1.3

# If chance makes folds differ as much as they do more rarely, other rows are not the only reason.
_RARE = 0.01


@dataclass(frozen=True, eq=False)
class PairedRows:
    """What the test rows of the folds say about each score.

    Attributes
    ----------
    values : DataFrame of shape (n_scores, n_blocks)
        The pseudo-values of each score (see `metrics.jackknife`), with the index ``model``,
        ``task``, ``repeat``. All models have the same blocks of rows.
    shared : DataFrame of shape (n_repeats, n_repeats)
        Which part of their test rows two repeats share.
    """

    values: pd.DataFrame
    shared: pd.DataFrame


def compute_gains(
    scores: pd.DataFrame,
    reference: str,
    confidence: float,
    overlap: float = 0.0,
    paired: PairedRows | None = None,
) -> pd.DataFrame:
    """Compute mean and interval of the paired differences from the reference.

    Parameters
    ----------
    scores : DataFrame
        The columns ``model``, ``task``, ``repeat`` and ``score``.
    reference : str
        The model that the others are compared with.
    confidence : float
        The confidence of the intervals.
    overlap : float, default=0.0
        The number of test rows for each training row.
    paired : PairedRows, default=None
        What the rows say; without, the differences between repeats decide alone.

    Returns
    -------
    gains : DataFrame
        The columns ``model``, ``task``, ``mean``, ``low``, ``high`` and ``chance``, that of a true
        gain above zero.
    """
    table = scores.pivot(index="repeat", columns=["model", "task"], values="score")
    pairs = scores[["model", "task"]].drop_duplicates()
    # Where the reference has no score, nobody gains over it.
    known = pairs["task"][pairs["model"] == reference]
    pairs = pairs[(pairs["model"] != reference) & pairs["task"].isin(known)].reset_index(drop=True)
    found = []
    for model, task in pairs.itertuples(index=False):
        gains = (table[(model, task)] - table[(reference, task)]).dropna()
        if paired is None:
            estimate = _estimate_by_folds(gains.to_numpy(), overlap)
        else:
            own, other = (
                paired.values.loc[name].loc[task].reindex(gains.index)
                for name in (model, reference)
            )
            shared = paired.shared.loc[gains.index, gains.index].to_numpy()
            estimate = _estimate_by_rows(gains.to_numpy(), own - other, shared, overlap)
        found.append(_judge(gains.to_numpy(), *estimate, confidence))
    columns = ["mean", "low", "high", "chance"]
    return pairs.join(pd.DataFrame(found, columns=columns, dtype=float))


def _judge(
    gains: np.ndarray, variance: float, freedom: float, confidence: float
) -> tuple[float, ...]:
    """Return the mean gain, the ends of its interval, and the chance that it is above zero."""
    if not len(gains):
        return (np.nan,) * 4
    mean, error = gains.mean(), np.sqrt(variance)
    half = error * stats.t.ppf((1 + confidence) / 2, freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / error if mean else 0.0 * error
    return mean, mean - half, mean + half, float(stats.t.cdf(ratio, freedom))


def _estimate_by_folds(gains: np.ndarray, overlap: float) -> tuple[float, float]:
    """Estimate the variance of the mean gain as Nadeau and Bengio; return degrees of freedom."""
    n = len(gains)
    return (gains.var(ddof=1) * (1 / n + overlap) if n > 1 else np.nan), n - 1


def _estimate_by_rows(
    gains: np.ndarray, values: pd.DataFrame, shared: np.ndarray, overlap: float
) -> tuple[float, float]:
    """Estimate the variance of the mean gain from test rows; return degrees of freedom."""
    n, by_folds = len(gains), _estimate_by_folds(gains, overlap)
    deviations = values.std(axis=1).to_numpy() / np.sqrt(N_BLOCKS)
    if n < 2 or np.isnan(deviations).any():
        return by_folds
    covariance, freedom = shared * np.outer(deviations, deviations), n * (N_BLOCKS - 1)
    variance = _OF_TRAININGS * covariance.mean()
    repeats = _number_repeats(shared)
    n_repeats = repeats[-1] + 1
    if n_repeats == n:
        return variance, freedom
    average = np.eye(n_repeats)[:, repeats]
    average /= average.sum(axis=1, keepdims=True)
    means = average @ gains
    spread = ((gains - means[repeats]) ** 2).sum() / (n - n_repeats)
    if spread > stats.f.isf(_RARE, n - n_repeats, freedom) * np.diag(covariance).mean():
        return by_folds
    if n_repeats > 1:
        # The part of the variance that is due to how rows are dealt to folds becomes smaller.
        by_chance = average @ covariance @ average.T
        dealing = means.var(ddof=1) - _compute_spread(by_chance)
        variance = max(variance - max(dealing, 0.0) * (1 - 1 / n_repeats), variance / 2)
    return variance, freedom


def _number_repeats(shared: np.ndarray) -> np.ndarray:
    """Return the number of the repeat of each fold; a repeat is folds without common rows."""
    numbers, first = np.zeros(len(shared), dtype=int), 0
    for fold in range(1, len(shared)):
        if shared[fold, first:fold].any():
            first = fold
        numbers[fold] = numbers[fold - 1] + (first == fold)
    return numbers


def _compute_spread(covariance: np.ndarray) -> float:
    """Compute the expected variance between numbers of this covariance and of equal means."""
    n, trace = len(covariance), np.trace(covariance)
    return float((trace - (covariance.sum() - trace) / (n - 1)) / n)
