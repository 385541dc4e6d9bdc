"""What estimators tell of tasks with classes: probabilities and scores."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metaestimators import available_if

from .tasks import ClassTask


def knows_classes(estimator: Any) -> bool:
    """Whether there are (or, before fit, could be) tasks with classes."""
    tasks = estimator._encoder.targets.tasks if hasattr(estimator, "net_") else None
    if tasks is None:
        return estimator._family != "number"
    return any(task.has_classes for task in tasks)


def _depends(estimator: Any) -> bool:
    """Whether a task depends on another."""
    return bool(estimator.depends_on)


class ClassMethods:
    """The methods of tasks with classes; they need the estimator's outputs and tasks."""

    _outputs: Any
    _encoder: Any

    @available_if(knows_classes)
    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or list of these
            Columns are in the order of ``classes_``. For a y of several columns a list in task
            order, None for a task without classes.
        """
        return self._per_class_task(X, "predict_proba")

    @available_if(knows_classes)
    def decision_function(self, X: Any) -> Any:
        """Compute the scores behind the classes: logits.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), or list of these
            One number a row where there are two classes. For a y of several columns a list in
            task order, None for a task without classes.
        """
        return self._per_class_task(X, "decision_function")

    @available_if(_depends)
    def predict_conditional_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes, given that what a task depends on happens.

        Of a task that ``depends_on`` another, ``predict_proba`` tells how probable it is that both
        happen, as a click and then a purchase; this is how probable it is after the other has
        happened, as a purchase after a click. For all other tasks it is the same as
        ``predict_proba``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or list of these
            In the form of ``predict_proba``.
        """
        return self._encoder.dependence.conditional(self.predict_proba(X))

    def _per_class_task(self, X: Any, method: str) -> Any:
        outputs = self._outputs(X)
        parts = self._encoder.targets.split_outputs(outputs)
        results = [
            getattr(task, method)(part) if isinstance(task, ClassTask) else None
            for task, part in zip(self._encoder.targets.tasks, parts, strict=True)
        ]
        return results[0] if self._encoder.targets.form.ndim == 1 else results
