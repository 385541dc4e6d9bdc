"""What every kind of task has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from torch import Tensor

from ..warn import warn


class Task(ABC):
    """A kind of task: how one column of labels is learnt, predicted and scored.

    `fit` learns classes or scale from a column's labels. After that, `encode` turns labels into
    targets, on which the network's outputs have a `loss`, and `predict` turns outputs back into
    labels. The ``task_types`` of an estimator name a kind, or hold an object of its class; every
    fit makes a copy of the object and fits it anew.

    Attributes
    ----------
    kind : str
        Name of the kind.
    words : str, default="a number"
        What a report calls the kind.
    has_classes : bool, default=False
        Whether labels are classes; of a `ClassTask` they are.
    censored : bool, default=False
        Whether a negative label says that the number is greater than its absolute value.
    linear_start : bool, default=False
        Whether ridge regression of the targets starts the linear path of the network, which it
        should only where each output predicts the target itself, as by squared error.
    lowest : float, default=-inf
        The least number that there can be, at which intervals end.
    name : str
        Name of the column; empty until an estimator is fitted.
    classes : ndarray or None
        The sorted class labels; None where labels are numbers.
    n_outputs : int
        Number of outputs that the network has for the task. It is 1 if neither ``__init__`` nor
        `fit` sets another.
    added : bool, default=False
        Whether ``add_task`` added it to a fitted estimator.

    See Also
    --------
    NumberTask : Base of the kinds whose labels are numbers.
    ClassTask : Base of the kinds whose labels are classes.

    Notes
    -----
    A new kind is a subclass with a name, `kind`. It must write `fit`, `encode`, `loss`, `average`,
    `predict` and `score`, unless it takes them from another:

    - a subclass of `NumberTask` has `score`;
    - a subclass of `ClassTask` has `fit`, `encode` and `score`, and must also write
      ``predict_proba`` and ``decision_function``;
    - a subclass of a kind of this package has all that it does not write itself.

    A kind with ``levels`` and ``predict_quantiles``, which returns an array of shape (n_rows,
    n_levels), has a part in the estimators' ``predict_quantiles``; one with ``predict_survival``,
    which takes times too and returns an array of shape (n_rows, n_times), in theirs of that name.

    `words`, `metric`, `censored`, `has_errors`, `linear_start` and, of numbers, `variance` and
    `lowest` are optional. So is `group`, unless `loss` or `average` depend on more than the class
    and `n_outputs`, such as an option: these two methods are called once for all neighbouring
    columns of one group, on the first one's task.

    `traced_predict` and, of classes, ``traced_predict_proba`` are optional too: files of ONNX hold
    the kinds that have them.

    Options are parameters of ``__init__``, which calls that of the base first.

    Examples
    --------
    A number whose logarithm is learnt, by squared error:

    >>> import numpy as np
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.tasks import Regression
    >>> class Log(Regression):
    ...     kind = "log"
    ...     words = "a number, by its logarithm"
    ...
    ...     def fit(self, labels, weights, classes):
    ...         return super().fit(np.log1p(labels), weights, classes)
    ...
    ...     def encode(self, labels):
    ...         return super().encode(np.log1p(labels))
    ...
    ...     def predict(self, outputs):
    ...         return np.expm1(super().predict(outputs))
    >>> cost = np.array([0.0, 3.0, 15.0])
    >>> task = Log().fit(cost, weights=np.ones(3), classes=None)
    >>> targets = task.encode(cost)
    >>> targets.round(2)
    array([-1.22,  0.  ,  1.22])
    >>> task.predict(targets[:, np.newaxis]).round(2)
    array([ 0.,  3., 15.])

    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> model = PLERegressor(task_types={"y": Log()}, max_epochs=1, n_members=1).fit(X, cost)
    >>> model.task_types_
    {'y': 'log'}
    """

    kind: ClassVar[str]
    words: ClassVar[str] = "a number"
    has_classes: ClassVar[bool] = False
    censored: ClassVar[bool] = False
    linear_start: ClassVar[bool] = False
    lowest: ClassVar[float] = -np.inf
    added: bool = False

    def __init__(self) -> None:
        self.name = ""
        self.classes: Any = None
        self.n_outputs = 1

    @property
    def metric(self) -> Any:
        """What scores the task where nothing else is named.

        A name of one of scikit-learn's scorers, or what :func:`sklearn.metrics.make_scorer`
        returns. A class attribute will do. See :func:`sklearn_ple.metrics.multitask_scores`.
        """
        return "r2"

    @property
    def has_errors(self) -> bool:
        """Whether a label less its prediction is an error, as deviations take it.

        A class attribute will do. By default it is where labels are numbers and not censored.
        """
        return not (self.has_classes or self.censored)

    @property
    def group(self) -> tuple:
        """What tasks must have in common for their losses to be computed together."""
        return type(self), self.n_outputs

    @abstractmethod
    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn classes or scale.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            The observed labels, of a number bool, int or float.
        weights : ndarray of shape (n_labels,)
            Their sample weights.
        classes : ndarray of shape (n_classes,) or None
            The classes that are declared, by a categorical column or in ``partial_fit``.

        Returns
        -------
        self : Task
            The fitted task.
        """

    @abstractmethod
    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels into targets.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            Observed labels.

        Returns
        -------
        targets : ndarray of float of shape (n_labels,)
            What the network's outputs are compared with.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each target.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The network's outputs.
        targets : Tensor of shape (...)
            The encoded labels; 0 where there is none, and the loss does not count.

        Returns
        -------
        losses : Tensor of shape (...)
            The losses.
        """

    @abstractmethod
    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Compute the outputs that stand for the mean prediction of several networks.

        Parameters
        ----------
        outputs : Tensor of shape (n_networks, ..., n_outputs)
            The networks' outputs.
        weights : Tensor
            How much each network counts, of as many axes as the outputs. They sum to one along
            the first.

        Returns
        -------
        outputs : Tensor of shape (..., n_outputs)
            Their average.
        """

    @abstractmethod
    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into labels.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_outputs)
            The network's outputs.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            The predicted labels: classes, or numbers in their own units.
        """

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Turn outputs into labels by operations of torch, as files of ONNX hold them.

        Parameters
        ----------
        outputs : Tensor of float64 of shape (n_rows, n_outputs)
            The network's outputs.

        Returns
        -------
        labels : Tensor of shape (n_rows,)
            What `predict` returns; of classes their positions among ``classes``, as int64.
        """
        raise NotImplementedError(f"{type(self).__name__} has no traced_predict.")

    @abstractmethod
    def score(self, labels: Any, predictions: Any, weights: Any = None) -> float:
        """Score predictions, for the estimators' ``score``.

        Parameters
        ----------
        labels : array-like of shape (n_labels,)
            Observed labels.
        predictions : array-like of shape (n_labels,)
            The labels predicted in their place.
        weights : array-like of shape (n_labels,), default=None
            Their sample weights.

        Returns
        -------
        score : float
            The greater the better; NaN where it is undefined.
        """

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return the variance of labels that are numbers, up to a factor, for deviations.

        Parameters
        ----------
        means : ndarray of shape (n_rows,)
            Predicted numbers.

        Returns
        -------
        variances : ndarray of shape (n_rows,)
            By default the same for all.
        """
        return np.ones_like(means)


def warn_without_score(task: str, n_labels: int) -> None:
    """Warn that the score of a task is undefined on so many labels."""
    where = "its 1 label: score more rows at once" if n_labels == 1 else f"its {n_labels} labels"
    warn(f"Task {task!r} has no score on {where}.", UndefinedMetricWarning)


def log_mean(logs: Tensor, weights: Tensor) -> Tensor:
    """Average along the first axis what is given by its logs."""
    return (logs + weights.log()).logsumexp(dim=0)
