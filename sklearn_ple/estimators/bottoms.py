"""Estimators whose towers read bottoms: one bottom for all tasks, or one for each task."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import AsymmetricSharing, Body, CustomizedSharing, SharedBottom, SingleTask
from ..nn.bottoms import FUSIONS
from ..tasks import Task, by_task
from ..utils._sklearn import StrOptions
from ..utils.checks import shown
from ..utils.types import ClassWeight
from .network_fields import towers, widths


@with_parameters
class _Bottoms(MultiTaskEstimator):
    """Base class of these estimators; a subclass sets ``network``.

    Parameters
    ----------
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every bottom.
    """

    bottom_hidden_units: Sequence[int] = widths()
    tower_hidden_units: Sequence[int] | str = towers()
    class_weight: ClassWeight = class_weight()

    treats_tasks_alike: ClassVar[Any] = True


@with_parameters
class SingleTaskClassifierRegressor(_Bottoms):
    """A separate network for each task: the baseline to measure the effect of sharing.

    Each task has its own embeddings, bottom ``f_k`` and tower ``h_k``: ``y_k = h_k(f_k(x))``. The
    networks are trained at the same time, on the same batches, but share nothing.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    Examples
    --------
    >>> from sklearn_ple import SingleTaskClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SingleTaskClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    network = SingleTask

    def views(self, n_tasks: int) -> Sequence[int | None]:
        return range(n_tasks)


@with_parameters
class SharedBottomClassifierRegressor(_Bottoms):
    """Hard parameter sharing: all towers read the same bottom.

    The bottom is the part of the network below the towers. Let ``f`` be the bottom and ``h_k`` the
    tower of task k. Then ``y_k = h_k(f(x))``.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    R. Caruana. "Multitask Learning". Machine Learning 28, 1997.

    Examples
    --------
    >>> from sklearn_ple import SharedBottomClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = SharedBottomClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    network = SharedBottom


@with_parameters
class AsymmetricSharingClassifierRegressor(_Bottoms):
    """Asymmetric Sharing: a tower reads the bottom of its task and those of some other tasks.

    Each task has a bottom ``f_k``, the part of its network below its tower ``h_k``. A tower reads
    the bottom of its task and those of the tasks that ``reads`` names:
    ``y_k = h_k([f_k(x), f_i(x), ...])``, or ``h_k`` of the sum or mean of the bottoms' outputs.
    One task can thus use what another learns without the reverse.

    Parameters
    ----------
    reads : "previous" or dict, default="previous"
        A dict from the name of a task to a list of the other tasks whose bottoms its tower reads;
        a task that is not named reads only its own. With "previous", each task reads the bottoms
        of all tasks before it in y.
    fusion : {"concatenate", "sum", "average"}, default="concatenate"
        How the outputs of the bottoms are combined into the input of a tower. Only "concatenate"
        makes the input wider.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import AsymmetricSharingClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = AsymmetricSharingClassifierRegressor(
    ...     n_members=1, max_epochs=1
    ... ).fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    reads: str | Mapping[str, Sequence[str]] = parameter(
        default="previous",
        constraint=[StrOptions({"previous"}), dict],
        network=True,
        of_tasks=True,
    )
    fusion: str = parameter(
        default="concatenate", constraint=[StrOptions(set(FUSIONS))], network=True
    )

    network = AsymmetricSharing

    @property
    def treats_tasks_alike(self) -> bool:
        """Whether the order of the tasks has no effect: ``reads`` names them."""
        return isinstance(self.reads, dict)

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        reads = self._positions_read([task.name for task in tasks])
        return super().make_network(in_features, tasks, reads=reads, **towers)

    def _positions_read(self, names: list[str]) -> list[list[int]]:
        """Return, for each task, the positions of the other tasks that it reads."""
        if isinstance(self.reads, str):
            return [list(range(position)) for position in range(len(names))]
        reads = by_task(self.reads, names, "reads", default=[])
        for name, others in reads.items():
            listed = isinstance(others, (list, tuple)) and all(isinstance(o, str) for o in others)
            if not listed or not set(others) <= set(names) - {name}:
                raise ValueError(
                    f"reads of task {name!r} is {shown(others)}: it must be a list of other "
                    f"tasks, named as in {names}."
                )
        return [[names.index(other) for other in reads[name]] for name in names]


@with_parameters
class CustomizedSharingClassifierRegressor(_Bottoms):
    """Customized Sharing: a tower reads the bottom of its task and a shared one.

    Let ``f_k`` be the bottom and ``h_k`` the tower of task k, and ``f`` the shared bottom. Then
    ``y_k = h_k([f_k(x), f(x)])``. The parts of the tasks are separate from the shared part, as in
    Progressive Layered Extraction, but without gates.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import CustomizedSharingClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CustomizedSharingClassifierRegressor(
    ...     n_members=1, max_epochs=1
    ... ).fit(X[:200], y[:200])
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    network = CustomizedSharing
