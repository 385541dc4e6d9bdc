"""The weights of estimators in a blend, learnt from out-of-fold predictions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.stats import entropy

# Numbers of labels with which the best weights count as much as what they are shrunk towards: of
# a task, and of all tasks together.
_OF_TASK, _OF_ALL = 300, 100
_LEAST_PROBABILITY = 1e-6


class Evidence(NamedTuple):
    """Out-of-fold predictions of the labels of one task.

    Attributes
    ----------
    predictions : ndarray of shape (n_estimators, n_labels)
        For numbers the predictions of the estimators, for classes the probabilities that they give
        the label.
    labels : ndarray of shape (n_labels,) or None
        The numbers; None for classes.
    weights : ndarray of shape (n_labels,)
        The weights of the labels.
    unit : float
        The loss of the best constant prediction.
    """

    predictions: np.ndarray
    labels: np.ndarray | None
    weights: np.ndarray
    unit: float

    @classmethod
    def of_numbers(
        cls, predictions: np.ndarray, labels: np.ndarray, weights: np.ndarray
    ) -> "Evidence":
        """Return the evidence of predicted numbers, whose loss is the squared error."""
        if not len(labels):
            return cls(predictions, labels, weights, 1.0)
        mean = np.average(labels, weights=weights)
        return cls(predictions, labels, weights, np.average((labels - mean) ** 2, weights=weights))

    @classmethod
    def of_classes(
        cls, probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> "Evidence":
        """Return the evidence of probabilities of all classes, whose loss is the log loss.

        Their shape is (n_estimators, n_labels, n_classes).
        """
        codes = codes.astype(int)
        found = probabilities[:, np.arange(len(codes)), codes].clip(_LEAST_PROBABILITY)
        return cls(found, None, weights, float(entropy(np.bincount(codes, weights))))

    def compute_loss(self, mix: np.ndarray) -> tuple[float, np.ndarray]:
        """Compute the mean loss of a weighted mean in units, and its gradient by the weights."""
        shares = self.weights / self.weights.sum() / (self.unit or 1.0)
        mean = mix @ self.predictions
        if self.labels is None:
            return -shares @ np.log(mean), -self.predictions @ (shares / mean)
        errors = mean - self.labels
        return shares @ errors**2, 2 * self.predictions @ (shares * errors)


def learn_weights(evidence: Sequence[Evidence]) -> np.ndarray:
    """Learn the weights of the estimators for each task.

    The best weights are not negative, sum to 1 and minimise the loss of the weighted mean: stacked
    regressions, as of Breiman [1]_ and, for classes, of Ting and Witten [2]_. But few labels would
    favour an estimator by chance. So the best weights of a task with n labels count n / (n + 300),
    and the weights of all tasks together count the rest. These minimise the mean of the losses;
    with N labels in all they count N / (N + 100), and equal weights the rest.

    Parameters
    ----------
    evidence : sequence of Evidence
        The out-of-fold predictions of each task.

    Returns
    -------
    ndarray of shape (n_tasks, n_estimators)
        The weights of the estimators.

    References
    ----------
    .. [1] L. Breiman. "Stacked Regressions". Machine Learning 24, 1996.
    .. [2] K. M. Ting, I. H. Witten. "Issues in Stacked Generalization". Journal of Artificial
           Intelligence Research 10, 1999.
    """
    n_estimators = len(evidence[0].predictions)
    labelled = [part for part in evidence if part.predictions.shape[1]]
    equal = np.full(n_estimators, 1 / n_estimators)
    together = _shrink(labelled, equal, _OF_ALL)
    return np.array([_shrink([part], together, _OF_TASK) for part in evidence])


def _shrink(evidence: Sequence[Evidence], prior: np.ndarray, credibility: int) -> np.ndarray:
    """Return the best weights of some tasks, shrunk towards others by the number of labels."""
    n_labels = sum(len(part.weights) for part in evidence)
    if not n_labels or len(prior) == 1:
        return prior
    share = n_labels / (n_labels + credibility)
    return share * _minimise(evidence, n_labels) + (1 - share) * prior


def _minimise(evidence: Sequence[Evidence], n_labels: int) -> np.ndarray:
    """Return the weights with the least mean loss over the labels of some tasks."""

    def compute_loss(mix: np.ndarray) -> tuple[float, np.ndarray]:
        parts = [(len(part.weights) / n_labels, part.compute_loss(mix)) for part in evidence]
        losses, gradients = zip(*((n * loss, n * grad) for n, (loss, grad) in parts), strict=True)
        return sum(losses), np.sum(gradients, axis=0)

    n_estimators = len(evidence[0].predictions)
    found = minimize(
        compute_loss,
        np.full(n_estimators, 1 / n_estimators),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * n_estimators,
        constraints={"type": "eq", "fun": lambda mix: mix.sum() - 1},
    ).x.clip(0)
    return found / found.sum()
