"""What known labels tell about the latent variables of a row, by expectation propagation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .margins import Margin

_MOST_SWEEPS = 10
# Sweeps end when no mean moves by more than this share of a standard deviation.
_TOLERANCE = 1e-3
# From the third sweep, new sites are mixed with earlier ones, so that sweeps cannot oscillate.
_SHARE_OF_NEW = 0.7
# A label that was nearly impossible tells its latent variable no better than a number does.
_LEAST_VARIANCE = 1e-4


class Sites(NamedTuple):
    """What the labels of a row tell about each latent variable, as a normal density.

    Attributes
    ----------
    precision : ndarray of shape (n_rows, n_latents)
        The precisions; 0 where nothing is known.
    shift : ndarray of shape (n_rows, n_latents)
        The means times the precisions.
    """

    precision: np.ndarray
    shift: np.ndarray


class Belief(NamedTuple):
    """What is known of the latent variables of some rows.

    Attributes
    ----------
    mean : ndarray of shape (n_rows, n_latents)
        Their means.
    covariance : ndarray of shape (n_rows, n_latents, n_latents)
        Their covariances.
    others : list of tuple of ndarray
        For each task the means and covariances of its latent variables, of shape (n_rows, size)
        and (n_rows, size, size), that follow from the labels of all other tasks.
    """

    mean: np.ndarray
    covariance: np.ndarray
    others: list[tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of_nothing(cls, n_rows: int, correlation: np.ndarray, slices: Sequence[slice]) -> Belief:
        """Return what is known without any label."""
        mean = np.zeros((n_rows, len(correlation)))
        covariance = np.broadcast_to(correlation, (n_rows, *correlation.shape))
        return cls(mean, covariance, [(mean[:, k], covariance[:, k, k]) for k in slices])


def find_slices(margins: Sequence[Margin]) -> list[slice]:
    """Return which latent variables belong to each task."""
    ends = np.cumsum([margin.n_latents for margin in margins]).tolist()
    pairs = zip(ends, margins, strict=True)
    return [slice(end - margin.n_latents, end) for end, margin in pairs]


def infer(
    correlation: np.ndarray,
    margins: Sequence[Margin],
    labels: np.ndarray,
    sites: Sites | None = None,
    n_sweeps: int = _MOST_SWEEPS,
) -> tuple[Belief, Sites]:
    """Infer the latent variables of rows from their known labels.

    The labels of each task are replaced by normal densities of its latent variables, its sites,
    until the means and variances that follow are those of the labels themselves [1]_. For numbers
    this is exact at once.

    Parameters
    ----------
    correlation : ndarray of shape (n_latents, n_latents)
        The correlations of the latent variables given the features.
    margins : sequence of Margin
        The predictive distributions of the tasks in these rows.
    labels : ndarray of shape (n_rows, n_tasks)
        Positions of classes, or numbers; NaN where a label is not known.
    sites : Sites, optional
        Sites to start from; by default nothing is known.
    n_sweeps : int
        Most sweeps over the tasks.

    Returns
    -------
    belief : Belief
        What follows for the latent variables.
    sites : Sites
        The sites.

    References
    ----------
    .. [1] T. P. Minka. "Expectation Propagation for Approximate Bayesian Inference". UAI 2001.
    """
    slices = find_slices(margins)
    if sites is None:
        belief = Belief.of_nothing(len(labels), correlation, slices)
        sites = Sites(np.zeros_like(belief.mean), np.zeros_like(belief.mean))
        n_free = 2
    else:
        belief, n_free = _combine(correlation, sites, slices), 0
    known = [np.flatnonzero(np.isfinite(column)) for column in labels.T]
    telling = [k for k, rows in enumerate(known) if len(rows) and margins[k].n_latents]
    at_once = all(margins[k].is_number for k in telling)
    for sweep in range(1 if at_once else n_sweeps):
        moved = 0.0
        for k in telling:
            rows, part = known[k], slices[k]
            share = 1.0 if sweep < n_free else _SHARE_OF_NEW
            before = [array[rows] for array in belief.others[k]]
            after = margins[k].take(rows).tilt(labels[rows, k], *before)
            moved = max(moved, _tell(sites, rows, part, before, after, share))
        if moved < _TOLERANCE:
            break
        belief = _combine(correlation, sites, slices)
    return belief, sites


def _tell(
    sites: Sites,
    rows: np.ndarray,
    part: slice,
    before: Sequence[np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    share: float,
) -> float:
    """Change the sites of a task in some rows; return how far a mean has moved."""
    mean, variance = before[0], np.diagonal(before[1], axis1=1, axis2=2)
    told = np.maximum(after[1], _LEAST_VARIANCE)
    precision = np.maximum(1 / told - 1 / variance, 0.0)
    shift = np.where(precision > 0, after[0] / told - mean / variance, 0.0)
    moved = np.abs(shift - sites.shift[rows, part]) / (1 + precision)
    for site, new in zip(sites, (precision, shift), strict=True):
        site[rows, part] = share * new + (1 - share) * site[rows, part]
    return float(moved.max())


def _combine(correlation: np.ndarray, sites: Sites, slices: Sequence[slice]) -> Belief:
    """Combine the correlations with the sites.

    As for a Gaussian process, no precision of a site needs to be inverted.
    """
    root = np.sqrt(sites.precision)[:, :, np.newaxis]
    scaled = root * correlation
    inner = np.eye(len(correlation)) + scaled * np.swapaxes(root, 1, 2)
    covariance = correlation - np.swapaxes(scaled, 1, 2) @ np.linalg.solve(inner, scaled)
    mean = (covariance @ sites.shift[:, :, np.newaxis])[..., 0]
    others = [_leave_out(mean[:, k], covariance[:, k, k], sites, k) for k in slices]
    return Belief(mean, covariance, others)


def _leave_out(
    mean: np.ndarray, covariance: np.ndarray, sites: Sites, part: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariances of a task's latent variables without its own sites.

    Labels of others never make a variance greater than 1, which it is without any; rounding might.
    """
    precision, shift = sites.precision[:, part], sites.shift[:, part]
    if mean.shape[1] == 1:
        left = np.maximum(1 / covariance[..., 0] - precision, 1.0)
        return (mean / covariance[..., 0] - shift) / left, (1 / left)[..., np.newaxis]
    inverse = np.linalg.inv(covariance)
    shift = inverse @ mean[..., np.newaxis] - shift[..., np.newaxis]
    places = np.arange(mean.shape[1])
    inverse[:, places, places] -= precision
    outer = np.linalg.inv(inverse)
    variances = outer[:, places, places]
    wrong = ((variances <= 0) | (variances > 1 + 1e-6)).any(axis=1)
    if wrong.any():
        values, vectors = np.linalg.eigh(inverse[wrong])
        scaled = vectors / np.maximum(values, 1.0)[:, np.newaxis]
        outer[wrong] = scaled @ np.swapaxes(vectors, 1, 2)
    return (outer @ shift)[..., 0], outer


def draw_latents(
    mean: np.ndarray, covariance: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Draw normal variables of given means and covariances, one vector for each row."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, np.newaxis]
    noise = rng.standard_normal(mean.shape)
    return mean + (root @ noise[..., np.newaxis])[..., 0]
