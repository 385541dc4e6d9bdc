"""Errors of ridge regressions, of rows or of a kernel, in each row that is left out in turn."""

import numpy as np


def compute_left_out(
    basis: np.ndarray, squares: np.ndarray, labels: np.ndarray, penalty: float, least_free: float
) -> np.ndarray:
    """Compute the errors of a ridge regression with an intercept, each without the own row.

    Parameters
    ----------
    basis : ndarray of shape (n_rows, n_directions)
        Left singular vectors of the centred columns, or eigenvectors of the centred kernel.
    squares : ndarray of shape (n_directions,)
        Squares of the singular values, or the eigenvalues.
    labels : ndarray of shape (n_rows, n_outputs)
        The labels.
    penalty : float
        The penalty, above zero.
    least_free : float
        Least of one minus the leverage of a row, so that no row that the fit nearly reproduces has
        an unbounded error.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        The labels minus their predictions.

    Examples
    --------
    Without columns, the prediction is the mean of the other rows:

    >>> import numpy as np
    >>> from sklearn_ple.encoding.left_out import compute_left_out
    >>> labels = np.array([[0.0], [3.0], [6.0]])
    >>> compute_left_out(np.zeros((3, 1)), np.zeros(1), labels, 1.0, 1e-9)
    array([[-4.5],
           [ 0. ],
           [ 4.5]])
    """
    shares = squares / (squares + penalty)
    centred = labels - labels.mean(axis=0)
    fitted = basis @ (shares[:, np.newaxis] * (basis.T @ centred))
    # The mean has a leverage of 1 / n_rows.
    free = 1 - basis**2 @ shares - 1 / len(labels)
    return (centred - fitted) / np.maximum(free, least_free)[:, np.newaxis]
