"""What a fitted network does: predict, calibrate, represent, show its gates."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .encoding.prerequisites import Prerequisites
from .encoding.targets import TargetEncoder
from .nn import Body, TabularNetwork
from .nn.drawing import Outline, draw_html
from .nn.hooks import join_weights, record_outputs
from .predictions.blocks import by_blocks, predict_blocks
from .predictions.calibration import find_corrections, join_corrections, split_corrections
from .predictions.copula import Copula
from .predictions.errors import to_units
from .predictions.intervals import Deviations
from .predictions.joint import Distributions
from .predictions.multi_task import (
    MultiTaskModel,
    index_of,
    with_classes,
    with_tasks,
)
from .tables.files.columns import read_labels
from .tables.frames import is_dataset
from .tables.reading import Header, read_features
from .tables.weights import weigh
from .training.history import public_history
from .training.inference import compute_means, compute_outputs, compute_representations
from .training.rows import TableRows
from .training.start import Fitted
from .utils.checks import naming
from .utils.constraints import LISTED, check_arguments
from .utils.versions import check_versions, versions


def _depends(estimator: Any) -> bool:
    """Return whether a task depends on another (or, before fit, would)."""
    return bool(getattr(estimator, "_encoder", estimator).depends_on)


def _has_gates(estimator: "Predictor") -> bool:
    """Return whether the network has gates; before fit, whether its class has."""
    body = estimator.module_.body if hasattr(estimator, "net_") else estimator.network
    return hasattr(body, "gate_names")


class Predictor(TransformerMixin, MultiTaskModel):
    """A fitted network of several tasks: what it does with rows of X, and how it is stored.

    `MultiTaskModel` says what each fitted model of several tasks offers. An `EnsembleModel` has
    it from the predictions of the models that it holds, a predictor from the outputs of one
    network. It adds what only a network has: logits, standard deviations, representations, gates,
    and datasets that are read block by block. It learns nothing from X and y but calibration.

    `MultiTaskEstimator`, the only subclass, adds the parameters and the methods that fit. When a
    fit has ended, or a file has been loaded, it passes the result, a `Fitted`, to `_store`.
    """

    #: Class of the network.
    network: ClassVar[Any] = Body

    def _store(self, fitted: Fitted) -> None:
        """Store the result of a fit, and set the public attributes."""
        history = public_history(fitted.net.history)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(fitted.header.attributes())
        self.net_, self._encoder, self._deviations = fitted.net, fitted.encoder, fitted.deviations
        self._rng, self.device_ = fitted.rng, fitted.device
        self._network_params, self._split_seed = fitted.network, fitted.split_seed
        self.temperatures_, self.intercepts_ = fitted.calibration
        self._set_tasks(fitted.encoder.targets)
        self.history_, self.n_iter_ = history, len(history)

    @property
    def _targets(self) -> TargetEncoder:
        return self._encoder.targets

    @property
    def _is_fitted(self) -> bool:
        return hasattr(self, "net_")

    @property
    def _fitted(self) -> Fitted:
        """The result of the last fit."""
        learnt = self.net_, self._encoder, self._deviations, self._rng, self.device_
        calibration = self.temperatures_, self.intercepts_
        header = Header.of(self)
        return Fitted(*learnt, self._network_params, self._split_seed, header, calibration)

    @property
    def module_(self) -> TabularNetwork:
        """The trained network, a torch module that reads encoded numbers and category codes."""
        check_is_fitted(self)
        return self.net_.module_

    # -- from X to the tasks' outputs -----------------------------------------------------------

    def _predict_blocks(
        self, X: Any, method: Callable[..., Any], *args: Any, known: Any = None, **options: Any
    ) -> Iterator[Any]:
        """Call a method for each block of rows of a dataset, whose columns ``known`` names."""
        check_is_fitted(self)
        if known is not None:
            self._learnt_copula()
        model, names = copy.copy(self), Header.of(self).names
        model._encoder, unknown = self._encoder.for_blocks()

        def predict(rows: pd.DataFrame, **labels: Any) -> Any:
            return method(model, rows, *args, **options, **labels)

        return predict_blocks(X, names, predict, unknown, known)

    def _rows(self, X: Any) -> TableRows:
        check_is_fitted(self)
        features, _ = read_features(X, type(self).__name__, Header.of(self))
        return TableRows(*self._encoder.transform(features), dtype=self.net_.dtype)

    def _member_outputs(self, X: Any) -> Tensor:
        """Compute the members' outputs, of shape (n_members, n_rows, sum of n_outputs)."""
        return compute_outputs(self.net_, self._rows(X), self.n_jobs)

    def _compute(self, X: Any) -> list[np.ndarray]:
        """Compute each task's outputs for rows of X; see `_outputs`."""
        return self._outputs(self._means(X))

    def _means(self, X: Any) -> Tensor:
        """Compute the outputs of the members' mean, of shape (n_rows, sum of n_outputs)."""
        rows = self._rows(X)
        return compute_means(self.net_, rows, self.n_jobs)

    def _uncalibrated(self, X: Any) -> list[np.ndarray]:
        """Compute each task's outputs for rows of X, before calibration."""
        return self._targets.split_outputs(self._means(X).numpy())

    def _predict_labelled(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, method: str
    ) -> tuple:
        """Predict rows by a method; a dataset block by block."""
        if not is_dataset(X):
            return super()._predict_labelled(X, y, sample_weight, method)
        check_is_fitted(self)
        y, sample_weight = read_labels(X, y, sample_weight, Header.of(self).names)
        blocks = self._predict_blocks(X, getattr(type(self), method))
        predicted = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
        labels = self._targets.read(y, predicted[0], None, sample_weight)
        return predicted, *weigh(labels, sample_weight)

    def _outputs(self, means: Tensor) -> list[np.ndarray]:
        """Split the members' means by task, and calibrate them if ``calibrate`` was called."""
        parts = self._encoder.targets.split_outputs(means.numpy())
        if not self.temperatures_:
            return parts
        corrections = join_corrections(self.temperatures_, self.intercepts_)
        calibrated = [
            corrections[task.name].apply(part) if task.name in corrections else part
            for task, part in zip(self.tasks_, parts, strict=True)
        ]
        return self._encoder.prerequisites.ordered(calibrated)

    def _predict_labels(self, X: Any) -> list[np.ndarray]:
        return self._targets.decode(self._compute(X))

    def _predict_tasks(self, X: Any) -> list[np.ndarray]:
        return self._targets.predict(self._compute(X))

    @property
    def _copula(self) -> Copula | None:
        return None if self._deviations is None else self._deviations.copula

    @property
    def _prerequisites(self) -> Prerequisites:
        return self._encoder.prerequisites

    def _predict_distributions(self, X: Any) -> Distributions:
        members = self._member_outputs(X)
        outputs = self._outputs(self.net_.module_.mean(members))
        deviations: Any = self._deviations
        spreads = deviations.compute(members.numpy())
        return Distributions(self._targets.predict(outputs), spreads, deviations.errors, outputs)

    # -- labels and numbers ---------------------------------------------------------------------

    @check_arguments(return_std=["boolean"], tasks=[LISTED, None])
    def predict(
        self,
        X: Any,
        return_std: bool = False,
        *,
        tasks: Sequence[str] | None = None,
        known: Any = None,
    ) -> Any:
        """Predict the label of every task.

        For a dataset, this returns a generator of blocks of predictions, in the order of the rows,
        with the row numbers as index. :func:`sklearn_ple.export.predict_to_parquet` writes such
        predictions to a file.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. A dataset, or a path, is read as in `fit`: only the columns that were
            used in ``fit``, one block of rows at a time.
        return_std : bool, default=False
            Whether to also return a standard deviation for each predicted number, as a measure of
            its uncertainty.
        tasks : sequence of str, default=None
            Names of the tasks to return. The result has a column for each, in this order. None
            returns all tasks.
        known : array-like or DataFrame of shape (n_samples, n_known), default=None
            Known labels of these rows, NaN where a label is asked for. They change the
            predictions of the others in their row, and are returned as they are. The columns of a
            data frame are names of some tasks; an array has a column for each task. For a dataset,
            the names of its columns that hold them.

        Returns
        -------
        y : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The labels, in the form that y had in fit: class labels, and numbers in their units. A
            data frame has the columns and dtypes of y (except that fractions stay floats) and the
            index of X. An array holds numbers of 64 bits, bools or objects, whatever the width of
            y, in the byte order of y.
        std : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            Only with ``return_std``: the standard deviations, in the form of y, but as floats, and
            NaN for a task with classes, of kind "survival", or without a label among the
            validation rows. The square of a standard deviation is the sum of two terms: the
            weighted variance of the members' predictions for the row, and a constant of the task,
            which is multiplied by the rate for a count, by a power of the mean for "tweedie" and
            "hurdle", and by the squared distance between the outer quantiles for "quantile". The
            constant is chosen so that, on the validation rows, the mean of the sum is the mean
            squared error. A known label has the standard deviation 0, and known labels lower those
            of others.

        Raises
        ------
        ValueError
            If there is no such task, or if one is named twice; if ``return_std`` is not a bool.
            With ``return_std``, if every task has classes or is of kind "survival"; with
            ``return_std`` or ``known``, if the last training had no validation rows, which is the
            case without early stopping and after ``partial_fit``; if a known label is none of its
            task.
        """
        check_is_fitted(self)
        targets = self._encoder.targets
        # Checked before a block of a dataset is read, so that errors name no block.
        positions = targets.positions(tasks)
        learnt = self._learnt_deviations("return_std", positions) if return_std else None
        if is_dataset(X):
            options = {"tasks": tasks, "known": known}
            return self._predict_blocks(X, type(self).predict, return_std, **options)
        if learnt is None:
            return self._predict_positions(X, positions, known)
        form, index = targets.form.take(positions), index_of(X)
        if known is not None:
            joint = self._join_tasks(X, known)
            labels, deviations = self._choose_labels(joint.predict()), joint.spread()
        else:
            members = self._member_outputs(X)
            labels = targets.decode(self._outputs(self.net_.module_.mean(members)))
            found = learnt.compute(members.numpy())
            deviations = list(map(to_units, targets.tasks, labels, found))
        y = self._join_labels(labels, positions, X)
        return y, form.assemble_floats([deviations[k] for k in positions], index)

    def _check_errors(self, positions: Sequence[int]) -> None:
        self._learnt_deviations("predict_interval", positions)

    def _learnt_deviations(self, what: str, positions: Sequence[int]) -> Deviations:
        """Return the deviations, after checks that they are known and that some task has them."""
        if not any(self.tasks_[k].has_errors for k in positions):
            kinds = sorted({self.tasks_[k].kind for k in positions})
            raise ValueError(
                f"{what} is for numbers whose errors can be measured, but the tasks are of the "
                f"kinds {kinds}: choose tasks of another kind, such as 'regression'."
            )
        if self._deviations is None:
            raise ValueError(
                f"{what} needs validation rows, on which the errors of predictions are measured, "
                "but the last training had none: fit with early_stopping=True."
            )
        return self._deviations

    @with_tasks("number", lambda task: hasattr(task, "predict_quantiles"))
    @by_blocks
    def predict_quantiles(self, X: Any) -> Any:
        """Predict the quantiles of the tasks of kind "quantile".

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features.

        Returns
        -------
        quantiles : DataFrame of shape (n_samples, n_quantiles), or list of these
            A column for each quantile, with the quantile as its name, such as 0.05. In each row,
            the values never decrease from left to right. They are means over the members. For a y
            with several columns, a list in the order of the tasks, with None for a task of another
            kind.
        """
        return self._frames(X, "predict_quantiles", lambda task: task.levels)

    @with_tasks("number", lambda task: hasattr(task, "predict_survival"))
    @by_blocks
    def predict_survival(self, X: Any, times: Any) -> Any:
        """Predict the probability that the event of a "survival" task happens after given times.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features.
        times : array-like of shape (n_times,)
            Times in the unit of the label, 0 or more.

        Returns
        -------
        survival : DataFrame of shape (n_samples, n_times), or list of these
            A column for each time, with the time as its name. In each row, the probabilities never
            increase with time. They are means over the members. For a y with several columns, a
            list in the order of the tasks, with None for a task of another kind.

        Raises
        ------
        ValueError
            If times are not a list of finite numbers, 0 or more.
        """
        with naming("times"):
            array = np.asarray(times)
        is_list = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iuf"
        if not is_list or not (np.isfinite(array) & (array >= 0)).all():
            raise ValueError(f"times must be a list of finite numbers, 0 or more, not {times!r}.")
        array = array.astype(np.float64)
        return self._frames(X, "predict_survival", lambda _: array, array)

    def _frames(self, X: Any, method: str, columns: Callable[[Any], Any], *arguments: Any) -> Any:
        """Call a method of each task that has it, and return frames with the given columns."""

        def frame(task: Any, part: np.ndarray) -> pd.DataFrame | None:
            if not hasattr(task, method):
                return None
            values = getattr(task, method)(part, *arguments)
            return pd.DataFrame(values, index_of(X), columns(task))

        outputs = self._compute(X)
        pairs = zip(self.tasks_, outputs, strict=True)
        return self._by_task([frame(task, part) for task, part in pairs])

    # -- classes --------------------------------------------------------------------------------

    @with_classes
    @by_blocks
    def decision_function(self, X: Any) -> Any:
        """Compute the logits of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), or list of these
            With two classes, one number for each row, the logit of the second class. For a y with
            several columns, a list in the order of the tasks, with None for a task without
            classes.
        """
        outputs = self._compute(X)
        return self._by_task(self._targets.compute_classes(outputs, "decision_function"))

    @available_if(_depends)
    @by_blocks
    def predict_conditional_proba(self, X: Any) -> Any:
        """Predict the probabilities of events, given the events that they depend on.

        For a task that ``depends_on`` another, ``predict_proba`` returns the probability that both
        events happen, such as a click and a purchase. This method returns the probability given
        that the other event has happened, such as that of a purchase given a click. For all other
        tasks it returns the same as ``predict_proba``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or list of these
            In the form of ``predict_proba``.
        """
        check_is_fitted(self)
        return self._encoder.prerequisites.conditional(self.predict_proba(X))

    @with_classes
    def calibrate(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Calibrate the probabilities of every task with classes, on rows that fit has not used.

        The logits of a task are divided by one number, its temperature, and each class has an
        intercept, which is then added. Both minimise the log loss. So the mean probability of a
        class is its share among the labels of these rows, also after ``class_weight`` or training
        rows that were chosen by their labels; predicted labels may change. A class without a label
        here has the effect of its ``class_weight`` taken back. To calibrate by isotonic
        regression, pass a task's view to scikit-learn's `CalibratedClassifierCV`, within a
        `FrozenEstimator`.

        Calibration affects everything that follows from the probabilities, until the estimator is
        fitted or calibrated again. Tasks that are numbers are not calibrated, nor are tasks
        without a label in y.

        For a task that ``depends_on`` another, the probability that both events happen is
        calibrated, after missing labels that follow from others have been filled in. If it is then
        greater than the probability of the event that the task depends on, it is lowered to this.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label. For a dataset, the
            names of its columns, as in ``score``.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.

        Returns
        -------
        self : object
            The calibrated estimator. ``temperatures_`` and ``intercepts_`` contain the
            temperatures and intercepts, by task.

        Raises
        ------
        ValueError
            If all labels of a task are of one class; if no task has a label.

        References
        ----------
        J. Platt. "Probabilistic Outputs for Support Vector Machines". Advances in Large Margin
        Classifiers, 1999.

        C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger. "On Calibration of Modern Neural Networks".
        ICML 2017.
        """
        parts, labels, weights = self._predict_labelled(X, y, sample_weight, "_uncalibrated")
        codes = self._targets.encode(labels)
        # A task whose labels only follow from those of others would have a single class.
        labelled = weights.any(axis=0)
        self._encoder.prerequisites.complete(codes, weights)
        found = find_corrections(
            self.tasks_, parts, codes, weights * labelled, self._settings.class_weight
        )
        self.temperatures_, self.intercepts_ = split_corrections(found)
        return self

    # -- representations and gates --------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """Compute the representations of the tasks, which are the inputs of their towers.

        They do not include the linear path, which is added to the outputs of the towers.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        representations : ndarray or DataFrame of shape (n_samples, n_columns)
            The representations of all tasks side by side, in the dtype of the network. Those of a
            task have ``n_members`` times the width of its representation as columns, member by
            member: the coordinates of different members are unrelated, so they are not averaged.
            The result is a data frame if ``set_output`` has requested one.
        """
        rows = self._rows(X)
        tasks = compute_representations(self.net_, rows, self.n_jobs)
        return np.column_stack([task.transpose(0, 1).flatten(1).numpy() for task in tasks])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of `transform`: "death: 0", "death: 1" and so on.

        Parameters
        ----------
        input_features : object, default=None
            Not used; present for compatibility with scikit-learn.

        Returns
        -------
        names : ndarray of str objects
            The name of the task and a number, for each column.
        """
        n_members, widths = self.module_.body.n_members, self.module_.representation_widths
        tasks = zip(self.task_names_, widths, strict=True)
        names = [f"{task}: {k}" for task, width in tasks for k in range(n_members * width)]
        return np.array(names, dtype=object)

    @available_if(_has_gates)
    def gate_weights(self, X: Any) -> list[dict[str, pd.DataFrame]]:
        """Compute the weight of each expert in each gate, for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        weights : list of dict of str to DataFrame of shape (n_samples, n_experts)
            A dict for each level, from the features up. Its keys are the names of the gates; the
            gate of a task has the name of the task. Its values are data frames with a column for
            each expert that the gate reads. Each row sums to 1. The weights are means over the
            members.
        """
        n_members = self.module_.body.n_members
        levels = self.module_.gate_names(self.task_names_)
        with record_outputs([names.module for level in levels for names in level]) as batches:
            n_rows = self._member_outputs(X).shape[1]
        index = index_of(X)
        weights, result = iter(batches), []
        for level in levels:
            frames = {}
            for names in level:
                means = join_weights(next(weights), n_members).mean(dim=0)[:, :n_rows]
                for gate, experts, values in names.pair_with_weights(means):
                    frames[gate] = pd.DataFrame(np.asarray(values, np.float64), index, experts)
            # The network may have the tasks in another order.
            of_tasks = [name for name in self.task_names_ if name in frames]
            result.append({gate: frames[gate] for gate in dict.fromkeys([*of_tasks, *frames])})
        return result

    # -- pickles and copies ---------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the versions of packages."""
        return {**super().__getstate__(), "_versions": versions()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: value for k, value in state.items() if k != "_versions"})
        if hasattr(self, "net_"):
            # skorch moves networks of a missing device to the CPU.
            self.device_ = str(self.net_.device)
        check_versions(type(self).__name__, state.get("_versions", {}))

    # -- how scikit-learn and notebooks see it --------------------------------------------------

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of scikit-learn, which state what data the estimator accepts."""
        tags = super().__sklearn_tags__()
        # Representations have the dtype of the network, not that of X.
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _repr_html_inner(self) -> str:
        return self._with_network(super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._with_network(bundle["text/html"])
        return bundle

    def _with_network(self, page: str) -> str:
        """Add the drawing of the network, whose tasks are not known before fit."""
        if not self._is_fitted:
            return page
        title = f"Network of {type(self).__name__}"
        outline = Outline.of(self.module_, title, self.task_types_, self.n_features_in_)
        return page + draw_html(outline)
