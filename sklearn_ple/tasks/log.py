"""Positive numbers whose logarithms are learnt, such as costs, prices and times."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.special import logsumexp
from torch import Tensor

from .numbers import Regression, exact, read_levels
from .task import average_logs

# Errors count as no further from their median than so many standard deviations.
_GREATEST = 4.0
# The mean of fewer exponentiated errors is hardly better than none.
_LEAST_LABELS = 10
# Errors of earlier rows count as those of at most so many labels.
_MOST_BEFORE = 1000
# Distance between the quartiles of a normal distribution, in standard deviations.
_QUARTILE_RANGE = 1.3489795
# The logarithms of the least and the greatest positive float.
_SMALLEST, _LARGEST = (float(np.log(x)) for x in (np.nextafter(0, 1), np.finfo(np.float64).max))


class Log(Regression):
    """A positive number: the squared error of its standardised logarithm.

    The prediction is the mean of the number, not the exponential function of the mean logarithm,
    which is about the median. The latter is multiplied by the mean of the exponentiated errors,
    which is known as smearing [1]_. The errors are those of rows that the network was not trained
    on, or of training rows if there are no others. Errors of more than four standard deviations,
    as the quartiles estimate them, count as four, so that no single row decides. Predictions stay
    within the range of the labels: far away from them, the exponential function of a line would
    soon be larger than any.

    Standard deviations and intervals are found for logarithms, too, so that the ends of intervals
    are above zero and in proportion to the prediction.

    Parameters
    ----------
    levels : sequence of float, default=(0.05, 0.5, 0.95)
        The quantiles that ``predict_quantiles`` returns, each between 0 and 1, exclusive: the
        prediction times quantiles of the same errors. The median is added if it is not among them.

    Attributes
    ----------
    levels : list of float
        The quantiles, in ascending order.
    least, greatest : float
        The logarithms of the least and the greatest known label.
    smearing : float
        The logarithm of the mean of the exponentiated errors; 0 until errors are known.
    ends : ndarray of shape (n_levels,)
        The quantiles of the errors, in logarithms.
    n_errors : int
        Number of labels by which the errors are known.

    Raises
    ------
    ValueError
        If ``levels`` is not a list of numbers between 0 and 1.

    References
    ----------
    .. [1] N. Duan. "Smearing Estimate: A Nonparametric Retransformation Method". Journal of the
           American Statistical Association 78, 1983.
    """

    kind = "log"
    words = "a positive number, by its logarithm"
    log_scale = True
    lowest = 0.0
    levels: list[float]
    least: float
    greatest: float
    smearing: float
    ends: np.ndarray
    n_errors: int

    def __init__(self, levels: Sequence[float] = (0.05, 0.5, 0.95)):
        super().__init__()
        self.levels = read_levels(levels)

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the weighted mean and standard deviation of the logarithms."""
        logs = self._take_logs(labels)
        super().fit(logs, weights, classes)
        self.least, self.greatest = float(logs.min()), float(logs.max())
        self.smearing, self.ends, self.n_errors = 0.0, np.zeros(len(self.levels)), 0
        return self

    def check_learnt(self) -> None:
        """Check that there is a quantile of the errors for each level."""
        super().check_learnt()
        if np.shape(self.ends) != (len(self.levels),):
            raise ValueError(f"the task {self.name!r} does not have a quantile for each level")

    def _take_logs(self, labels: np.ndarray) -> np.ndarray:
        labels = labels.astype(np.float64)
        if labels.min(initial=np.inf) <= 0:
            raise ValueError(
                f"Target {self.name!r} is of kind {self.kind!r} but holds {labels.min():g}: its "
                "labels must be above zero. Set task_types to 'hurdle' if many are zero, else to "
                "'tweedie' or 'regression'."
            )
        return np.log(labels)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Standardise the logarithms of the labels; later ones of 0 or less count as the least."""
        labels = labels.astype(np.float64)
        return super().encode(np.log(np.where(labels > 0, labels, np.exp(self.least))))

    @property
    def group(self) -> tuple:
        """Values that tasks must share for their losses to be computed together."""
        return (*super().group, self.scale)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logarithm of the mean of the members' predictions."""
        return average_logs(outputs * self.scale, weights) / self.scale

    def learn_errors(
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, adds: bool = False
    ) -> None:
        """Learn the mean and the quantiles of the errors, unless they are too few."""
        logs = targets * self.scale + self.mean
        self.least = min(self.least, float(logs.min()))
        self.greatest = max(self.greatest, float(logs.max()))
        if len(targets) < _LEAST_LABELS:
            return
        errors = logs - super().predict(outputs)
        levels = [0.25, 0.5, 0.75, *self.levels]
        found = np.quantile(errors, levels, weights=weights, method="inverted_cdf")
        (low, middle, high), ends = np.split(found, [3])
        bound = _GREATEST * (float(high - low) / _QUARTILE_RANGE or float(errors.std()))
        shifts, shares = (errors - middle).clip(-bound, bound), weights / weights.sum()
        smearing = float(middle + logsumexp(shifts, b=shares))
        n_before = min(self.n_errors, _MOST_BEFORE) if adds else 0
        self.n_errors = n_before + len(targets)
        share = len(targets) / self.n_errors
        self.smearing += share * (smearing - self.smearing)
        self.ends = self.ends + share * (ends - self.ends)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predicted mean."""
        return np.exp((super().predict(outputs) + self.smearing).clip(self.least, self.greatest))

    def predict_quantiles(self, outputs: np.ndarray) -> np.ndarray:
        """Return all quantiles, of shape (n_rows, n_levels), in the units of the labels."""
        # Quantiles are those of a mean within the range of the labels.
        ends = np.log(self.predict(outputs))[:, np.newaxis] + self.ends - self.smearing
        return np.exp(ends.clip(_SMALLEST, _LARGEST))

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the predicted mean."""
        logs = super().traced_predict(outputs) + exact(self.smearing)
        return logs.clamp(self.least, self.greatest).exp()
