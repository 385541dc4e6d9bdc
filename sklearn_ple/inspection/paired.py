"""Gains of models over a reference, with intervals, from paired scores and paired rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ..metrics.jackknife import N_BLOCKS


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
            rows = None
        else:
            own, other = (
                paired.values.loc[name].loc[task].reindex(gains.index)
                for name in (model, reference)
            )
            rows = _covary(own - other, paired.shared)
        found.append(_judge(gains.to_numpy(), rows, confidence, overlap))
    columns = ["mean", "low", "high", "chance"]
    return pairs.join(pd.DataFrame(found, columns=columns, dtype=float))


def _covary(differences: pd.DataFrame, shared: pd.DataFrame) -> np.ndarray | None:
    """Estimate how the gains of the repeats vary together over draws of their test rows."""
    deviations = differences.std(axis=1) / np.sqrt(differences.shape[1])
    if deviations.isna().any() or deviations.empty:
        return None
    part = shared.loc[differences.index, differences.index].to_numpy()
    return part * np.outer(deviations, deviations)


def _judge(
    gains: np.ndarray, rows: np.ndarray | None, confidence: float, overlap: float
) -> tuple[float, ...]:
    """Return the mean gain, the ends of its interval, and the chance that it is above zero."""
    n, freedom = len(gains), np.inf
    if not n:
        return (np.nan,) * 4
    mean, spread = gains.mean(), gains.var(ddof=1) if n > 1 else np.nan
    if n < 2 or rows is None:
        variance, freedom = spread * (1 / n + overlap), n - 1
    else:
        of_rows, n_free = rows.mean(), n * (N_BLOCKS - 1)
        # What repeats differ by beyond the chance of their rows is due to their trainings.
        by_chance = np.diag(rows).mean() - (rows.sum() - np.trace(rows)) / (n * (n - 1))
        of_trainings = max(spread - by_chance, 0.0) * (1 / n + overlap)
        variance = of_rows + of_trainings
        # Welch and Satterthwaite.
        parts = of_rows**2 / (n_free) + of_trainings**2 / (n - 1)
        if parts:
            freedom = variance**2 / parts
    error = np.sqrt(variance)
    half = error * stats.t.ppf((1 + confidence) / 2, freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / error if mean else 0.0 * error
    return mean, mean - half, mean + half, float(stats.t.cdf(ratio, freedom))
