"""Regression for labels with outliers."""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..utils.constraints import POSITIVE, check_arguments
from .numbers import Quantile, Regression

# Distance between the quartiles of a normal distribution, in standard deviations.
_QUARTILE_RANGE = 1.3489795


class Huber(Regression):
    """A number whose labels may be outliers: the Huber loss of the standardised label.

    The loss is the squared error up to an error of ``delta`` and grows linearly beyond [1]_. The
    gradient of an outlier is thus no greater than that of an error of ``delta``. Labels are
    standardised by their median and quartiles, which a few outliers hardly change.

    Parameters
    ----------
    delta : float, default=1.345
        Error beyond which the loss is linear, in standard deviations of the normal distribution
        that has the quartiles of the labels. With the default, the mean of normal labels is
        estimated with 95 % of the efficiency of squared errors.

    Raises
    ------
    ValueError
        If ``delta`` is not a finite number above 0.

    References
    ----------
    .. [1] P. J. Huber. "Robust Estimation of a Location Parameter". Annals of Mathematical
           Statistics 1964.
    """

    kind = "huber"
    words = "a number with outliers"
    metric = Quantile.metric
    fits_ridge = False
    score_function = staticmethod(Quantile.score_function)

    @check_arguments(delta=[POSITIVE])
    def __init__(self, delta: float = 1.345):
        super().__init__()
        self.delta = float(delta)

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the median and the scale: the standard deviation if the quartiles are equal."""
        super().fit(labels, weights, classes)
        low, middle, high = np.quantile(
            labels.astype(np.float64), [0.25, 0.5, 0.75], weights=weights, method="inverted_cdf"
        )
        self.mean = float(middle)
        # Otherwise the quartiles differ only by rounding, and the standard deviation is kept.
        if high - low > 4 * np.spacing(max(abs(low), abs(high))):
            self.scale = float(high - low) / _QUARTILE_RANGE
        return self

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute twice the Huber loss: the squared error, for errors up to ``delta``."""
        size = (outputs[..., 0] - targets).abs()
        return torch.where(size <= self.delta, size**2, self.delta * (2 * size - self.delta))
