"""Amounts that are sums of a random number of amounts, often none: claims, rain, sales."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer
from torch import Tensor

from ..utils.constraints import NumberInterval, check_arguments
from .numbers import Amount, d2_deviance_score


class Tweedie(Amount):
    """An amount that may be zero: Tweedie regression, whose output is the logarithm of the mean.

    The label is modelled as the sum of a Poisson number of gamma amounts, whose variance is
    proportional to a power of the mean [1]_. With a power near 1 the distribution is close to a
    Poisson, near 2 to a gamma. The loss is half the deviance, as in generalised linear models.

    Parameters
    ----------
    power : float, default=1.5
        The power of the mean, between 1 and 2, exclusive.

    Raises
    ------
    ValueError
        If ``power`` is not a number between 1 and 2.

    References
    ----------
    .. [1] B. Jørgensen. "Exponential Dispersion Models". Journal of the Royal Statistical Society,
           Series B 1987.
    """

    kind = "tweedie"
    words = "an amount that may be zero"

    @check_arguments(power=[NumberInterval(Real, 1, 2, closed="neither")])
    def __init__(self, power: float = 1.5):
        super().__init__()
        self.power = float(power)

    @property
    def metric(self) -> Any:
        """D²: the share of the Tweedie deviance that is explained."""
        return make_scorer(d2_deviance_score, power=self.power)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute half the Tweedie deviance, which is zero if the mean equals the label."""
        log_mean, p = outputs[..., 0], self.power
        of_mean = ((2 - p) * log_mean).exp() / (2 - p)
        of_both = targets * ((1 - p) * log_mean).exp() / (p - 1)
        return of_mean + of_both - targets ** (2 - p) / ((p - 1) * (2 - p))

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return the mean to the given power, in units of the labels' mean."""
        return (means / self.mean) ** self.power
