"""Predictive distributions of tasks, and labels that are drawn from their latent variables."""

import numpy as np
from scipy import stats

from sklearn_ple.predictions.errors import StandardisedErrors
from sklearn_ple.predictions.margins import NumberMargin, OrderedMargin
from sklearn_ple.tasks import Regression

GRID = stats.norm.ppf((np.arange(4001) + 0.5) / 4001)
ERRORS = StandardisedErrors.standardise(GRID, np.ones(4001), np.ones(4001))


def make_number(n_rows):
    return NumberMargin(np.zeros(n_rows), np.ones(n_rows), ERRORS, Regression())


def make_binary(n_rows, p=0.4):
    return OrderedMargin(np.tile([1 - p, p], (n_rows, 1)), np.arange(2))


def make_classes(n_rows, order=(1, 2, 0)):
    return OrderedMargin(np.tile([0.5, 0.3, 0.2], (n_rows, 1)), np.array(order), is_free=True)


def make_correlation(seed, n, strength=0.9):
    factors = np.random.RandomState(seed).normal(size=(n, 2))
    factors *= strength / np.linalg.norm(factors, axis=1, keepdims=True)
    return factors @ factors.T + np.diag(1 - (factors**2).sum(axis=1))


def draw_labels(margins, latents):
    """Draw labels of margins from latent variables."""
    pairs = zip(margins, latents.T, strict=True)
    return np.column_stack([margin.draw(column) for margin, column in pairs])
