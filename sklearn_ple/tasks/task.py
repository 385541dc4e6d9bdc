"""The base class of the kinds of task."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from torch import Tensor

from ..utils.checks import is_ours, show_options
from ..utils.warn import warn


class Task(ABC):
    """A kind of task: how one column of labels is learnt, predicted and scored.

    `fit` learns the classes or the scale from the labels of a column. Then `encode` turns labels
    into targets, `loss` compares the network's outputs with the targets, and `predict` turns
    outputs back into labels.

    The ``task_types`` of an estimator hold the name of a kind or an instance of its class. Every
    fit of the estimator copies the instance and fits the copy.

    Attributes
    ----------
    kind : str
        Name of the kind.
    words : str, default="a number"
        Description of the kind in reports.
    has_classes : bool, default=False
        Whether labels are classes; True in `ClassTask`.
    censored : bool, default=False
        Whether a negative label -t means that the number is greater than t.
    fits_ridge : bool, default=False
        Whether the linear path of the network starts from a ridge regression of the targets. Set
        it only if each output predicts the target itself, as with squared error.
    lowest : float, default=-inf
        Least possible number: prediction intervals do not go below it.
    log_scale : bool, default=False
        Whether numbers are positive and errors are differences of logarithms, from which standard
        deviations and intervals are found.
    name : str
        Name of the column; empty until an estimator is fitted.
    classes : ndarray or None
        The sorted class labels; None if labels are numbers.
    order : slice or ndarray of int of shape (n_classes,), default=slice(None)
        Positions of the classes in the order in which tables of probabilities show them; by
        default the sorted order.
    n_outputs : int
        Number of outputs of the network for the task: 1, unless ``__init__`` or `fit` sets
        another number.
    added : bool, default=False
        Whether ``add_task`` added it to a fitted estimator.

    See Also
    --------
    NumberTask : Base of the kinds whose labels are numbers.
    ClassTask : Base of the kinds whose labels are classes.

    Notes
    -----
    A new kind is a subclass that sets its name, `kind`, and implements `fit`, `encode`, `loss`,
    `average`, `predict` and `score`. It may inherit some of these methods:

    - `NumberTask` implements `score`;
    - `ClassTask` implements `fit`, `encode` and `score`, and requires two more methods:
      ``predict_proba`` and ``decision_function``;
    - a kind of this package, such as ``Regression``, implements all of them.

    The other attributes and methods are optional:

    - `words`, `metric`, `censored`, `has_errors`, `fits_ridge` and, for numbers, `variance`,
      `lowest` and `log_scale` have defaults, and `learn_errors` does nothing.
    - `loss` and `average` are called once for all adjacent columns of a `group`, on the task of
      the first column. Each column is a group of its own by default; override `group` if they
      depend only on what a group shares, which is faster.
    - ``predict_quantiles(outputs)``, which returns an array of shape (n_rows, n_levels), and the
      attribute ``levels`` add the kind to the ``predict_quantiles`` of estimators. If there are
      several levels, the distance of the outer quantiles takes the place of `variance`.
    - ``predict_survival(outputs, times)``, which returns an array of shape (n_rows, n_times), adds
      it to the ``predict_survival`` of estimators.
    - `traced_predict` and, for classes, ``traced_predict_proba`` are needed to export the kind to
      ONNX.

    Options of a kind are parameters of its ``__init__``, which calls ``super().__init__()`` first.

    Examples
    --------
    A kind of number whose square root is learnt, with squared error:

    >>> import numpy as np
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.tasks import Regression
    >>> class Root(Regression):
    ...     kind = "root"
    ...     words = "a number by its square root"
    ...
    ...     def fit(self, labels, weights, classes):
    ...         return super().fit(np.sqrt(labels), weights, classes)
    ...
    ...     def encode(self, labels):
    ...         return super().encode(np.sqrt(labels))
    ...
    ...     def predict(self, outputs):
    ...         return super().predict(outputs) ** 2
    >>> visits = np.array([0.0, 4.0, 16.0])
    >>> task = Root().fit(visits, weights=np.ones(3), classes=None)
    >>> targets = task.encode(visits)
    >>> targets.round(2)
    array([-1.22,  0.  ,  1.22])
    >>> task.predict(targets[:, np.newaxis]).round(2)
    array([ 0.,  4., 16.])

    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> model = PLERegressor(
    ...     task_types={"y": Root()}, max_epochs=1, n_members=1
    ... ).fit(X, visits)
    >>> model.task_types_
    {'y': 'root'}
    """

    kind: ClassVar[str]
    words: ClassVar[str] = "a number"
    has_classes: ClassVar[bool] = False
    censored: ClassVar[bool] = False
    fits_ridge: ClassVar[bool] = False
    lowest: ClassVar[float] = -np.inf
    log_scale: ClassVar[bool] = False
    added: bool = False
    # A subclass need not call this class's __init__.
    name: str = ""
    classes: Any = None
    order: slice | np.ndarray = slice(None)
    n_outputs: int = 1

    def __init__(self) -> None:
        self.name, self.classes, self.n_outputs = "", None, 1

    def __repr__(self) -> str:
        """Return the class with its options and, of a fitted task, the name of the column."""
        cls, options = type(self).__name__, show_options(self)
        if not self.name:
            return f"{cls}({options})"
        return f"<{cls}({options}) of {self.name!r}>" if options else f"<{cls} of {self.name!r}>"

    @property
    def metric(self) -> Any:
        """Default metric of the task.

        It is the name of a scikit-learn scorer, or a scorer that
        :func:`sklearn.metrics.make_scorer` returns. A subclass may set it as a class attribute.
        See :func:`sklearn_ple.metrics.multitask_scores`.
        """
        return "r2"

    @property
    def has_errors(self) -> bool:
        """Whether label minus prediction is an error from which intervals can be estimated.

        True by default if labels are numbers and not censored. A subclass may set it as a class
        attribute. If it is False, standard deviations and prediction intervals are NaN. If it is
        False for all tasks, asking for them is an error.
        """
        return not (self.has_classes or self.censored)

    @property
    def group(self) -> tuple:
        """Values that tasks must share for their losses to be computed together.

        The loss of one of the tasks is then called for all of them. By default tasks of this
        package share their options and their number of outputs. Tasks of a user's own class share
        nothing, since their loss may depend on what a task has learnt.
        """
        shared = show_options(self) if is_ours(type(self)) else id(self)
        return type(self), self.n_outputs, shared

    @abstractmethod
    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the classes or the scale of the labels.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            The labels that are not missing. Labels that are numbers are bool, int or float.
        weights : ndarray of shape (n_labels,)
            Sample weights of the labels.
        classes : ndarray of shape (n_classes,) or None
            The classes that a categorical column or ``partial_fit`` declares; None without any.

        Returns
        -------
        self : Task
            The fitted task.
        """

    def check_learnt(self) -> None:
        """Check what was learnt, of a task from a file. A subclass may check more.

        Raises
        ------
        ValueError
            If ``fit`` cannot have learnt this.
        """
        if not self.has_classes:
            if self.classes is not None:
                raise ValueError(f"the task {self.name!r} has classes, but its labels are numbers")
            return
        classes = self.classes
        n = len(classes)
        if not isinstance(classes, np.ndarray) or n < 2 or len(set(classes.tolist())) < n:
            raise ValueError(f"the task {self.name!r} does not have several classes, each once")
        if not np.array_equal(np.sort(np.arange(n)[self.order]), np.arange(n)):
            raise ValueError(f"the order of the task {self.name!r} is not one of its classes")

    @abstractmethod
    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels into targets.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            The labels that are not missing.

        Returns
        -------
        targets : ndarray of float of shape (n_labels,)
            The values with which `loss` compares the network's outputs.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each target.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The network's outputs.
        targets : Tensor of shape (...)
            The encoded labels; 0 where the label is missing, whose loss is not counted.

        Returns
        -------
        losses : Tensor of shape (...)
            The loss of each target. It should be 0 for a perfect output and never negative: the
            members' weights depend on the ratios of their validation losses, and some balancers
            compare the losses of the tasks in the same way.
        """

    @abstractmethod
    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Compute the outputs whose prediction is the mean prediction of several networks.

        Parameters
        ----------
        outputs : Tensor of shape (n_networks, ..., n_outputs)
            The outputs of the networks.
        weights : Tensor
            Weights of the networks, with as many axes as the outputs. They sum to 1 along the
            first axis.

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
            The predicted labels: classes, or numbers in the units of the labels.
        """

    def learn_errors(  # noqa: B027
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, adds: bool = False
    ) -> None:
        """Learn from the errors of a network in training, and once it is trained.

        By default nothing is learnt.

        Parameters
        ----------
        outputs : ndarray of shape (n_labels, n_outputs)
            The network's outputs for rows that it was not trained on or, without any, for rows
            that it was trained on.
        targets : ndarray of shape (n_labels,)
            The encoded labels of these rows.
        weights : ndarray of shape (n_labels,)
            Weights of the labels.
        adds : bool, default=False
            Whether what was learnt from other rows before still counts, as in ``partial_fit``.
        """

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Compute what `predict` returns with torch operations only, for export to ONNX.

        Parameters
        ----------
        outputs : Tensor of float64 of shape (n_rows, n_outputs)
            The network's outputs.

        Returns
        -------
        labels : Tensor of shape (n_rows,)
            What `predict` returns. For classes, their positions in ``classes``, as int64.

        Raises
        ------
        NotImplementedError
            If the kind does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no traced_predict.")

    @abstractmethod
    def score(
        self, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Score predictions, for the ``score`` method of estimators.

        Parameters
        ----------
        labels : array-like of shape (n_labels,)
            The labels that are not missing.
        predictions : array-like of shape (n_labels,)
            The predicted labels.
        weights : array-like of shape (n_labels,), default=None
            Sample weights of the labels.

        Returns
        -------
        score : float
            The score: greater is better, and NaN means that it is undefined.
        """

    def variance(self, means: np.ndarray) -> np.ndarray:
        """Return how the variance of labels depends on their mean, up to a constant factor.

        With `log_scale` it is the variance of their logarithms. Standard deviations and prediction
        intervals are estimated from it.

        Parameters
        ----------
        means : ndarray of shape (n_rows,)
            Predicted numbers.

        Returns
        -------
        variances : ndarray of shape (n_rows,)
            Variances up to a factor; by default the same for all rows.
        """
        return np.ones_like(means)


def warn_without_score(task: str, n_labels: int) -> None:
    """Warn that the score of a task is undefined because there are too few labels."""
    labels = "its 1 label" if n_labels == 1 else f"its {n_labels} labels, which are too alike"
    warn(f"Task {task!r} has no score on {labels}: score more rows.", UndefinedMetricWarning)


def average_logs(logs: Tensor, weights: Tensor) -> Tensor:
    """Return the logarithm of the weighted mean, along the first axis, of exponentiated logs."""
    return (logs + weights.log()).logsumexp(dim=0)
