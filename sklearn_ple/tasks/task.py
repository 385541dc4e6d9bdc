"""What every kind of task has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from torch import Tensor


class Task(ABC):
    """One column of y: its kind is the class, what was learnt from its labels are the attributes.

    Labels come as an array of the observed ones; targets, outputs and losses are those of the
    network. A new kind is one subclass.

    Parameters
    ----------
    name : str
        Name of the column.
    *options
        What ``task_types`` says beside the kind; most kinds take nothing.

    Attributes
    ----------
    kind : str
        What ``task_types`` calls the kind.
    words : str, default="a number"
        What a report calls it.
    has_classes : bool, default=False
        Whether labels are classes.
    linear_start : bool, default=False
        Whether the linear path of the network starts by ridge regression of the targets: where
        outputs predict them by squared error.
    classes : ndarray or None
        The sorted class labels; None where labels are numbers.
    n_outputs : int
        Number of outputs the network has for this task.
    """

    kind: ClassVar[str]
    words: ClassVar[str] = "a number"
    has_classes: ClassVar[bool] = False
    linear_start: ClassVar[bool] = False

    def __init__(self, name: str, *options: Any):
        if options:
            raise ValueError(
                f"task_types of target {name!r} is {(self.kind, *options)!r}, but the kind "
                f"{self.kind!r} has no options: say {self.kind!r} alone."
            )
        self.name = name
        self.classes: Any = None
        self.n_outputs = 1

    @property
    def metric(self) -> Any:
        """What `multitask_scores` scores by: a scorer's name, or what `make_scorer` returns."""
        return "r2"

    @property
    def group(self) -> tuple:
        """What tasks must have in common for their losses to be computed together."""
        return type(self), self.n_outputs

    @abstractmethod
    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Task:
        """Learn classes or scale from the observed labels and their sample weights."""

    @abstractmethod
    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn observed labels into the network's targets, as floats."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each target; outputs have one axis more, of ``n_outputs``."""

    @abstractmethod
    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Give the outputs of the networks' mean prediction.

        The first axis is the networks'; their weights sum to one and have as many axes.
        """

    @abstractmethod
    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs of shape (n_rows, n_outputs) into labels."""

    @abstractmethod
    def score(self, labels: Any, predictions: Any, weights: Any = None) -> float:
        """Compute the default score of predictions; the greater the better."""


def log_mean(logs: Tensor, weights: Tensor) -> Tensor:
    """Average along the first axis what is given by its logs."""
    return (logs + weights.log()).logsumexp(dim=0)
