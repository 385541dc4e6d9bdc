"""A probe of the numbers: how the labels depend on them, by kernel regressions of some rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .bins import cut_evenly, standardise_labels
from .left_out import compute_left_out

# Fewer rows show nothing, and more cost time.
_LEAST_ROWS, _ROWS = 50, 600
_BINS = 16
# Factor of the encoding: bins count more than the numbers, so that their effect shows.
_SHARE = 3.0
# Embeddings are left out if the error grows by so many standard errors.
_CLEAR = 4.0
# Interactions count if they reduce the error of additive functions to this share or less, by so
# many standard errors.
_WORTH, _LIKELY = 0.9, 2.0
# Where more of the variance than this is not explained, most of it may be noise.
_UNEXPLAINED = 0.7
# With fewer rows for each column, redundant columns invite overfitting.
_ROWS_OF_COLUMN = 20
# Numbers beyond so many deviations would outweigh all others.
_FARTHEST = 5.0
# Penalties of the kernel regressions, in units of the mean eigenvalue.
_PENALTIES = 10.0 ** np.arange(-4, 3)
_LEAST_FREE = 1e-9


class Findings(NamedTuple):
    """What a probe of the numbers has found.

    Attributes
    ----------
    plain : bool
        Whether the labels are clearly learnt better without embeddings of the numbers.
    interactions : bool
        Whether much of the labels clearly depends on interactions of the columns, and the rows
        are many enough to learn these without dropout.
    """

    plain: bool = False
    interactions: bool = False


def probe_numbers(
    numbers: np.ndarray, targets: np.ndarray, weights: np.ndarray, n_classes: Sequence[int]
) -> Findings:
    """Find out how the labels depend on the numbers.

    Embeddings by bins help where a target jumps or bends along a column. Many smooth columns that
    belong together, such as the pixels of an image or a spectrum, are better read as they are.
    And where columns act together, a network has much to learn that an additive function has not.

    In its first steps a wide network is a kernel regression, with the neural tangent kernel [1]_.
    Two of these are fitted to the same rows, one to the numbers alone and one with their
    piecewise-linear encoding too; and two ridge regressions, which are additive functions. The
    logarithm of the ratio of two leave-one-out errors, in the mean over the tasks' outputs, is
    compared with its standard error over the rows.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        The standardised columns, without missing values.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, which are 0 for missing labels.
    n_classes : sequence of int
        Number of classes of each task; 0 for a task with numbers.

    Returns
    -------
    Findings
        ``plain`` if the encoding raises the error of the kernel regression by more than four
        standard errors. ``interactions`` if the better kernel regression has an error of at most
        nine tenths of the better ridge regression's, less by more than two standard errors,
        explains 30 % of the variance, and there are 20 rows for each column. Neither if fewer than
        50 rows have labels.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler. "Neural Tangent Kernel: Convergence and Generalization
           in Neural Networks". NeurIPS 2018.

    Examples
    --------
    A wave along one of eight columns is additive, the product of two columns is not:

    >>> import numpy as np
    >>> from sklearn_ple.encoding.probe import probe_numbers
    >>> X = np.random.default_rng(0).uniform(-2, 2, (300, 8))
    >>> y = np.sin(5 * X[:, :1])
    >>> probe_numbers(X, y, np.ones((300, 1)), n_classes=[0])
    Findings(plain=False, interactions=False)
    >>> y = X[:, :1] * X[:, 1:2]
    >>> probe_numbers(X, y, np.ones((300, 1)), n_classes=[0]).interactions
    True
    """
    rows = np.flatnonzero(weights.any(axis=1))
    has_many = len(rows) >= _ROWS_OF_COLUMN * numbers.shape[1]
    rows = np.random.default_rng(0).permutation(rows)[:_ROWS]
    if len(rows) < _LEAST_ROWS:
        return Findings()
    targets, weights = targets[rows], weights[rows]
    outputs = standardise_labels(targets, weights, n_classes)
    there = (weights > 0).repeat([max(1, n - 1) for n in n_classes], axis=1)
    varied = outputs.any(axis=0)
    outputs, there = outputs[:, varied], there[:, varied]
    plain = numbers[rows].astype(np.float64).clip(-_FARTHEST, _FARTHEST)
    encoded = _add_encoding(plain)
    kernels = [compute_tangent_kernel(features) for features in (plain, encoded)]
    before, after = (compute_errors(kernel, outputs, there) for kernel in kernels)
    change, error = _compare(before, after)
    found = Findings(plain=bool(change > _CLEAR * error))
    if not has_many:
        return found
    products = [features @ features.T for features in (plain, encoded)]
    additive = [compute_errors(kernel, outputs, there) for kernel in products]
    joint, alone = (min(pair, key=_average) for pair in ([before, after], additive))
    change, error = _compare(joint, alone)
    clear = change > max(_LIKELY * error, -np.log(_WORTH))
    variances = np.where(there, outputs**2, 0.0)
    unexplained = _average(joint) - _average(variances)
    return found._replace(interactions=bool(clear and unexplained < np.log(_UNEXPLAINED)))


def _average(errors: np.ndarray) -> float:
    """Return the mean, over the outputs, of the logarithms of the errors."""
    return float(np.log(errors.mean(axis=0)).mean())


def _compare(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return by how much the logarithm of the errors grows, and the standard error over rows."""
    # How much each row contributes to the logarithms.
    shares = (after / after.mean(axis=0) - before / before.mean(axis=0)).mean(axis=1)
    return _average(after) - _average(before), shares.std() / len(shares) ** 0.5


def _add_encoding(numbers: np.ndarray) -> np.ndarray:
    """Add to the numbers how far each is into each bin of its column, from 0 to 1."""
    parts = [numbers]
    for column in numbers.T:
        edges = cut_evenly(column, _BINS)
        fractions = (column[:, None] - edges[:-1]) / np.diff(edges)
        # The size of the encoding does not grow with the number of bins.
        parts.append(_SHARE * fractions.clip(0, 1) / np.sqrt(len(edges) - 1))
    return np.hstack(parts)


def compute_errors(kernel: np.ndarray, outputs: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Compute squared leave-one-out errors, with the best penalty of each output.

    Parameters
    ----------
    kernel : ndarray of shape (n_rows, n_rows)
        The kernel of the rows, which is not centred.
    outputs : ndarray of shape (n_rows, n_outputs)
        The standardised labels.
    there : ndarray of bool of shape (n_rows, n_outputs)
        Whether there is a label.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        The errors; 0 where there is no label.
    """
    kernel = kernel + kernel.mean() - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None]
    values, vectors = np.linalg.eigh(kernel)
    values, errors = values.clip(min=0), []
    for penalty in _PENALTIES * values.mean():
        left_out = compute_left_out(vectors, values, outputs, penalty, _LEAST_FREE)
        # An error of zero has no logarithm.
        errors.append(np.where(there, np.maximum(left_out**2, 1e-12), 0.0))
    best = np.argmin([each.sum(axis=0) for each in errors], axis=0)
    return np.stack(errors)[best, :, np.arange(outputs.shape[1])].T


def compute_tangent_kernel(features: np.ndarray) -> np.ndarray:
    """Compute the neural tangent kernel of a wide network with one hidden layer of ReLU.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        The features, to which a constant of 1 is added.

    Returns
    -------
    ndarray of shape (n_rows, n_rows)
        Twice the expected product of the gradients of two rows' outputs, for standard normal
        weights.
    """
    products = features @ features.T + 1
    sizes = np.sqrt(np.diag(products))
    sizes = np.outer(sizes, sizes)
    cosines = (products / sizes).clip(-1, 1)
    share = 1 - np.arccos(cosines) / np.pi
    hidden = sizes * (np.sqrt(1 - cosines**2) / np.pi + share * cosines)
    return hidden + products * share
