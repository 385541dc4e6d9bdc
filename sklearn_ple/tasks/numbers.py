"""The kinds of task whose labels are numbers."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.metrics import d2_absolute_error_score, d2_tweedie_score, make_scorer
from sklearn.utils import assert_all_finite
from torch import Tensor

from ..utils.checks import shown
from ..utils.warn import warn
from .constant import constant
from .task import Task, average_logs


def find_unit(numbers: np.ndarray) -> float:
    """Return the greatest power of two up to the largest absolute value: it divides exactly."""
    return float(np.ldexp(0.5, np.frexp(np.abs(numbers).max())[1]))


def divide(numbers: np.ndarray, unit: float) -> np.ndarray:
    """Divide numbers by a unit; finite numbers stay finite, and positive ones positive."""
    float64 = np.finfo(np.float64)
    least = np.where(numbers > 0, float64.tiny, -float64.max)
    with np.errstate(over="ignore"):
        return np.where(np.isfinite(numbers), (numbers / unit).clip(least, float64.max), numbers)


def exact(number: float) -> Tensor:
    """Return a number as a tensor; torch's exporter to ONNX rounds other numbers to float32."""
    return torch.tensor(number, dtype=torch.float64)


def ignore_unit(score: Callable[..., float]) -> Callable[..., float]:
    """Make a score work for numbers whose squares overflow or underflow.

    Parameters
    ----------
    score : callable
        A function of labels, predictions and keyword arguments. Its value must not depend on the
        unit of the labels and predictions.

    Returns
    -------
    callable
        The same function, which divides labels and predictions by the size of the labels first.
    """

    @wraps(score)
    def scaled(labels: ArrayLike, predictions: ArrayLike, **weights: Any) -> float:
        labels, predictions = (np.asarray(part, np.float64) for part in (labels, predictions))
        unit = find_unit(labels)
        return score(labels / unit, divide(predictions, unit), **weights)

    return scaled


def compute_r2(
    labels: np.ndarray, predictions: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Compute R² as scikit-learn does, whose checks may take longer than the step of a network."""
    assert_all_finite(predictions)
    mean = np.average(labels, weights=sample_weight)
    error = np.average((labels - predictions) ** 2, weights=sample_weight)
    variance = np.average((labels - mean) ** 2, weights=sample_weight)
    return 1 - error / variance if variance else float(not error)


_d2_tweedie = ignore_unit(d2_tweedie_score)


def d2_deviance_score(labels: ArrayLike, amounts: ArrayLike, **options: Any) -> float:
    """Compute D²; a prediction of 0 or less, without a deviance, counts as the least above 0."""
    return _d2_tweedie(labels, np.maximum(amounts, np.finfo(np.float64).tiny), **options)


def check_unit(name: str, unit: float) -> None:
    """Check that the unit of a task's labels is above zero."""
    if not unit > 0:
        raise ValueError(f"the unit of the task {name!r} is not above zero")


def read_levels(levels: ArrayLike) -> list[float]:
    """Check the levels of quantiles, and return them in ascending order, with the median."""
    values = np.array(levels)
    inside = values.dtype.kind == "f" and bool(((values > 0) & (values < 1)).all())
    if values.ndim != 1 or not inside:
        raise ValueError(
            "levels must be a list of numbers between 0 and 1, such as [0.1, 0.5, 0.9], not "
            f"{shown(levels)}."
        )
    return sorted({0.5, *values.tolist()})


class NumberTask(Task):
    """A task whose labels are numbers.

    Attributes
    ----------
    score_function : callable
        The function that `score` calls with labels, predictions and ``sample_weight``.
    """

    score_function: ClassVar[Any] = staticmethod(ignore_unit(compute_r2))

    def score(
        self, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Compute the score; NaN if there are fewer than two labels."""
        if len(labels) < 2:
            return float("nan")
        return float(self.score_function(labels, predictions, sample_weight=weights))

    def _warn_if_constant(self, labels: np.ndarray) -> bool:
        """Return whether the labels differ only by rounding, and warn if so."""
        low, high = float(labels.min()), float(labels.max())
        rounding = 4 * np.spacing(max(abs(low), abs(high)))
        constant = high - low <= max(rounding, np.finfo(np.float64).tiny)
        if constant:
            warn(
                f"Target {self.name!r} is constant: there is nothing to learn. Leave it out with "
                f"task_types={{{self.name!r}: 'ignore'}}. If its labels do differ, but by no more "
                "than rounding errors, subtract a constant from them first."
            )
        return constant


class Regression(NumberTask):
    """A number: the squared error of the standardised label.

    The label is standardised by its weighted mean and standard deviation.
    """

    kind = "regression"
    fits_ridge = True
    mean: float
    scale: float

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the weighted mean and standard deviation."""
        low, high = float(labels.min()), float(labels.max())
        if np.isinf(high - low):
            raise ValueError(
                f"Target {self.name!r} holds numbers from {low:g} to {high:g}, whose difference "
                "is too large for float64: divide them by a constant."
            )
        if self._warn_if_constant(labels):
            self.mean = low
            self.scale = max(min(abs(low), 1.0), high - low) or 1.0
            return self
        # Squares of numbers from 0 to 1 do not overflow, and a large mean costs no digits.
        shares = (labels - low) / (high - low)
        mean = np.average(shares, weights=weights)
        variance = np.average((shares - mean) ** 2, weights=weights)
        self.mean = float(low + (high - low) * mean)
        self.scale = float((high - low) * (np.sqrt(variance) or 1.0))
        return self

    def check_learnt(self) -> None:
        """Check that the standard deviation is above zero."""
        super().check_learnt()
        check_unit(self.name, self.scale)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Standardise the labels."""
        return (labels - self.mean) / self.scale

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the squared error.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The network's outputs. Members, rows and tasks come first: take an output by
            ``outputs[..., 0]``, not by ``outputs[:, 0]``.
        targets : Tensor of shape (...)
            The standardised labels; 0 where the label is missing, whose loss is not counted.

        Returns
        -------
        losses : Tensor of shape (...)
            The loss of each target.
        """
        return (outputs[..., 0] - targets) ** 2

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted mean of the outputs."""
        return (weights * outputs).sum(dim=0)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Undo the standardisation."""
        return outputs[:, 0] * self.scale + self.mean

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Undo the standardisation."""
        return outputs[:, 0] * exact(self.scale) + exact(self.mean)


class Quantile(Regression):
    """A number: quantiles of the standardised label, one output for each, with pinball losses.

    The loss is twice the mean of the pinball losses. For the median alone it is the absolute
    error; for many evenly spaced quantiles it approximates the continuous ranked probability
    score. Its gradient is bounded for all outputs.

    Predicted quantiles are the sorted outputs, so that they never cross. Sorting does not increase
    the loss [1]_, so the loss is computed without it.

    Parameters
    ----------
    levels : sequence of float, default=(0.05, 0.5, 0.95)
        The quantiles, each between 0 and 1, exclusive. The median, which `predict` returns, is
        added if it is not among them.

    Attributes
    ----------
    levels : list of float
        The quantiles, in ascending order.

    Raises
    ------
    ValueError
        If ``levels`` is not a list of numbers between 0 and 1.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernández-Val, A. Galichon. "Quantile and Probability Curves Without
           Crossing". Econometrica 2010.
    """

    kind = "quantile"
    words = "a number, and its range"
    metric = "d2_absolute_error_score"
    fits_ridge = False
    score_function = staticmethod(ignore_unit(d2_absolute_error_score))
    levels: list[float]

    def __init__(self, levels: Sequence[float] = (0.05, 0.5, 0.95)):
        super().__init__()
        self.levels = read_levels(levels)
        self.n_outputs = len(self.levels)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute twice the mean pinball loss."""
        levels = constant(tuple(self.levels), outputs.dtype, outputs.device)
        excess = targets.unsqueeze(-1) - outputs
        return 2 * torch.maximum(levels * excess, (levels - 1) * excess).mean(dim=-1)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted mean of each quantile."""
        return super().average(outputs.sort(dim=-1).values, weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the median."""
        return self.predict_quantiles(outputs)[:, self.levels.index(0.5)]

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the median."""
        median = outputs.sort(dim=1).values[:, self.levels.index(0.5)]
        return median * exact(self.scale) + exact(self.mean)

    def predict_quantiles(self, outputs: np.ndarray) -> np.ndarray:
        """Return all quantiles, of shape (n_rows, n_levels), in the units of the labels."""
        return np.sort(outputs, axis=1) * self.scale + self.mean


class Amount(NumberTask):
    """A number that is not negative: the output is the logarithm of its mean.

    The unit of that mean is the weighted mean of the training labels.
    """

    words = "an amount"
    lowest = 0.0
    mean: float

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the weighted mean of the labels."""
        self._check(labels)
        self._warn_if_constant(labels)
        self.mean = self._mean(labels, weights)
        return self

    def check_learnt(self) -> None:
        """Check that the mean is above zero."""
        super().check_learnt()
        check_unit(self.name, self.mean)

    @staticmethod
    def _mean(labels: np.ndarray, weights: np.ndarray) -> float:
        """Compute the weighted mean without overflow; 1 if there is no label other than 0."""
        if not labels.any():
            return 1.0
        unit = find_unit(labels)
        return float(np.average(labels / unit, weights=weights)) * unit

    def _check(self, labels: np.ndarray) -> None:
        if labels.min(initial=0.0) < 0:
            raise ValueError(
                f"Target {self.name!r} is of kind {self.kind!r} but holds {labels.min():g}: its "
                "labels must not be negative. Set task_types to 'regression' for it."
            )

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Divide the labels by their mean."""
        self._check(labels)
        return labels / self.mean

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logarithm of the mean of the members' predictions."""
        return average_logs(outputs, weights)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predicted mean, in the units of the labels."""
        return self._amount(outputs[:, 0])

    def _amount(self, logs: np.ndarray) -> np.ndarray:
        """Compute amounts from logarithms in units of the mean, within the positive floats."""
        with np.errstate(over="ignore", under="ignore"):
            amounts = np.exp(logs) * self.mean
        return amounts.clip(np.nextafter(0, 1, dtype=logs.dtype), np.finfo(logs.dtype).max)

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the predicted mean, in the units of the labels."""
        return self._traced_amount(outputs[:, 0])

    def _traced_amount(self, logs: Tensor) -> Tensor:
        """Compute what `_amount` returns with torch operations only."""
        return torch.minimum(logs.exp() * exact(self.mean), exact(np.finfo(np.float64).max))


class Count(Amount):
    """A count: Poisson regression, whose output is the logarithm of the rate."""

    kind = "count"
    words = "a count"
    metric = make_scorer(d2_deviance_score, power=1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute half the Poisson deviance, which is zero if the rate equals the label."""
        log_rate = outputs[..., 0]
        return log_rate.exp() - targets * log_rate + targets.xlogy(targets) - targets

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return the mean: the variance of a Poisson, up to a factor for overdispersion."""
        return means
