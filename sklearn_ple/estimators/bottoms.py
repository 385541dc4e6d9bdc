"""Networks whose towers read bottoms, one for all tasks or one for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import StrOptions

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from ..nn import AsymmetricSharing, CustomizedSharing, SharedBottom, SingleTask
from ..parameters import with_parameters
from ..tasks import by_task


@with_parameters
class _Bottoms(MultiTaskEstimator):
    """What the estimators here have in common: a subclass names its network."""

    bottom_hidden_units: Any = (64,)

    _network: ClassVar[Callable[..., torch.nn.Module]]
    _parameter_constraints: ClassVar[dict[str, list]] = {
        "bottom_hidden_units": ["array-like"],
    }

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            self._network,
            n_outputs=n_outputs,
            bottom_hidden_units=tuple(self.bottom_hidden_units),
            **self._tower_options(),
        )


@fill_doc
@with_parameters
class SingleTaskClassifierRegressor(_Bottoms):
    """Every task learnt alone: the reference that tells what sharing is worth.

    Each task has a network of its own, embeddings included: ``y_k = h_k(f_k(x))``. They are
    trained in one go, on the same batches, but have nothing in common.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    Examples
    --------
    >>> from sklearn_ple import SingleTaskClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SingleTaskClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    _network = SingleTask

    def _views_a_member(self, n_tasks: int) -> int:
        return n_tasks


@fill_doc
@with_parameters
class SharedBottomClassifierRegressor(_Bottoms):
    """Hard parameter sharing: all towers read one bottom, ``y_k = h_k(f(x))``.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    References
    ----------
    R. Caruana. "Multitask Learning". Machine Learning 28, 1997.

    Examples
    --------
    >>> from sklearn_ple import SharedBottomClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SharedBottomClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    _network = SharedBottom


@fill_doc
@with_parameters
class AsymmetricSharingClassifierRegressor(_Bottoms):
    """Asymmetric Sharing: some towers read the bottoms of other tasks beside their own.

    Each task has a bottom ``f_k``. A tower reads its own and those of the tasks that ``reads``
    says: ``y_k = h_k([f_k(x), f_i(x), ...])``. So what one task learns helps another, and not the
    other way round.

    Parameters
    ----------
    reads : "previous" or dict, default="previous"
        By a task's name, a list of the other tasks whose bottoms its tower reads; a task that is
        not named reads its own alone. "previous": each task reads those of all before it in y.
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import AsymmetricSharingClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = AsymmetricSharingClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    reads: Any = "previous"

    _network = AsymmetricSharing
    _parameter_constraints: ClassVar[dict[str, list]] = {
        "reads": [StrOptions({"previous"}), dict],
    }

    def _positions_read(self) -> list[list[int]]:
        """Give, for each task, the positions of the other tasks that it reads."""
        names = self._encoder.targets.names
        if isinstance(self.reads, str):
            return [list(range(position)) for position in range(len(names))]
        reads = by_task(self.reads, names, "reads", default=[])
        for name, others in reads.items():
            listed = isinstance(others, (list, tuple))
            if not listed or not set(others) <= set(names) - {name}:
                raise ValueError(
                    f"reads of task {name!r} is {others!r}: it must be a list of other tasks, out "
                    f"of {names}."
                )
        return [[names.index(other) for other in reads[name]] for name in names]

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        make_body: Callable[..., torch.nn.Module] = super()._make_body(n_outputs)
        return partial(make_body, reads=self._positions_read())


@fill_doc
@with_parameters
class CustomizedSharingClassifierRegressor(_Bottoms):
    """Customized Sharing: a tower reads its task's bottom and the shared one, side by side.

    ``y_k = h_k([f_k(x), f(x)])``: the tasks' own parts are kept apart from the shared one, as in
    Progressive Layered Extraction, but without gates.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import CustomizedSharingClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CustomizedSharingClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    _network = CustomizedSharing
