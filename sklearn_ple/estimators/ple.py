"""Progressive Layered Extraction as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from ..nn import ACTIVATIONS, PLE, member_rates

NETWORK_DOC = """
n_levels : int, default=1
    Levels of experts; one level is Customized Gate Control (CGC).
n_shared_experts : int, default=1
    Experts that all tasks share, at each level. With none the tasks learn independently.
n_specific_experts : int, default=1
    Experts of each task alone, at each level.
expert_hidden_units : sequence of int, default=(64,)
    Widths of the layers of every expert.
tower_hidden_units : sequence of int, default=(32,)
    Widths of the hidden layers of every task's tower; empty for linear towers.
gate_hidden_units : sequence of int, default=()
    Widths of the hidden layers of every gate; empty for the paper's linear gates.
activation : {"relu", "gelu", "silu", "elu", "tanh"}, default="relu"
    Activation of experts, towers and hidden layers of gates.
dropout : float, default=0.3
    Share of the activations of experts and towers that are dropped in training, on average over
    the members: from four on theirs lie evenly around it, from none to twice as much.
residual : bool, default=False
    Whether a level adds its input to its output, where both are as wide. Not in the paper.
n_members : int, default=8
    Networks that are trained side by side, each with embeddings, experts and towers of its own, on
    the same batches. Their predictions are averaged, with early stopping by weights that follow
    from their losses of validation. Time and memory grow with their number."""


@fill_doc(network=NETWORK_DOC)
class PLEClassifierRegressor(MultiTaskEstimator):
    """Progressive Layered Extraction for tasks of any kind: classes, numbers, counts.

    Learns all columns of y together: experts that the tasks share and experts of their own, mixed
    by gates, level by level, then a tower for each task. A label may be missing (NaN): the row
    still teaches the tasks whose labels it has.

    The joint loss is the weighted sum over the tasks of the mean loss of the labels that are
    there: cross-entropy for classes, squared error of the standardised label for regressions,
    half the Poisson deviance for counts. Predictions come back as y came: class labels, and
    numbers in their own units.

    Parameters
    ----------
    %(task_types)s
    %(class_weight)s
    %(network)s
    %(features)s
    %(joint_loss)s
    %(training)s

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

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **MultiTaskEstimator._parameter_constraints,
        "n_levels": [Interval(Integral, 1, None, closed="left")],
        "n_shared_experts": [Interval(Integral, 0, None, closed="left")],
        "n_specific_experts": [Interval(Integral, 0, None, closed="left")],
        "expert_hidden_units": ["array-like"],
        "tower_hidden_units": ["array-like"],
        "gate_hidden_units": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "residual": ["boolean"],
    }

    def __init__(
        self,
        *,
        task_types: Any = "auto",
        class_weight: Any = None,
        n_levels: int = 1,
        n_shared_experts: int = 1,
        n_specific_experts: int = 1,
        expert_hidden_units: Any = (64,),
        tower_hidden_units: Any = (32,),
        gate_hidden_units: Any = (),
        activation: str = "relu",
        dropout: float = 0.3,
        residual: bool = False,
        n_members: int = 8,
        categorical_features: Any = "from_dtype",
        max_categories: int | None = None,
        min_frequency: float | None = None,
        embedding_dim: int | str = "auto",
        numeric_embedding: str | None = "piecewise_linear+bins",
        n_bins: int | str = "auto",
        feature_dropout: float = 0.1,
        task_weights: Any = None,
        task_weight_decay: Any = 1.0,
        optimizer: Any = "adamw",
        learning_rate: float | str = "auto",
        lr_schedule: str = "one_cycle",
        weight_decay: float = 1e-2,
        weight_averaging: float = 0.1,
        batch_size: int | str = "auto",
        max_epochs: int | str = "auto",
        early_stopping: Any = "auto",
        validation_fraction: float | str = "auto",
        n_iter_no_change: int | str = "auto",
        tol: float = 0.0,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        callbacks: Any = None,
        net_params: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ):
        super().__init__(
            task_types=task_types,
            class_weight=class_weight,
            categorical_features=categorical_features,
            max_categories=max_categories,
            min_frequency=min_frequency,
            embedding_dim=embedding_dim,
            numeric_embedding=numeric_embedding,
            n_bins=n_bins,
            feature_dropout=feature_dropout,
            n_members=n_members,
            task_weights=task_weights,
            task_weight_decay=task_weight_decay,
            optimizer=optimizer,
            learning_rate=learning_rate,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            weight_averaging=weight_averaging,
            batch_size=batch_size,
            max_epochs=max_epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            device=device,
            dtype=dtype,
            callbacks=callbacks,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_levels = n_levels
        self.n_shared_experts = n_shared_experts
        self.n_specific_experts = n_specific_experts
        self.expert_hidden_units = expert_hidden_units
        self.tower_hidden_units = tower_hidden_units
        self.gate_hidden_units = gate_hidden_units
        self.activation = activation
        self.dropout = dropout
        self.residual = residual

    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        return partial(
            PLE,
            n_outputs=n_outputs,
            n_levels=self.n_levels,
            n_shared_experts=self.n_shared_experts,
            n_specific_experts=self.n_specific_experts,
            expert_hidden_units=tuple(self.expert_hidden_units),
            tower_hidden_units=tuple(self.tower_hidden_units),
            gate_hidden_units=tuple(self.gate_hidden_units),
            activation=self.activation,
            dropout=member_rates(self.dropout, self.n_members),
            residual=self.residual,
            n_members=self.n_members,
        )
