"""scikit-learn's own callbacks, from its version 1.9 on: fit as a tree of tasks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skorch.callbacks import Callback

from .training import MultiTaskNet

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, without callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Leave a method as it is."""
        return method


__all__ = ["FitCallbacks", "with_callbacks"]


class FitCallbacks(CallbackSupportMixin):
    """Adds `set_callbacks` to the estimators where scikit-learn knows of it."""

    refit: Any

    @contextmanager
    def _fit_task(self, X: Any, y: Any, sample_weight: Any) -> Iterator[list[Callback]]:
        """Tell callbacks, if any, that fit begins and ends; give what tells them of the epochs."""
        if not getattr(self, "_skl_callbacks", None):
            yield []
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(max_subtasks=2 if self.refit else 1)
        context.call_on_fit_task_begin(estimator=self, **data)
        yield [EpochTasks(self, context, data)]
        context.call_on_fit_task_end(estimator=self, reconstruction_attributes={}, **data)


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks of each training, and within it of each epoch.

    Parameters
    ----------
    estimator : object
        The estimator that is being fitted.
    context : CallbackContext
        That of fit.
    data : dict
        X, y and metadata, for the callbacks.
    """

    def __init__(self, estimator: Any, context: Any, data: dict[str, Any]):
        self.estimator = estimator
        self.context = context
        self.data = data

    def on_train_begin(self, net: MultiTaskNet, X: Any = None, y: Any = None, **_: Any) -> None:
        """Begin a training; y are the rows of validation."""
        name = "train on all rows" if y is None else "train"
        self.training_ = self.context.subcontext(task_name=name, max_subtasks=net.max_epochs)
        self.training_.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self.stop_ = False

    def on_epoch_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Begin an epoch, or end training if a callback wanted that after the last one."""
        if self.stop_:
            raise KeyboardInterrupt
        self.epoch_ = self.training_.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net: MultiTaskNet, **_: Any) -> None:
        """End an epoch."""
        self.stop_ = self.epoch_.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self._as_fitted(net),
            **self.data,
        )

    def on_train_end(self, net: MultiTaskNet, **_: Any) -> None:
        """End a training."""
        self.training_.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def _as_fitted(self, net: MultiTaskNet) -> dict[str, Any]:
        """Give the attributes of the estimator as if its training ended here."""
        # skorch's nets copy their modules.
        now, twin = copy.copy(net), copy.copy(self.estimator)
        now.module_.load_state_dict(net.snapshot())
        now.forget_training()
        twin._settle(now)
        return vars(twin)
