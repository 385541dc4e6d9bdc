"""Plot of the losses over the epochs of training."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..utils.inner import tasks_of
from .shown import Display
from .style import make_axes, merge_style, shorten

if TYPE_CHECKING:
    pass

_MAX_COLUMNS = 4
# Size of a panel with its texts, in inches.
_WIDTH, _HEIGHT = 2.9, 2.4
_STYLES = (
    {"label": "training", "color": "tab:blue", "linestyle": "-"},
    {"label": "validation", "color": "tab:orange", "linestyle": "--"},
)


@dataclass(eq=False, repr=False)
class TrainingHistoryDisplay(Display):
    """Training and validation losses over the epochs, with a panel for each task.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    history : list of dict
        The ``history_`` of an estimator, one dict for each epoch.
    task_names : sequence of str
        The ``task_names_`` of the estimator.

    Attributes
    ----------
    best_epoch_ : int or None
        The epoch with the lowest joint validation loss, counted from 1; None without validation.
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels: the joint loss, if there are several tasks, then the loss of each task.
    lines_ : ndarray of matplotlib Lines of shape (n_panels, 1 or 2)
        The lines of each panel: the training loss and, with validation, the validation loss.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    Notes
    -----
    Each panel has its own scale. The loss of a task with classes is the cross-entropy. The loss of
    a regression is the squared error of the standardised label, which is about 1 if the prediction
    is always the mean. The joint loss is the weighted sum of the losses of the tasks: in training
    with the task weights of the epoch, in validation with those of the first epoch.

    The training loss is computed with dropout, and averaged over an epoch in which the network
    changes. It may therefore be greater than the validation loss.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import TrainingHistoryDisplay
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=2)
    >>> model = model.fit(X[:200], y[:200])
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> [ax.get_title() for ax in display.axes_]
    ['joint loss', 'death', 'wt82_71']
    """

    history: Sequence[dict[str, Any]]
    task_names: Sequence[str]

    @classmethod
    def from_estimator(cls, estimator: Any, **kwargs: Any) -> "TrainingHistoryDisplay":
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, or a pipeline or search that contains one.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot` for every line.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no estimator of this package.
        ImportError
            If matplotlib is not installed.
        """
        fitted = tasks_of(estimator)
        check_is_fitted(fitted, "history_")
        return cls(fitted.history_, fitted.task_names_).plot(**kwargs)

    def plot(self, **kwargs: Any) -> "TrainingHistoryDisplay":
        """Draw the history.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot` for every line.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        panels = self._panels()
        n_rows = -(-len(panels) // _MAX_COLUMNS)
        n_columns = -(-len(panels) // n_rows)
        size = 0.6 + _WIDTH * n_columns, 0.4 + _HEIGHT * n_rows
        self.figure_, grid = make_axes(n_rows, n_columns, size, sharex=True)
        self.axes_, rest = np.split(grid.ravel(), [len(panels)])

        valid_loss = np.array([entry.get("valid_loss", np.nan) for entry in self.history])
        self.best_epoch_ = None
        if np.isfinite(valid_loss).any():
            self.best_epoch_ = self.history[int(np.nanargmin(valid_loss))]["epoch"]
        lines: list[Any] = []
        for position, (panel, (title, losses)) in enumerate(zip(self.axes_, panels, strict=True)):
            lines += self._draw(panel, losses, kwargs)
            panel.set_title(textwrap.fill(shorten(title), 32), fontsize="medium", parse_math=False)
            if position % n_columns == 0:
                panel.set_ylabel("loss")
            if position + n_columns >= len(panels):
                panel.set_xlabel("epoch")
                panel.tick_params(labelbottom=True)
        for empty in rest:
            empty.set_axis_off()
        legend = self.axes_[0].get_legend_handles_labels()
        [*rest, *self.axes_][0].legend(*legend, fontsize="small")
        self.lines_ = np.array(lines).reshape(len(panels), -1)
        return self

    def _draw(self, panel: Any, losses: np.ndarray, kwargs: dict[str, Any]) -> list[Any]:
        """Draw the training and validation losses into a panel, and return their lines."""
        epochs = [entry["epoch"] for entry in self.history]
        # With a single epoch, a line would be invisible.
        marker = "o" if len(epochs) == 1 else ""
        lines = []
        for loss, style in zip(losses, _STYLES, strict=False):
            lines += panel.plot(
                epochs, loss, **merge_style({"marker": marker} | style, kwargs, "Line2D")
            )
        if self.best_epoch_ is not None:
            label = f"best epoch ({self.best_epoch_})"
            panel.axvline(self.best_epoch_, color="tab:gray", linestyle=":", label=label)
        panel.grid(alpha=0.3)
        panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        return lines

    def _panels(self) -> list[tuple[str, np.ndarray]]:
        """Return title and losses (training, validation) of each panel, the joint loss first."""
        names = list(self.task_names)
        parts = ["", "valid_"] if any("valid_loss" in entry for entry in self.history) else [""]
        # After a warm start only some epochs may have validation.
        absent = [np.nan] * len(names)
        rows = [
            [entry.get(f"{part}loss", np.nan), *entry.get(f"{part}task_losses", absent)]
            for part in parts
            for entry in self.history
        ]
        losses = np.reshape(rows, (len(parts), len(self.history), 1 + len(names)))
        # The losses of tasks without labels are exactly zero.
        is_absent = ((losses == 0) | np.isnan(losses)).all(axis=1, keepdims=True)
        panels = list(np.where(is_absent, np.nan, losses).transpose(2, 0, 1))
        # With a single task the joint loss is the loss of the task, up to a factor.
        titles = names if len(names) == 1 else ["joint loss", *names]
        return list(zip(titles, panels[-len(titles) :], strict=True))
