"""A probe of the numbers: whether their labels are learnt better without embeddings."""

from collections.abc import Sequence

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
# Numbers beyond so many deviations would outweigh all others.
_FARTHEST = 5.0
# Penalties of the kernel regressions, in units of the mean eigenvalue.
_PENALTIES = 10.0 ** np.arange(-4, 3)
_LEAST_FREE = 1e-9


def are_better_plain(
    numbers: np.ndarray, targets: np.ndarray, weights: np.ndarray, n_classes: Sequence[int]
) -> bool:
    """Return whether the labels are clearly learnt better without embeddings of the numbers.

    Embeddings by bins help where a target jumps or bends along a column. Many smooth columns that
    belong together, such as the pixels of an image or a spectrum, are better read as they are.

    In its first steps a wide network is a kernel regression, with the neural tangent kernel [1]_.
    Two of these are fitted to the same rows, one to the numbers alone and one with their
    piecewise-linear encoding too. The logarithm of the ratio of their leave-one-out errors, in the
    mean over the tasks' outputs, is compared with its standard error over the rows.

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
    bool
        Whether the error with the encoding is greater by more than four standard errors. False if
        fewer than 50 rows have labels.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler. "Neural Tangent Kernel: Convergence and Generalization
           in Neural Networks". NeurIPS 2018.

    Examples
    --------
    A wave along one of eight columns, which bins follow, but a plain network does not:

    >>> import numpy as np
    >>> from sklearn_ple.encoding.probe import are_better_plain
    >>> X = np.random.default_rng(0).uniform(-2, 2, (300, 8))
    >>> y = np.sin(5 * X[:, :1])
    >>> are_better_plain(X, y, np.ones((300, 1)), n_classes=[0])
    False
    """
    rows = np.flatnonzero(weights.any(axis=1))
    rows = np.random.default_rng(0).permutation(rows)[:_ROWS]
    if len(rows) < _LEAST_ROWS:
        return False
    targets, weights = targets[rows], weights[rows]
    outputs = standardise_labels(targets, weights, n_classes)
    there = (weights > 0).repeat([max(1, n - 1) for n in n_classes], axis=1)
    varied = outputs.any(axis=0)
    outputs, there = outputs[:, varied], there[:, varied]
    plain = numbers[rows].astype(np.float64).clip(-_FARTHEST, _FARTHEST)
    before = compute_errors(plain, outputs, there)
    after = compute_errors(_add_encoding(plain), outputs, there)
    change = np.log(after.mean(axis=0) / before.mean(axis=0)).mean()
    # How much each row contributes to the logarithms.
    shares = (after / after.mean(axis=0) - before / before.mean(axis=0)).mean(axis=1)
    return bool(change > _CLEAR * shares.std() / np.sqrt(len(rows)))


def _add_encoding(numbers: np.ndarray) -> np.ndarray:
    """Add to the numbers how far each is into each bin of its column, from 0 to 1."""
    parts = [numbers]
    for column in numbers.T:
        edges = cut_evenly(column, _BINS)
        fractions = (column[:, None] - edges[:-1]) / np.diff(edges)
        # The size of the encoding does not grow with the number of bins.
        parts.append(_SHARE * fractions.clip(0, 1) / np.sqrt(len(edges) - 1))
    return np.hstack(parts)


def compute_errors(features: np.ndarray, outputs: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Compute squared leave-one-out errors, with the best penalty of each output.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        What the kernel is computed from.
    outputs : ndarray of shape (n_rows, n_outputs)
        The standardised labels.
    there : ndarray of bool of shape (n_rows, n_outputs)
        Whether there is a label.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        The errors; 0 where there is no label.
    """
    kernel = compute_tangent_kernel(features)
    kernel += kernel.mean() - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None]
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
