"""PLE where every task is a class, or a number: scikit-learn's classifier and regressor."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from .ple import NETWORK_DOC, PLEClassifierRegressor


def _is_single_task(estimator: PLEClassifier) -> bool:
    """Whether y was, or before fit could be, 1-D."""
    return not hasattr(estimator, "classes_") or not isinstance(estimator.classes_, list)


@fill_doc(network=NETWORK_DOC)
class PLEClassifier(ClassifierMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks with classes.

    A scikit-learn classifier: y may be 1-D, and numbers in y are classes. See
    `PLEClassifierRegressor` for the model and its loss.

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
        If a target has no label or one class only, or holds fractions.

    See Also
    --------
    PLEClassifierRegressor : Tasks of any kind.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ple import PLEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = PLEClassifier(learning_rate=0.01, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _family = "class"
    score = MultiTaskEstimator.score

    @available_if(_is_single_task)
    def decision_function(self, X: Any) -> Any:
        """Compute the scores behind the classes: logits.

        Only for 1-D y: of a classifier with several targets, scikit-learn expects one array here,
        which tasks with different numbers of classes do not have.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One number a row where there are two classes.
        """
        return super().decision_function(X)


@fill_doc(network=NETWORK_DOC)
class PLERegressor(RegressorMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks that are numbers.

    A scikit-learn regressor: y may be 1-D. A task is a "regression" unless ``task_types`` says
    "count". See `PLEClassifierRegressor` for the model and its loss.

    Parameters
    ----------
    %(task_types)s
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
        If a target has no label or holds strings.

    See Also
    --------
    PLEClassifierRegressor : Tasks of any kind.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn_ple import PLERegressor
    >>> X, y = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = PLERegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X).columns.tolist()
    ['Weight', 'Waist', 'Pulse']
    """

    _family = "number"
    score = MultiTaskEstimator.score

    # PLEClassifierRegressor's, without class_weight.
    def __init__(
        self,
        *,
        task_types: Any = "auto",
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
            n_levels=n_levels,
            n_shared_experts=n_shared_experts,
            n_specific_experts=n_specific_experts,
            expert_hidden_units=expert_hidden_units,
            tower_hidden_units=tower_hidden_units,
            gate_hidden_units=gate_hidden_units,
            activation=activation,
            dropout=dropout,
            residual=residual,
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
