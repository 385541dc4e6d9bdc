"""The choice of the scale on which positive numbers are learnt: their own, or a logarithm."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from ..tables.frames import take_rows
from ..tables.labels import Labels
from ..tables.reading import Features
from ..utils.warn import collected, warn
from .features import FeatureEncoder
from .left_out import compute_left_out
from .targets import TargetEncoder

# Of fewer labels, a few extreme ones decide which scale seems better.
_LEAST_LABELS = 200
# So many rows are enough, and keep the choice cheap.
_MOST_ROWS = 1000
# Columns of more categories are not looked at.
_MOST_CODES = 50
# With a smaller standard deviation of the logarithms, both scales are nearly the same.
_LEAST_SPREAD = 0.5
# A clear gain, in the logarithm of the likelihood of a label.
_LEAST_GAIN = 0.45
# This share of the labels on either side counts as equal to the next one, so that wild ones do not
# decide.
_EXTREME = 0.01
_PENALTIES = (1.0, 10.0, 100.0, 1000.0)
_LEAST_FREE = 0.05
# Degrees of freedom of the errors: nearly normal, but a wild error does not decide alone.
_DEGREES = 10
_FARTHEST = 10.0


def choose_scales(
    targets: TargetEncoder,
    labels: Sequence[Labels],
    weights: np.ndarray,
    features: Features,
    sample: Sequence[Labels] | None = None,
) -> None:
    """Turn tasks of numbers whose kind is open into the kind "log", where it is clearly better.

    Warnings name the tasks whose inferred kind may be wrong: one for logarithms, and one for
    numbers that may be classes.

    The scale is that of Box and Cox [1]_ with the greater likelihood of the errors, of which only
    the number itself and its logarithm are compared: the errors of ridge regressions of either, in
    rows that are left out, one at a time. Both predict the mean, so that only the way changes.

    Parameters
    ----------
    targets : TargetEncoder
        The fitted encoder, whose tasks are replaced.
    labels : sequence of Labels
        The columns of y.
    weights : ndarray of shape (n_rows, n_tasks)
        The weights of the labels.
    features : DataFrame, sparse matrix or None
        The features, as `read_features` returns them. With None, no kind changes.
    sample : sequence of Labels, optional
        The labels of the rows of the features; by default ``labels``.

    References
    ----------
    .. [1] G. E. P. Box, D. R. Cox. "An Analysis of Transformations". Journal of the Royal
           Statistical Society, Series B 1964.
    """
    sample, logs, doubted = sample or labels, [], {}
    for k, column in enumerate(labels):
        if not targets.has_open_scale(k):
            continue
        if features is not None and _is_better(sample[k], column, features):
            targets.replace(k, "log", column, weights[column.mask, k])
            logs.append(column.name)
        elif targets.family is None and (held := column.describe_doubt()):
            doubted[column.name] = held
    _warn_of_logs(logs)
    _warn_of_doubts(doubted)


def _is_better(column: Labels, whole: Labels, features: Features) -> bool:
    """Return whether logarithms are clearly better for the labels of a column."""
    if len(column.observed) < _LEAST_LABELS or whole.observed.min() <= 0:
        return False
    there = np.flatnonzero(column.mask)
    rows = np.arange(0, len(there), -(-len(there) // _MOST_ROWS))
    logs = np.log(column.observed[rows].astype(np.float64))
    if np.std(logs) < _LEAST_SPREAD:
        return False
    ends = np.quantile(logs, [_EXTREME, 1 - _EXTREME], method="closest_observation")
    numbers = np.exp(logs.clip(*ends) - logs.mean())
    columns = _encode(take_rows(features, there[rows]))
    return compute_gain(columns, numbers) >= _LEAST_GAIN


def compute_gain(columns: np.ndarray, numbers: np.ndarray) -> float:
    """Compute by how much logarithms are better: the gain in log-likelihood of a label.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        Standardised features.
    numbers : ndarray of shape (n_rows,)
        Positive labels.

    Returns
    -------
    float
        The mean difference of the log densities of the labels.
    """
    columns = columns - columns.mean(axis=0)
    # With fewer rows than columns, the smaller of both products has all that is needed.
    if columns.shape[1] < len(columns):
        basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
        squares = sizes**2
    else:
        squares, basis = np.linalg.eigh(columns @ columns.T)
    logs = np.log(numbers)
    of_logs, of_numbers = (
        max(_measure(basis, squares.clip(min=0), labels, penalty) for penalty in _PENALTIES)
        for labels in (logs, numbers)
    )
    return of_logs - logs.mean() - of_numbers


def _measure(basis: np.ndarray, squares: np.ndarray, labels: np.ndarray, penalty: float) -> float:
    """Compute the mean log-likelihood of labels by the errors of a ridge regression.

    They are those of Student's t distribution of the scale that fits best.
    """
    errors = compute_left_out(basis, squares, labels[:, np.newaxis], penalty, _LEAST_FREE)[:, 0]
    scale = np.median(np.abs(errors)) or np.abs(errors).max() or 1.0
    for _ in range(30):
        counts = (_DEGREES + 1) / (_DEGREES + (errors / scale) ** 2)
        scale = np.sqrt(np.mean(counts * errors**2)) or scale
    tails = (_DEGREES + 1) / 2 * np.log1p((errors / scale) ** 2 / _DEGREES)
    constant = gammaln((_DEGREES + 1) / 2) - gammaln(_DEGREES / 2)
    constant -= np.log(np.pi * _DEGREES) / 2
    return float(constant - np.log(scale) - tails.mean())


def _encode(features: Features) -> np.ndarray:
    """Return standardised numbers, and an indicator of each category of columns of few."""
    # The encoder of the network warns of the same columns.
    with collected():
        encoder = FeatureEncoder(dtype="float64").learn(features)
        numbers, codes = encoder.transform(features)
    numbers = numbers if isinstance(numbers, np.ndarray) else numbers.toarray()
    sizes = zip(codes.T, encoder.cardinalities_, strict=True)
    indicators = [np.eye(n)[column] for column, n in sizes if n <= _MOST_CODES]
    return np.hstack([numbers.clip(-_FARTHEST, _FARTHEST), *indicators])


def _warn_of_logs(names: list[str]) -> None:
    """Warn once of all logarithms that are learnt, and name the kind that avoids them."""
    if not names:
        return
    several = len(names) > 1
    who = f"Targets {names} are" if several else f"Target {names[0]!r} is"
    what = "their logarithms are learnt" if several else "its logarithm is learnt"
    warn(
        f"{who} positive with errors in proportion to size: {what}, and the mean predicted. To "
        f"confirm this, pass task_types={dict.fromkeys(names, 'log')}; 'regression' learns the "
        "numbers themselves."
    )


def _warn_of_doubts(doubted: dict[str, str]) -> None:
    """Warn once of all numbers that are treated as a regression, but may be classes."""
    if not doubted:
        return
    names, (held, *others) = list(doubted), dict.fromkeys(doubted.values())
    several = len(names) > 1
    who = f"Targets {names} hold" if several else f"Target {names[0]!r} holds"
    what = "whole numbers" if others else held
    warn(
        f"{who} {what} and {'are' if several else 'is'} treated as a regression. To confirm this, "
        f"pass task_types={dict.fromkeys(names, 'regression')}. Otherwise pass 'multiclass', "
        "'ordinal', 'count' or 'quantile' instead."
    )
