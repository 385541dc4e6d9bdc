"""MultiTab-Net as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from .._sklearn import StrOptions
from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import MultiTabNet
from ..parameters import Number, Widths
from ..tasks import Task

_SOME = [Number(Integral, 1, None, closed="left")]


@with_parameters
class MultiTabNetClassifierRegressor(MultiTaskEstimator):
    """MultiTab-Net: a token for each column and each task, attention, a tower on a task's token.

    A column becomes a token by a linear map of its number, its embedding and whether it is
    missing. Each task has a learnt token. In each block tokens attend to each other, ``a = h + W_o
    softmax(Q K^T / sqrt(d) + M) V``, and feed-forward layers follow, ``h' = a + W_2 act(W_1 a)``,
    with tokens normalised before both. ``M`` keeps tasks' tokens from attending to each other. A
    task's tower reads its token.

    The paper's attention between the rows of a batch is left out: with it a row's prediction would
    depend on which other rows are predicted. ``gate_weights`` are the weights with which each
    task's token attends to the columns.

    Parameters
    ----------
    hidden_units : sequence of int, default=(256,)
        Width of the feed-forward layer of each block. There are as many blocks as widths.
    token_dim : int, default=16
        Width of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Heads of the attention.
    task_mask : {"tasks", "features", "both"} or None, default="tasks"
        Which attention is not allowed: that of a task's token to the tokens of other tasks
        ("tasks", best in the paper), that of the columns' tokens to the tasks' tokens ("features",
        which only matters with two blocks or more), both, or none.

    See Also
    --------
    PLEClassifierRegressor : The flagship; lists the errors and warnings of all estimators.

    Notes
    -----
    Time and memory grow with the number of columns, which may be at most 1000. If
    ``embedding_dim`` is the width of a token, as in ``as_published``, the token of a category is
    an entry of a table.

    References
    ----------
    D. Sinodinos, J. Y. Wei, N. Armanfard. "MultiTab: A Scalable Foundation for Multitask Learning
    on Tabular Data". AAAI 2026.

    Examples
    --------
    >>> from sklearn_ple import MultiTabNetClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = MultiTabNetClassifierRegressor(n_members=1, max_epochs=2, random_state=0).fit(X, y)
    >>> (attention,) = model.gate_weights(X)
    >>> attention["death"].columns[-1]
    'token of death'
    """

    hidden_units: Any = parameter(
        default=(256,),
        constraint=[Widths()],
        search=[(64,), (256,), (64, 64), (256, 256)],
        network=True,
    )
    token_dim: int = parameter(default=16, constraint=_SOME, search=[8, 16, 32], network=True)
    n_heads: int = parameter(default=4, constraint=_SOME, search=[2, 4, 8], network=True)
    task_mask: str | None = parameter(
        default="tasks",
        constraint=[StrOptions({"tasks", "features", "both"}), None],
        network=True,
    )
    class_weight: Any = class_weight()
    tower_hidden_units: Any = parameter(default=(32,), published=(64,))
    activation: str = parameter(default="relu", published="gelu")
    embedding_dim: int | str = parameter(default="auto", published=16, after="min_frequency")

    def treats_tasks_alike(self) -> bool:
        return True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> MultiTabNet:
        return MultiTabNet(
            in_features,
            [task.n_outputs for task in tasks],
            hidden_units=tuple(self.hidden_units),
            token_dim=self.token_dim,
            n_heads=self.n_heads,
            task_mask=self.task_mask,
            **towers,
        )
