"""Regions for all numbers of a row [1]_, from the predictions and draws of a network.

A region holds the labels whose score is at most a reach, the conformal quantile of the scores of
other rows. Labels are in standard deviations. Where a method needs a density, it is that of the
network's copula: errors over deviations are broken lines of normal variables, with few knots.

.. [1] V. Dheur et al. "A Unified Comparative Study with Generalized Conformity Scores for
       Multi-Output Conformal Regression". ICML 2025.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import gammaln, logsumexp

LEVEL = 0.9
KNOTS = np.linspace(-2, 2, 9)
N_POINTS = 4_000
#: Rows whose unions of balls are measured, and points for each.
N_UNIONS, N_IN_UNION = 100, 50


class Rows(NamedTuple):
    """Labels and predictions of rows, and two sets of draws, (n_rows, n_draws, n_tasks)."""

    labels: np.ndarray
    predicted: np.ndarray
    deviations: np.ndarray
    draws: np.ndarray
    others: np.ndarray

    @property
    def scale(self):
        """The logarithm of the factor from volumes of standardised errors to those of labels."""
        return np.log(self.deviations).sum(axis=1)

    @property
    def errors(self):
        return (self.labels - self.predicted) / self.deviations


def find_reach(scores):
    """Return the quantile of scores that a new one exceeds with the probability 1 - LEVEL."""
    return np.sort(scores)[min(int(np.ceil(LEVEL * (len(scores) + 1))), len(scores)) - 1]


def follow(values, x, y):
    """Follow broken lines, one for each task; return the logarithms of the slopes, too."""
    line, slope = np.empty_like(values), np.empty_like(values)
    for k, column in enumerate(values.T):
        place = np.clip(np.searchsorted(x[k], column) - 1, 0, len(KNOTS) - 2)
        slope[:, k] = (np.diff(y[k]) / np.diff(x[k]))[place]
        line[:, k] = y[k][place] + slope[:, k] * (column - x[k][place])
    return line, np.log(slope).sum(axis=1)


def draw_in_ball(n_points, n_tasks, rng):
    """Draw points of a ball of radius 1; return the logarithm of its volume, too."""
    points = rng.normal(size=(n_points, n_tasks))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points *= rng.rand(n_points, 1) ** (1 / n_tasks)
    return points, n_tasks / 2 * np.log(np.pi) - gammaln(n_tasks / 2 + 1)


class Density:
    """The density of standardised errors by the copula of a network."""

    def __init__(self, model, errors, positions):
        correlation = model._copula.correlation[np.ix_(positions, positions)]
        self.root, self.rng = np.linalg.cholesky(correlation), np.random.RandomState(0)
        lines = [errors[k].from_normal(KNOTS) for k in positions]
        # Equal errors would have an infinite density.
        self.lines = [line + 1e-3 * (line[-1] - line[0]) * KNOTS for line in lines]
        self.knots = [KNOTS] * len(lines)
        latents = self.rng.normal(size=(N_POINTS, len(lines))) @ self.root.T
        found = np.sort(self.of(follow(latents, self.knots, self.lines)[0]))[::-1]
        volumes = np.logaddexp.accumulate(-found) - np.log(N_POINTS)
        self.found, self.volumes = found, np.append(-np.inf, volumes)

    def whiten(self, errors):
        """Return independent normal variables, and the logarithms of the slopes."""
        latents, slopes = follow(errors, self.lines, self.knots)
        return solve_triangular(self.root, latents.T, lower=True).T, slopes

    def of(self, errors):
        """Return the logarithms of the densities."""
        white, slopes = self.whiten(errors)
        constant = np.log(np.diag(self.root)).sum() + len(self.root) / 2 * np.log(2 * np.pi)
        return slopes - (white**2).sum(axis=1) / 2 - constant

    def measure(self, densities):
        """Return the logarithms of the volumes in which the density is greater."""
        return self.volumes[np.searchsorted(-self.found, -densities, side="right")]

    def measure_ball(self, radius):
        """Return the logarithm of the volume of what is a ball of independent normal variables."""
        points, volume = draw_in_ball(N_POINTS, len(self.root), self.rng)
        slopes = follow(radius * points @ self.root.T, self.knots, self.lines)[1]
        volume += np.log(radius * np.diag(self.root)).sum()
        return volume + logsumexp(slopes - np.log(N_POINTS))


def around(draws, labels, rng):
    """Return the distances of labels from the nearest draw, and what measures unions of balls."""

    def measure(radius):
        some = np.unique(np.linspace(0, len(draws) - 1, N_UNIONS).astype(int))
        found = []
        for own, size in zip(draws[some], np.broadcast_to(radius, len(draws))[some], strict=True):
            points, volume = draw_in_ball(N_IN_UNION, own.shape[1], rng)
            points = size * points + own[rng.randint(len(own), size=N_IN_UNION)]
            # A point of several balls counts once.
            share = (1 / np.maximum((cdist(points, own) <= size).sum(axis=1), 1)).mean()
            found.append(volume + own.shape[1] * np.log(size) + np.log(len(own) * share))
        return np.array(found)

    return np.linalg.norm(draws - labels[:, np.newaxis], axis=2).min(axis=1), measure


# -- methods: the scores of rows, and what returns the logarithms of volumes for a reach ----------


def m_cp(rows, density, rng):
    low, high = np.quantile(rows.draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    scores = np.maximum(low - rows.labels, rows.labels - high).max(axis=1)
    return scores, lambda reach: np.log(np.maximum(high - low + 2 * reach, 1e-9)).sum(axis=1)


def dr_cp(rows, density, rng):
    scores = rows.scale - density.of(rows.errors)
    return scores, lambda reach: density.measure(rows.scale - reach) + rows.scale


def c_hdr(rows, density, rng):
    """Densities of rows differ by a factor alone: so does what a share of the draws exceeds."""
    return -density.of(rows.errors), lambda reach: density.measure(-reach) + rows.scale


def l_cp(rows, density, rng):
    scores = np.linalg.norm(density.whiten(rows.errors)[0], axis=1)
    return scores, lambda reach: density.measure_ball(reach) + rows.scale


def pcp(rows, density, rng):
    return around(rows.draws, rows.labels, rng)


def hd_pcp(rows, density, rng):
    errors = (rows.draws - rows.predicted[:, np.newaxis]) / rows.deviations[:, np.newaxis]
    found = density.of(errors.reshape(-1, errors.shape[2])).reshape(errors.shape[:2])
    best = np.argsort(-found, axis=1)[:, : int(LEVEL * found.shape[1])]
    return around(np.take_along_axis(rows.draws, best[..., np.newaxis], 1), rows.labels, rng)


def c_pcp(rows, density, rng):
    """Labels farther from the draws than all others score how many times as far they are."""
    own, measure = around(rows.draws, rows.labels, rng)
    pairs = zip(rows.draws, rows.others, strict=True)
    others = np.sort([cdist(*pair).min(axis=0) for pair in pairs], axis=1)
    shares, last = (others < own[:, np.newaxis]).mean(axis=1), others.shape[1] - 1
    return (
        np.where(shares < 1, shares, own / others[:, -1]),
        lambda reach: measure(others[:, min(int(reach * (last + 1)), last)] * max(1, reach)),
    )


def copula_cpts(known, new):
    """Take the same share of the errors for all tasks, found on one half of the known rows."""
    errors = np.sort(np.abs(known.labels - known.predicted)[::2], axis=0)

    def rank(rows):
        pairs = zip(errors.T, np.abs(rows.labels - rows.predicted).T, strict=True)
        return np.max([np.searchsorted(*pair) for pair in pairs], axis=0)

    place = min(find_reach(rank(known)[1::2]), len(errors) - 1)
    return rank(new) <= place, np.log(2 * errors[place]).sum() + 0 * new.scale


METHODS = {"M-CP": m_cp, "DR-CP": dr_cp, "C-HDR": c_hdr, "L-CP": l_cp}
METHODS |= {"PCP": pcp, "HD-PCP": hd_pcp, "C-PCP": c_pcp}


def compare(known, new, density):
    """Calibrate all methods on known rows; return which new rows are inside, and the volumes."""
    rng, found = np.random.RandomState(0), {"CopulaCPTS": copula_cpts(known, new)}
    for name, method in METHODS.items():
        scores, measure = method(new, density, rng)
        reach = find_reach(method(known, density, rng)[0])
        found[name] = scores <= reach, measure(reach)
    return found
