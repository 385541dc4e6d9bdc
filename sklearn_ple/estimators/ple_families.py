"""PLE where every task is a class, or a number: scikit-learn's classifier and regressor."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from .._docs import fill_doc
from ..base import MultiTaskEstimator
from ..parameters import with_parameters
from .ple import PLEClassifierRegressor


def _is_single_task(estimator: PLEClassifier) -> bool:
    """Whether y was, or before fit could be, 1-D."""
    return not hasattr(estimator, "classes_") or not isinstance(estimator.classes_, list)


@fill_doc
class PLEClassifier(ClassifierMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks with classes.

    A scikit-learn classifier: y may be 1-D, and numbers in y are classes. See
    `PLEClassifierRegressor` for the model and its loss.

    Parameters
    ----------
    %(parameters)s

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


@fill_doc
@with_parameters
class PLERegressor(RegressorMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks that are numbers.

    A scikit-learn regressor: y may be 1-D. A task is a "regression" unless ``task_types`` says
    "quantile" or "count". See `PLEClassifierRegressor` for the model and its loss.

    Parameters
    ----------
    %(parameters)s

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

    #: No parameter here: numbers have no classes.
    class_weight: ClassVar[None] = None  # type: ignore[misc]
