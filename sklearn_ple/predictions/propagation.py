"""What follows from known labels for the latent variables of a row (expectation propagation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .clusters import find_clusters
from .margins import Margin, Moments

_MOST_SWEEPS = 10
# Sweeps over a row end when no mean moves by more than this share of a standard deviation.
_TOLERANCE = 1e-3
# After some sweeps, new sites are mixed with earlier ones, so that sweeps cannot oscillate.
_N_FREE, _SHARE_OF_NEW = 4, 0.7
# A label that was nearly impossible determines its latent variable no better than a number does.
_LEAST_VARIANCE = 1e-4
# Rows are treated in blocks of about this many entries of covariances.
_BLOCK = 2_000_000


class Sites(NamedTuple):
    """What the labels of a row say about each latent variable, as a normal density.

    Attributes
    ----------
    precision : ndarray of shape (n_rows, n_tasks)
        The precisions; 0 where nothing is known.
    shift : ndarray of shape (n_rows, n_tasks)
        The means times the precisions.
    """

    precision: np.ndarray
    shift: np.ndarray


class Belief(NamedTuple):
    """What is known of the latent variables of some rows.

    Attributes
    ----------
    mean : ndarray of shape (n_rows, n_tasks)
        Their means.
    covariance : ndarray of shape (n_rows, n_tasks, n_tasks) or (1, n_tasks, n_tasks)
        Their covariances; the first axis has length 1 if they are the same for all rows.
    others_mean, others_variance : ndarray of shape (n_rows, n_tasks)
        The means and variances that follow from the labels of all other tasks.
    """

    mean: np.ndarray
    covariance: np.ndarray
    others_mean: np.ndarray
    others_variance: np.ndarray

    def of_others(
        self, k: int, rows: np.ndarray | slice = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and variance of a task that follow from the labels of other tasks."""
        return self.others_mean[rows, k], self.others_variance[rows, k]


def infer(
    correlation: np.ndarray,
    margins: Sequence[Margin],
    labels: np.ndarray,
    sites: Sites | None = None,
    n_sweeps: int = _MOST_SWEEPS,
) -> tuple[Belief, Sites]:
    """Infer the latent variables of rows from their known labels.

    Each label is replaced by a normal density of its latent variable, its site, until the means
    and variances that follow are those of the labels themselves [1]_. For numbers this is exact
    at once.

    Parameters
    ----------
    correlation : ndarray of shape (n_tasks, n_tasks)
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
    if sites is None:
        shape, n_free = labels.shape, _N_FREE
        sites = Sites(np.zeros(shape), np.zeros(shape))
        mean, variance = np.zeros(shape), np.ones(shape)
        belief = Belief(mean, correlation[np.newaxis], mean, variance)
    else:
        belief, n_free = _combine(correlation, sites), 0
    known = [np.flatnonzero(np.isfinite(column)) for column in labels.T]
    labelled = [k for k, rows in enumerate(known) if len(rows)]
    # A row whose means no longer move is done, so that it does not depend on the others.
    active = np.isfinite(labels).any(axis=1)
    for sweep in range(n_sweeps if labelled else 0):
        moved, share = np.zeros(len(labels)), 1.0 if sweep < n_free else _SHARE_OF_NEW
        for k in labelled:
            rows = known[k][active[known[k]]]
            before = belief.of_others(k, rows)
            after = margins[k].take(rows).condition(labels[rows, k], *before)
            steps = _move_sites(sites, (rows, k), before, after, share)
            moved[rows] = np.maximum(moved[rows], steps)
        belief = _combine(correlation, sites)
        active = moved >= _TOLERANCE
        labelled = [k for k in labelled if not margins[k].is_number]
        if not labelled or not active.any():
            break
    return belief, sites


def infer_clusters(
    correlation: np.ndarray,
    margins: Sequence[Margin],
    labels: np.ndarray,
    n_sweeps: int = _MOST_SWEEPS,
    least: int = 1,
) -> Iterator[tuple[slice, np.ndarray, Belief]]:
    """Infer the latent variables of each cluster of tasks, block by block of rows.

    Parameters
    ----------
    correlation, margins, labels, n_sweeps
        As in `infer`.
    least : int, default=1
        Clusters of fewer tasks are left out.

    Yields
    ------
    rows : slice
        Some of the rows.
    tasks : ndarray of int
        The positions of the tasks of a cluster.
    belief : Belief
        What follows for these rows and tasks.
    """
    for tasks in find_clusters(correlation):
        if len(tasks) < least:
            continue
        own = correlation[np.ix_(tasks, tasks)]
        size = max(1, _BLOCK // own.size)
        for first in range(0, len(labels), size):
            rows = slice(first, first + size)
            of_rows = [margins[k].take(rows) for k in tasks]
            belief, _ = infer(own, of_rows, labels[rows, tasks], n_sweeps=n_sweeps)
            yield rows, tasks, belief


def _move_sites(
    sites: Sites,
    place: tuple[np.ndarray, int],
    before: tuple[np.ndarray, np.ndarray],
    after: Moments,
    share: float,
) -> np.ndarray:
    """Change the sites of a task in some rows; return how far their means have moved."""
    mean_before, variance_before = before
    variance = np.maximum(after.variance, _LEAST_VARIANCE)
    precision = np.maximum(1 / variance - 1 / variance_before, 0.0)
    shift = np.where(precision > 0, after.mean / variance - mean_before / variance_before, 0.0)
    moved = np.abs(shift - sites.shift[place]) / (1 + precision)
    for site, new in zip(sites, (precision, shift), strict=True):
        site[place] = share * new + (1 - share) * site[place]
    return moved


def _combine(correlation: np.ndarray, sites: Sites) -> Belief:
    """Combine the correlations with the sites.

    Rows whose sites all have the same precisions, as those of numbers without missing ones, share
    one covariance.
    """
    precision = sites.precision
    if len(precision) and (precision == precision[:1]).all():
        precision = precision[:1]
    n_tasks = len(correlation)
    inverse = np.linalg.inv(correlation) + precision[:, :, np.newaxis] * np.eye(n_tasks)
    covariance = np.linalg.inv(inverse)
    mean = (covariance @ sites.shift[:, :, np.newaxis])[..., 0]
    own = np.diagonal(covariance, axis1=1, axis2=2)
    # Labels of others never make a variance greater than 1, as it is without any; rounding might.
    left = np.maximum(1 / own - precision, 1.0)
    others = (mean / own - sites.shift) / left
    return Belief(mean, covariance, others, np.broadcast_to(1 / left, mean.shape))


def draw_latents(
    mean: np.ndarray, covariance: np.ndarray, rng: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Draw normal variables of given means and covariances, again and again.

    Parameters
    ----------
    mean, covariance : ndarray
        As in `Belief`.
    rng : RandomState
        The random state to draw from.

    Yields
    ------
    ndarray of shape (n_rows, n_tasks)
        The next draw, one vector for each row.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, np.newaxis]
    while True:
        noise = rng.standard_normal(mean.shape)
        yield mean + (root @ noise[..., np.newaxis])[..., 0]
