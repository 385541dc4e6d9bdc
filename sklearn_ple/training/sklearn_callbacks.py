"""scikit-learn's own callbacks, from its version 1.9 on, which see fit as a tree of tasks."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skorch.callbacks import Callback

from .net import MultiTaskNet


@contextmanager
def fit_task(estimator: Any, X: Any, y: Any, **metadata: Any) -> Iterator[list[Callback]]:
    """Call scikit-learn's callbacks, if there are any, when a fit begins and ends.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X, y : object
        The data that it is fitted to.
    **metadata : dict
        Other arguments of fit; None for those that are not passed.

    Yields
    ------
    list of Callback
        The callback that calls them at each epoch; empty if there are none.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        yield []
        return
    passed = {name: value for name, value in metadata.items() if value is not None}
    data = {"X": X, "y": y, "metadata": passed or None}
    context = estimator._init_callback_context(max_subtasks=2 if estimator.refit else 1)
    context.call_on_fit_task_begin(estimator=estimator, **data)
    yield [EpochTasks(estimator, context, data)]
    context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes={}, **data)


class EpochTasks(Callback):
    """Calls scikit-learn's callbacks for each training and for each epoch within it.

    Parameters
    ----------
    estimator : object
        The estimator that is being fitted.
    context : CallbackContext
        The context of fit.
    data : dict
        X, y and metadata, for the callbacks.
    """

    def __init__(self, estimator: Any, context: Any, data: dict[str, Any]):
        self.estimator = estimator
        self.context = context
        self.data = data
        # Set before each training: turns a net into the result of a fit that ends with it.
        self.settle: Callable[[MultiTaskNet], Any]
        self.n_trainings_ = 0

    def on_train_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Begin a training; a second one is that on all rows."""
        self.n_trainings_ += 1
        name = "train" if self.n_trainings_ == 1 else "train on all rows"
        self.training_ = self.context.subcontext(task_name=name, max_subtasks=net.max_epochs)
        self.training_.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self.ends_training = False

    def on_epoch_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Begin an epoch."""
        self.epoch_ = self.training_.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net: MultiTaskNet, **_: Any) -> None:
        """End an epoch; a callback may ask for the end of the training."""
        self.ends_training = self.epoch_.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self._as_fitted(net),
            **self.data,
        )

    def on_train_end(self, net: MultiTaskNet, **_: Any) -> None:
        """End a training."""
        self.training_.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def _as_fitted(self, net: MultiTaskNet) -> dict[str, Any]:
        """Return the attributes that the estimator would have if training ended here."""
        # copy.copy of a skorch net copies its modules.
        now, twin = copy.copy(net), copy.copy(self.estimator)
        now.module_.load_state_dict(net.snapshot())
        now.forget_training()
        twin._settle(self.settle(now))
        return vars(twin)
