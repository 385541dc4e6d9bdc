"""Progressive Layered Extraction as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from ..gated import Gated
from ..nn import PLE
from ..parameters import with_parameters


@fill_doc
@with_parameters
class PLEClassifierRegressor(Gated, MultiTaskEstimator):
    """Progressive Layered Extraction for tasks of any kind: classes, numbers, counts.

    Learns all columns of y together: experts that the tasks share and experts of their own, mixed
    by gates, level by level, then a tower for each task. A label may be missing (NaN): the row
    still teaches the tasks whose labels it has.

    The joint loss is the weighted sum over the tasks of the mean loss of the labels that are
    there: cross-entropy for classes (of "above this class?" for ordinal ones), squared error of
    the standardised label for regressions, its pinball loss for quantiles, half the Poisson
    deviance for counts. Predictions come back as y came: class labels, and numbers in their own
    units.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    Raises
    ------
    ValueError
        If a target has no label or, being classes, one class only; if X or y hold infinity; if a
        parameter names a task that is not there; if the device is not there.
    TypeError
        If a column of X or y holds what is neither number nor label.

    Warns
    -----
    ConvergenceWarning
        If a loss is no longer finite: training stops and the best weights so far are kept.
    UserWarning
        If it is in doubt whether a column of y holds classes or numbers.

    See Also
    --------
    PLEClassifier : Every task has classes.
    PLERegressor : Every task is a number.
    SingleTaskClassifierRegressor : The same without sharing, to tell what sharing is worth.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.task_types_
    {'death': 'binary', 'wt82_71': 'regression'}
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    n_levels: int = 1
    n_shared_experts: int = 1
    n_specific_experts: int = 1
    expert_hidden_units: Any = (64,)
    gate_hidden_units: Any = ()
    residual: bool = False

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_levels": [Interval(Integral, 1, None, closed="left")],
        "n_shared_experts": [Interval(Integral, 0, None, closed="left")],
        "n_specific_experts": [Interval(Integral, 0, None, closed="left")],
        "expert_hidden_units": ["array-like"],
        "gate_hidden_units": ["array-like"],
        "residual": ["boolean"],
    }

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            PLE,
            n_outputs=n_outputs,
            n_levels=self.n_levels,
            n_shared_experts=self.n_shared_experts,
            n_specific_experts=self.n_specific_experts,
            expert_hidden_units=tuple(self.expert_hidden_units),
            gate_hidden_units=tuple(self.gate_hidden_units),
            residual=self.residual,
            **self._tower_options(),
        )


@fill_doc
@with_parameters
class CGCClassifierRegressor(PLEClassifierRegressor):
    """Customized Gate Control: one level of Progressive Layered Extraction.

    A task's gate weighs the task's own experts and the shared ones; its tower reads their sum.
    With the experts ``f_i`` of task k and those that all share,
    ``y_k = h_k(sum_i softmax(W_k x)_i f_i(x))``.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : Any number of levels; says what all estimators raise and warn of.
    MMoEClassifierRegressor : All experts are shared.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import CGCClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CGCClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> list(model.gate_weights(X)[0]["death"])
    ['death 1', 'shared 1']
    """

    #: No parameters here: one level, as the paper has it.
    n_levels: ClassVar[int] = 1  # type: ignore[misc]
    residual: ClassVar[bool] = False  # type: ignore[misc]
