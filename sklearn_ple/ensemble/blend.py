"""The blend: a weighted mean of several estimators of the same tasks."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.ensemble import VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ..estimators.ple import PLEClassifierRegressor
from ..predictions.calibration import join_corrections, split_corrections
from ..predictions.copula import Copula
from ..predictions.errors import find_quantile
from ..predictions.joint import Distributions
from ..predictions.margins import NumberMargin
from ..predictions.multi_task import index_of, with_classes, with_tasks
from ..tasks import Task, TaskTypes
from ..utils._sklearn import StrOptions, _BaseComposition, _fit_context
from ..utils.checks import naming, shown
from ..utils.constraints import CV, LISTED, N_JOBS, is_estimator
from ..utils.progress import progress_bar
from ..utils.types import RandomStateLike
from .blended import BlendedFit, average_tasks
from .labelled_rows import LabelledRows
from .learnt import Learnt, deviate, take_logarithms
from .model import EnsembleModel
from .per_task import PerTaskClassifierRegressor


class BlendClassifierRegressor(_BaseComposition, EnsembleModel):
    """Weighted mean of several estimators, by default a network and boosting per task.

    Numbers and probabilities are averaged, with weights for each task that are learnt from
    out-of-fold predictions: predictions of rows by models that were not trained on them.

    Parameters
    ----------
    estimators : list of (str, estimator), default=None
        Names and estimators, each of this package: alone, in a pipeline or in a search. None
        stands for ``[("network", PLEClassifierRegressor()), ("boosting",
        PerTaskClassifierRegressor())]``. An estimator in a
        :class:`~sklearn.frozen.FrozenEstimator` is used as it is; fit the blend to rows that it
        has not seen.
    weights : {"auto", "equal"}, default="auto"
        The weights of the estimators. "auto" learns them for each task, see Notes.
    cv : int, splitter, iterable or None, default=5
        The folds on which estimators are cross-fitted. An int is the number of folds of
        :class:`~sklearn_ple.model_selection.MultiTaskKFold`; None means 5. An estimator with the
        method ``fit_out_of_fold``, such as a network, then needs no folds and is fitted once. With
        a splitter, as for an order in time, every estimator is fitted to its folds.
    task_types : str, list or dict, default="auto"
        The kind of every task, as in :class:`~sklearn_ple.PLEClassifierRegressor`. Estimators
        whose own ``task_types`` is "auto" get the kinds.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, as in :class:`joblib.Parallel`; of tasks
        for an estimator that fits all folds together.
    random_state : int, RandomState instance or None, default=None
        Seed of the estimators whose own ``random_state`` is None. Pass an int for reproducible
        results.
    verbose : int, default=0
        Whether to show a progress bar, one step for each estimator.

    Attributes
    ----------
    weights_ : DataFrame of shape (n_tasks, n_estimators)
        The weights of the estimators for each task, which sum to 1.
    scores_ : DataFrame of shape (n_tasks, n_estimators + 1)
        The score of each estimator and, in the last column, of the blend, on out-of-fold
        predictions, by the default metric of the task. Those of the blend are slightly too high,
        since the weights were learnt on the same rows. NaN without out-of-fold predictions.
    models_ : dict of str to list of estimator
        The fitted models of each estimator, whose predictions are averaged.
    temperatures_ : dict of str to float
        The temperatures of the tasks after ``calibrate``, empty before.
    intercepts_ : dict of str to list of float
        The intercepts of their classes after ``calibrate``, empty before.
    classes_ : ndarray, or list of (ndarray or None)
        The sorted classes of each task; None for numbers. For a 1-D y the classes themselves.
    tasks_ : list of Task
        The tasks, with their names, kinds and classes.
    task_names_ : list of str
        Names of the tasks.
    task_types_ : dict of str to str
        The kind of each task.
    ignored_targets_ : list of int
        Positions in y of the columns that are left out.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if all are strings.

    See Also
    --------
    PerTaskClassifierRegressor : One model for each task.
    sklearn_ple.inspection.BlendDisplay : Draws the weights.

    Notes
    -----
    The best weights of a task are not negative, sum to 1, and minimise the squared error of the
    weighted mean, or its log loss for classes: stacked regressions, as of Breiman (1996) and, for
    classes, Ting and Witten (1999). For the kind "log", squared errors are divided by the mean
    prediction. With n labels the best weights count n / (n + 300), and those of all tasks together
    the rest. Of these, the best ones count N / (N + 100) with N labels in all, and equal weights
    the rest. Only labels of rows that every estimator predicts out of fold count.

    The models of the folds are kept and averaged, if each row is in exactly one fold. Otherwise
    the estimator is fitted once more, to all rows. Groups and weights are passed on. An estimator
    with the method ``fit_folds``, such as boosting per task, fits the models of all folds
    together, and the one to all rows.

    References
    ----------
    L. Breiman. "Stacked Regressions". Machine Learning 24, 1996.

    K. M. Ting, I. H. Witten. "Issues in Stacked Generalization". Journal of Artificial
    Intelligence Research 10, 1999.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.ensemble import (
    ...     BlendClassifierRegressor,
    ...     PerTaskClassifierRegressor,
    ... )
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> network = PLEClassifierRegressor(n_members=2, max_epochs=1)
    >>> boosting = PerTaskClassifierRegressor()
    >>> blend = BlendClassifierRegressor(
    ...     [("network", network), ("boosting", boosting)], cv=2, random_state=0
    ... )
    >>> blend.fit(X[:200], y[:200]).weights_.sum(axis=1).round(6).tolist()
    [1.0, 1.0]
    >>> blend.scores_.columns.tolist()
    ['network', 'boosting', 'blend']
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimators": [list, tuple, None],
        "weights": [StrOptions({"auto", "equal"})],
        "cv": CV,
        "task_types": [str, LISTED, dict, type, Task],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimators: Sequence[tuple[str, BaseEstimator]] | None = None,
        *,
        weights: str = "auto",
        cv: Any = 5,
        task_types: TaskTypes = "auto",
        n_jobs: int | None = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ):
        self.estimators = estimators
        self.weights = weights
        self.cv = cv
        self.task_types = task_types
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, and with ``deep`` the estimators by name and their parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the estimators and their parameters, too.

        Returns
        -------
        params : dict
            The parameters.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of estimators, such as ``network__n_levels``.

        Parameters
        ----------
        **params : dict
            The parameters. The name of an estimator replaces it.

        Returns
        -------
        self : BlendClassifierRegressor
            The estimator.
        """
        with naming("estimators"):
            self._set_params("estimators", **params)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimators, and learn their weights.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row. No row is predicted out of fold by a model that was trained on a
            row of its group.

        Returns
        -------
        self : BlendClassifierRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter are invalid, or if estimators have different tasks.
        """
        # A copy learns the columns of X, so that an error leaves the estimator as it was.
        learner = copy.copy(self)
        rows = LabelledRows.read(learner, X, y, sample_weight)
        named = self._name_estimators(rows)
        weights = None if sample_weight is None else rows.weights
        whole = BlendedFit(rows, weights, groups, self.cv, self.n_jobs)
        bar = progress_bar(named.items(), desc="Fitting", disable=not self.verbose)
        fitted = {name: whole.run(estimator) for name, estimator in bar}
        learnt = Learnt.of(rows, fitted, self.weights)
        self.__dict__ = learner.__dict__
        self._errors, self._sizes = learnt.errors, learnt.sizes
        self._found_corrections = learnt.corrections
        self._found_copula = learnt.copula
        tasks = rows.targets.names
        self.weights_ = pd.DataFrame(learnt.weights, tasks, list(fitted))
        self.scores_ = pd.DataFrame(learnt.scores, tasks, [*fitted, "blend"])
        self.models_ = {name: one.models for name, one in fitted.items()}
        self.temperatures_: dict[str, float] = {}
        self.intercepts_: dict[str, list[float]] = {}
        self._target_encoder = rows.targets
        self._set_tasks(rows.targets)
        return self

    def _list_estimators(self) -> Any:
        """Return the estimators, which may be those by default."""
        if self.estimators is not None:
            return self.estimators
        return [
            ("network", PLEClassifierRegressor()),
            ("boosting", PerTaskClassifierRegressor()),
        ]

    def _sk_visual_block_(self) -> Any:
        """Show the estimators beside each other in scikit-learn's HTML display."""
        return VotingRegressor(self._list_estimators())._sk_visual_block_()

    def _name_estimators(self, rows: LabelledRows) -> dict[str, Any]:
        """Return clones of the estimators by name, with kinds of tasks and seeds."""
        given = self._list_estimators()
        pairs: list[Any] = [pair for pair in given if isinstance(pair, tuple) and len(pair) == 2]
        named = dict(pairs) if all(isinstance(name, str) for name, _ in pairs) else {}
        if not given or len(named) < len(given) or not all(map(is_estimator, named.values())):
            raise ValueError(
                f"estimators is {shown(given)}: it must be a list of pairs, each of a name of its "
                "own and an estimator."
            )
        if "blend" in named:
            raise ValueError(
                "estimators has the name 'blend', which the scores of the blend have."
            )
        self._validate_names(list(named))
        return {
            name: estimator
            if isinstance(estimator, FrozenEstimator)
            else rows.configure(estimator, self.task_types, self.random_state)
            for name, estimator in named.items()
        }

    @property
    def _copula(self) -> Copula | None:
        return self._found_copula

    def _predict_distributions(self, X: Any) -> Distributions:
        parts = self._predict_tasks(X)
        spreads = list(map(deviate, self.tasks_, parts, self._sizes))
        return Distributions(parts, spreads, self._errors)

    # -- predictions ------------------------------------------------------------------------------

    def _predict_tasks(self, X: Any) -> list[np.ndarray]:
        X = LabelledRows.check_columns(self, X)
        found = [average_tasks(models, X, self.tasks_) for models in self.models_.values()]
        weights = self.weights_.to_numpy()
        parts = [
            np.tensordot(of_task, np.stack(parts), 1)
            for of_task, parts in zip(weights, zip(*found, strict=True), strict=True)
        ]
        corrections = join_corrections(self.temperatures_, self.intercepts_)
        return [
            softmax(corrections[task.name].apply(take_logarithms(part)), axis=1)
            if task.name in corrections
            else part
            for task, part in zip(self.tasks_, parts, strict=True)
        ]

    @with_classes
    def calibrate(self) -> Self:
        """Calibrate the probabilities by the out-of-fold predictions.

        The logarithms of the probabilities of a task are divided by one number, its temperature,
        and each class has an intercept, which is then added. The log loss of the out-of-fold
        predictions is least for these. Predicted labels may change. Tasks without such predictions
        are not calibrated.

        Returns
        -------
        self : BlendClassifierRegressor
            The calibrated estimator.

        Raises
        ------
        ValueError
            If no task with classes has out-of-fold predictions of several classes.

        References
        ----------
        C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger. "On Calibration of Modern Neural Networks".
        ICML 2017.
        """
        check_is_fitted(self)
        if not self._found_corrections:
            raise ValueError(
                "There are no out-of-fold predictions to calibrate by: fit to more rows."
            )
        self.temperatures_, self.intercepts_ = split_corrections(self._found_corrections)
        return self

    def _check_errors(self, positions: Sequence[int]) -> None:
        if not any(self._errors[k] for k in positions):
            raise ValueError(
                "There are no out-of-fold errors of these tasks, by which intervals are found: "
                "fit to more rows, or choose tasks that are numbers."
            )

    @with_tasks("number", lambda task: hasattr(task, "predict_quantiles"))
    def predict_quantiles(self, X: Any) -> Any:
        """Predict the quantiles of the tasks of kind "quantile".

        They are the prediction plus quantiles of its out-of-fold errors.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        quantiles : DataFrame of shape (n_samples, n_quantiles), or list of these
            A column for each quantile, with the quantile as its name. For a y with several
            columns, a list in the order of the tasks, with None for a task of another kind.
        """
        check_is_fitted(self)
        distributions = self._predict_distributions(X)
        results: list[Any] = []
        tasks: list[Any] = list(self.tasks_)
        margins = distributions.make_margins(tasks, distributions.predictions)
        for task, margin in zip(tasks, margins, strict=True):
            if not isinstance(margin, NumberMargin) or not hasattr(task, "predict_quantiles"):
                results.append(None)
                continue
            errors = margin.errors
            ends = [find_quantile(errors.values, errors.weights, q) for q in task.levels]
            quantiles = np.column_stack([margin.place(end) for end in ends])
            results.append(pd.DataFrame(quantiles, index_of(X), task.levels))
        return self._by_task(results)
