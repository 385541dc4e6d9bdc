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


def find_reach(scores, level):
    """Return the quantile of scores that a new one exceeds with the probability 1 - level."""
    return np.sort(scores)[min(int(np.ceil(level * (len(scores) + 1))), len(scores)) - 1]


def follow(values, x, y):
    """Follow broken lines, one for each task; return the logarithms of the slopes, too."""
    line, slope = np.empty_like(values), np.empty_like(values)
    for k in range(values.shape[-1]):
        place = np.clip(np.searchsorted(x[k], values[..., k]) - 1, 0, len(x[k]) - 2)
        slope[..., k] = (np.diff(y[k]) / np.diff(x[k]))[place]
        line[..., k] = y[k][place] + slope[..., k] * (values[..., k] - x[k][place])
    return line, np.log(slope).sum(axis=-1)


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
        self.found, self.volumes = found, np.logaddexp.accumulate(-found) - np.log(N_POINTS)

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
        count = np.searchsorted(-self.found, -densities, side="right")
        return np.concatenate([[-np.inf], self.volumes])[count]

    def measure_ball(self, radius):
        """Return the logarithm of the volume of what is a ball of independent normal variables."""
        points, volume = draw_in_ball(N_POINTS, len(self.root), self.rng)
        slopes = follow(radius * points @ self.root.T, self.knots, self.lines)[1]
        volume += np.log(radius * np.diag(self.root)).sum()
        return volume + logsumexp(slopes - np.log(N_POINTS))


def nearest(draws, labels):
    """Return the distances of labels of each row from the nearest draw."""
    return np.linalg.norm(draws - labels[:, np.newaxis], axis=2).min(axis=1)


def measure_balls(draws, radius, rng):
    """Estimate the volumes of balls together: a point of several balls counts once."""
    some = np.unique(np.linspace(0, len(draws) - 1, N_UNIONS).astype(int))
    found = []
    for own, size in zip(draws[some], np.broadcast_to(radius, len(draws))[some], strict=True):
        points, volume = draw_in_ball(N_IN_UNION, own.shape[1], rng)
        points = size * points + own[rng.randint(len(own), size=N_IN_UNION)]
        inside = np.maximum((cdist(points, own) <= size).sum(axis=1), 1)
        found.append(volume + own.shape[1] * np.log(size) + np.log(len(own) * (1 / inside).mean()))
    return np.array(found)


def compare(known, new, density, level):
    """Calibrate each method on known rows; return who of new rows is inside, and logs of volumes.

    CopulaCPTS takes the same share of the errors for all tasks. C-PCP scores labels farther from
    the draws than all other draws by how many times as far they are.
    """
    rng = np.random.RandomState(0)

    def judge(score, measure):
        reach = find_reach(score(known), level)
        return score(new) <= reach, measure(reach)

    def ends(rows):
        return np.quantile(rows.draws, [(1 - level) / 2, (1 + level) / 2], axis=1)

    def beyond(rows):
        low, high = ends(rows)
        return np.maximum(low - rows.labels, rows.labels - high).max(axis=1)

    def widths(reach):
        low, high = ends(new)
        return np.log(np.maximum(high - low + 2 * reach, 1e-9)).sum(axis=1)

    first, second = (Rows(*(part[start::2] for part in known)) for start in (0, 1))
    greatest = np.sort(np.abs(first.labels - first.predicted), axis=0)

    def ranks(rows):
        pairs = zip(greatest.T, np.abs(rows.labels - rows.predicted).T, strict=True)
        return np.max([np.searchsorted(*pair) for pair in pairs], axis=0)

    place = min(find_reach(ranks(second), level), len(greatest) - 1)

    def dense(rows):
        errors = (rows.draws - rows.predicted[:, np.newaxis]) / rows.deviations[:, np.newaxis]
        found = density.of(errors.reshape(-1, errors.shape[2])).reshape(errors.shape[:2])
        best = np.argsort(-found, axis=1)[:, : int(level * found.shape[1])]
        return np.take_along_axis(rows.draws, best[:, :, np.newaxis], axis=1)

    def distances(rows):
        pairs = zip(rows.draws, rows.others, strict=True)
        return np.sort([cdist(*pair).min(axis=0) for pair in pairs], axis=1)

    def shares(rows):
        own, of_others = nearest(rows.draws, rows.labels), distances(rows)
        found = (of_others < own[:, np.newaxis]).mean(axis=1)
        return np.where(found < 1, found, own / of_others[:, -1])

    def radius(reach):
        found = distances(new)
        return found[:, min(int(reach * found.shape[1]), found.shape[1] - 1)] * max(1, reach)

    return {
        "M-CP": judge(beyond, widths),
        "CopulaCPTS": (ranks(new) <= place, np.log(2 * greatest[place]).sum() + 0 * new.scale),
        "DR-CP": judge(
            lambda rows: rows.scale - density.of(rows.errors),
            lambda reach: density.measure(new.scale - reach) + new.scale,
        ),
        # Densities of rows differ by a factor alone: so does what a share of the draws exceeds.
        "C-HDR": judge(
            lambda rows: -density.of(rows.errors),
            lambda reach: density.measure(-reach) + new.scale,
        ),
        "L-CP": judge(
            lambda rows: np.linalg.norm(density.whiten(rows.errors)[0], axis=1),
            lambda reach: density.measure_ball(reach) + new.scale,
        ),
        "PCP": judge(
            lambda rows: nearest(rows.draws, rows.labels),
            lambda reach: measure_balls(new.draws, reach, rng),
        ),
        "HD-PCP": judge(
            lambda rows: nearest(dense(rows), rows.labels),
            lambda reach: measure_balls(dense(new), reach, rng),
        ),
        "C-PCP": judge(shares, lambda reach: measure_balls(new.draws, radius(reach), rng)),
    }
