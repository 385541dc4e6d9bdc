"""Multi-gate Mixture-of-Experts as a scikit-learn estimator."""

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
from ..nn import MMoE
from ..parameters import with_parameters


@fill_doc
@with_parameters
class MMoEClassifierRegressor(Gated, MultiTaskEstimator):
    """Multi-gate Mixture-of-Experts: shared experts, weighed by a gate for each task.

    ``y_k = h_k(sum_i softmax(W_k x)_i f_i(x))`` with experts ``f_i`` that all tasks share. With
    ``n_levels=2`` it is ML-MMoE: every expert of an upper level reads the lower level's experts by
    a gate of its own, and all gates read the features. With ``shared_gate=True`` it is OMoE: one
    gate for all tasks.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    PLEClassifierRegressor : The flagship; says what all estimators raise and warn of.
    CGCClassifierRegressor : Tasks have experts of their own as well.

    References
    ----------
    J. Ma, Z. Zhao, X. Yi, J. Chen, L. Hong, E. H. Chi. "Modeling Task Relationships in Multi-task
    Learning with Multi-gate Mixture-of-Experts". KDD 2018.

    Examples
    --------
    >>> from sklearn_ple import MMoEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = MMoEClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    n_levels: int = 1
    n_experts: int = 3
    expert_hidden_units: Any = (64,)
    gate_hidden_units: Any = ()
    shared_gate: bool = False

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_levels": [Interval(Integral, 1, None, closed="left")],
        "n_experts": [Interval(Integral, 1, None, closed="left")],
        "expert_hidden_units": ["array-like"],
        "gate_hidden_units": ["array-like"],
        "shared_gate": ["boolean"],
    }

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            MMoE,
            n_outputs=n_outputs,
            n_levels=self.n_levels,
            n_experts=self.n_experts,
            expert_hidden_units=tuple(self.expert_hidden_units),
            gate_hidden_units=tuple(self.gate_hidden_units),
            shared_gate=self.shared_gate,
            **self._tower_options(),
        )
