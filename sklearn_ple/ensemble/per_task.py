"""One model for each task, with the interface of the networks."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from ..encoding.class_weights import weigh_classes
from ..encoding.targets import TargetEncoder
from ..tables.frames import take_rows
from ..tasks import Task, TaskTypes, by_task
from ..utils._sklearn import _fit_context
from ..utils.checks import shown
from ..utils.constraints import ESTIMATOR, LISTED, N_JOBS, is_estimator
from ..utils.progress import progress_bar
from ..utils.threads import limit_threads
from ..utils.types import ClassWeight, RandomStateLike
from ..utils.warn import without_repeats
from .boosting import TRIED, TreeColumns, learns_targets, make_boosting
from .growing import Part, Predicted, fit_boosting
from .labelled_rows import LabelledRows, ModelRows
from .model import EnsembleModel
from .text import as_categories, learn_categories


class Role(NamedTuple):
    """What the model of a task reads and learns.

    Attributes
    ----------
    is_default : bool
        Whether it is boosting by default, which reads `TreeColumns`.
    reads_text : bool
        Whether it is a pipeline, which has its own steps for text.
    learns_targets : bool
        Whether it learns the encoded labels.
    """

    is_default: bool
    reads_text: bool
    learns_targets: bool

    @classmethod
    def of(cls, task: Task, model: BaseEstimator | None) -> "Role":
        """Return the role of a model that was passed for a task, or of None."""
        is_default = model is None
        reads_text = isinstance(_unwrap(model), Pipeline)
        return cls(is_default, reads_text, is_default and learns_targets(task))


class PerTaskClassifierRegressor(EnsembleModel):
    """One model for each task: a classifier for classes, a regressor for numbers.

    Each model is fitted to the rows that have a label of its task, and nothing is shared. This is
    the baseline of multi-task learning, with the interface of the networks: y has columns of any
    kind and missing labels, and predictions have the form of y.

    Parameters
    ----------
    classifier : estimator, dict of str to estimator, or None, default=None
        The classifier of the tasks with classes: any classifier of scikit-learn's interface, such
        as ``LGBMClassifier()`` or a pipeline; or a dict by the name of the task. A clone is fitted
        for each task. None, and tasks that a dict does not name, stand for boosting, see Notes.
    regressor : estimator, dict of str to estimator, or None, default=None
        The regressor of the tasks with numbers, in the same form.
    task_types : str, list or dict, default="auto"
        The kind of every task, as in :class:`~sklearn_ple.PLEClassifierRegressor`. A task of kind
        "survival" cannot be learnt by a regressor.
    class_weight : "balanced", dict, list or None, default=None
        Weights of the classes, as in :class:`~sklearn_ple.PLEClassifierRegressor`. They multiply
        the sample weights.
    tune : bool, default=False
        Whether to choose the learning rate or the number of leaves of boosting for each task, by
        labels that are set aside; see Notes.
    n_jobs : int or None, default=None
        Number of tasks that are fitted at the same time, as in :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Seed of the models that are used by default. Pass an int for reproducible results.
    verbose : int, default=0
        Whether to show a progress bar, one step for each task.

    Attributes
    ----------
    estimators_ : dict of str to estimator
        The fitted model of each task. Boosting by default reads the result of ``columns_``.
    columns_ : TreeColumns or None
        The transformer that makes the columns of boosting by default, for all tasks at once; None
        if it is used for no task.
    categories_ : dict of str to list
        The values of the columns of text.
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
    BlendClassifierRegressor : Averages such models with a network. As its only part, they have
        intervals and take known labels.
    sklearn_ple.SingleTaskClassifierRegressor : One network for each task.

    Notes
    -----
    By default a task is learnt by scikit-learn's
    :class:`~sklearn.ensemble.HistGradientBoostingClassifier` or
    :class:`~sklearn.ensemble.HistGradientBoostingRegressor`. A tree has one leaf per 125 labels,
    from 4 to 16, and a leaf at least one label in 25, from 5 to 20. Trees are added until labels
    that were set aside are predicted no better: those of three folds, or a fifth of 1,000 labels
    or more. Then a model with the best number of trees is fitted to all rows. They are at most
    1,500, and 50 for less than 20 labels. In a blend its own folds serve instead, see `fit_folds`.

    Counts and amounts have the Poisson loss, and quantiles the absolute error of the median. Of
    tasks of kind "log" the logarithms are learnt by squared error, and turned into means by the
    errors of the labels that were set aside, as in a network.
    ``tune`` tries five settings and takes the one with the least loss of the labels set aside: the
    default, the learning rate 0.03 instead of 0.1, and 4, 8 and 16 leaves. Columns of X are read
    as the networks read them: numbers, text, any number of categories, and missing values.

    A model sees classes as numbers, which are their positions in ``classes_``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> from sklearn_ple.datasets import make_multitask
    >>> from sklearn_ple.ensemble import PerTaskClassifierRegressor
    >>> X, y = make_multitask(200, random_state=0)
    >>> model = PerTaskClassifierRegressor(LogisticRegression(), Ridge())
    >>> model.fit(X, y).predict(X).shape
    (200, 2)
    >>> model.estimators_
    {'y0': Ridge(), 'y1': Ridge()}
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "classifier": [ESTIMATOR, dict, None],
        "regressor": [ESTIMATOR, dict, None],
        "task_types": [str, LISTED, dict, type, Task],
        "class_weight": [str, dict, LISTED, None],
        "tune": ["boolean"],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        classifier: BaseEstimator | Mapping[str, BaseEstimator] | None = None,
        regressor: BaseEstimator | Mapping[str, BaseEstimator] | None = None,
        *,
        task_types: TaskTypes = "auto",
        class_weight: ClassWeight = None,
        tune: bool = False,
        n_jobs: int | None = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ):
        self.classifier = classifier
        self.regressor = regressor
        self.task_types = task_types
        self.class_weight = class_weight
        self.tune = tune
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit a model to each task.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, which are passed to the models as they are. Only text is passed as
            categories, unless the model is a pipeline, whose steps may read it.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Labels of weight 0 are left out.

        Returns
        -------
        self : PerTaskClassifierRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If y or a parameter is invalid, or if a model accepts no sample weights but there are
            some.
        """
        # A copy learns, so that an error leaves the estimator as it was.
        learner = copy.copy(self)
        rows = LabelledRows.read(learner, X, y, sample_weight)
        parts = learner._prepare(rows, sample_weight is not None)
        models, apart = zip(*learner._run([[part] for part in parts], rows), strict=True)
        learner._keep(rows, [model for (model,) in models], apart)
        self.__dict__ = learner.__dict__
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_folds(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, folds: Sequence[Any]
    ) -> list[Any]:
        """Fit a clone to the training rows of each fold.

        Boosting by default has the same number of trees in all folds: the one that predicts the
        rows best that the folds leave out, taken together. Their labels are used for nothing
        else, but to turn logarithms into means. A fold that leaves out no rows gets this number,
        too.

        An estimator of your own may have this method, too: `BlendClassifierRegressor` then calls
        it instead of fitting clones itself.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.
        folds : sequence of (ndarray of int, ndarray of int)
            The numbers of the training rows and of the rows left out, of which there may be none.

        Returns
        -------
        models : list of PerTaskClassifierRegressor
            The fitted clone of each fold.
        """
        whole = LabelledRows.read(clone(self), X, y, sample_weight)
        is_weighted = sample_weight is not None
        frame = whole.frame()
        fits = []
        for train, test in folds:
            model = whole.configure(self, self.task_types)
            weights = whole.weights[train] if is_weighted else None
            rows = LabelledRows.read(model, take_rows(whole.X, train), frame.iloc[train], weights)
            apart = whole.take(test) if len(test) else None
            fits.append((model, rows, model._prepare(rows, is_weighted, apart)))
        models, read, parts = zip(*fits, strict=True)
        found, held_out = zip(*models[0]._run(list(zip(*parts, strict=True)), whole), strict=True)
        for model, rows, own in zip(models, read, zip(*found, strict=True), strict=True):
            model._keep(rows, own, held_out)
        return list(models)

    def _prepare(
        self, rows: LabelledRows, is_weighted: bool, held_out: LabelledRows | None = None
    ) -> list[Part]:
        """Learn the columns of boosting, and return what is to be fitted for each task."""
        is_weighted = is_weighted or self.class_weight is not None
        given = self._read_models(rows)
        self._roles = list(map(Role.of, rows.targets.tasks, given))
        self.categories_ = learn_categories(rows.X)
        self.columns_: Any = None
        if any(role.is_default for role in self._roles):
            labelled = np.flatnonzero(rows.weights.any(axis=1))
            self.columns_ = TreeColumns().fit(take_rows(rows.X, labelled))
        models = []
        for task, column, model in zip(rows.targets.tasks, rows.labels, given, strict=True):
            if model is None:
                model = make_boosting(task, column.observed, self.columns_, self.random_state)
            _check_model(task, model, is_weighted)
            # The column may declare classes that have no label.
            has_one = task.has_classes and len(np.unique(column.observed)) == 1
            models.append(DummyClassifier() if has_one else clone(model))
        trained = self._list_rows(rows, rows.targets, is_weighted)
        apart: list[ModelRows | None] = [None] * len(models)
        if held_out is not None and self.columns_ is not None:
            apart = self._list_rows(held_out, rows.targets, is_weighted)
        return list(map(Part, models, trained, apart))

    def _list_rows(
        self, rows: LabelledRows, targets: TargetEncoder, is_weighted: bool
    ) -> list[Any]:
        """Return the rows that have a label of each task, and what its model reads of them."""
        codes = targets.encode(rows.labels)
        weights = weigh_classes(rows.weights, codes, targets.tasks, self.class_weight)
        tables = self._make_tables(rows.X)
        listed = []
        for k, (task, column, X) in enumerate(
            zip(targets.tasks, rows.labels, tables, strict=True)
        ):
            there = column.mask
            y = codes[there, k] if self._roles[k].learns_targets else column.observed
            y = codes[there, k].astype(int) if task.has_classes else y.astype(float)
            X = X if there.all() else take_rows(X, np.flatnonzero(there))
            listed.append(ModelRows(X, y, weights[there, k] if is_weighted else None))
        return listed

    def _make_tables(self, X: Any) -> list[Any]:
        """Return the table that the model of each task reads.

        Boosting by default reads `TreeColumns`. A model of the user reads X as it is or, unless it
        is a pipeline, which may have its own steps for text, X with categories instead of text.
        """
        own = self.columns_.transform(X) if self.columns_ else None
        coded = as_categories(X, self.categories_)
        return [
            own if role.is_default else X if role.reads_text else coded for role in self._roles
        ]

    def _run(self, parts: Sequence[Sequence[Part]], rows: LabelledRows) -> list[Any]:
        """Fit the models of each task to one or more parts of the rows.

        Returns
        -------
        list of (list of estimator, Predicted or None)
            The models of each task and, if they learn encoded labels, held-out labels.
        """
        settings = TRIED if self.tune else TRIED[:1]
        of_tasks = zip(rows.targets.names, parts, self._roles, strict=True)
        calls = (delayed(_fit_task)(name, part, settings, role) for name, part, role in of_tasks)
        fitted = Parallel(self.n_jobs, return_as="generator")(calls)
        bar = progress_bar(fitted, total=len(parts), desc="Fitting", disable=not self.verbose)
        with without_repeats():
            return list(bar)

    def _keep(self, rows: LabelledRows, models: Sequence[Any], apart: Sequence[Any]) -> None:
        """Keep the fitted model of each task, which learns from the errors of held-out labels."""
        for task, predicted in zip(rows.targets.tasks, apart, strict=True):
            if predicted is not None:
                task.learn_errors(*predicted)
        self.estimators_: dict[str, Any] = dict(zip(rows.targets.names, models, strict=True))
        self._target_encoder = rows.targets
        self._set_tasks(rows.targets)

    def _read_models(self, rows: LabelledRows) -> list[Any]:
        """Return the model that is given for each task, or None."""
        given: dict[str, Any] = {}
        for parameter, of_classes in (("classifier", True), ("regressor", False)):
            names = [task.name for task in rows.targets.tasks if task.has_classes is of_classes]
            value = getattr(self, parameter)
            if isinstance(value, Mapping):
                given |= by_task(value, names, parameter, default=None)
            else:
                given |= dict.fromkeys(names, value)
            for name in names:
                if given[name] is not None and not is_estimator(given[name]):
                    raise ValueError(
                        f"{parameter} of task {name!r} is {shown(given[name])}: it must be "
                        f"{ESTIMATOR} or None."
                    )
        return [given[name] for name in rows.targets.names]

    def _predict_tasks(self, X: Any) -> list[np.ndarray]:
        X = LabelledRows.check_columns(self, X)
        tables = self._make_tables(X)
        # All models read the same columns, so that they would repeat each other's warnings.
        with without_repeats():
            return [
                _predict_model(task, self.estimators_[task.name], table, role.learns_targets)
                for task, table, role in zip(self.tasks_, tables, self._roles, strict=True)
            ]

    def _predict_classes(self, X: Any, known: Any = None) -> list[np.ndarray | None]:
        for task in self.tasks_:
            if task.has_classes and not hasattr(self.estimators_[task.name], "predict_proba"):
                kind = type(self.estimators_[task.name]).__name__
                raise AttributeError(
                    f"The {kind} of task {task.name!r} has no predict_proba: use a classifier "
                    "that predicts probabilities."
                )
        return super()._predict_classes(X, known)


def _unwrap(model: BaseEstimator) -> BaseEstimator:
    """Return the estimator of a search, or the model itself."""
    return model.estimator if hasattr(model, "estimator") and hasattr(model, "refit") else model


def _check_model(task: Task, model: BaseEstimator, is_weighted: bool) -> None:
    """Check that a model suits a task."""
    if task.censored:
        raise ValueError(
            f"Target {task.name!r} is of kind {task.kind!r}, whose labels may be censored: a "
            "regressor cannot learn it. Use a network, or another kind of task."
        )
    if task.has_classes and is_regressor(model):
        raise ValueError(
            f"classifier is {type(model).__name__} for task {task.name!r}: a classifier is needed."
        )
    last = model[-1] if isinstance(model, Pipeline) else model
    if is_weighted and not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            f"{type(last).__name__}, the model of task {task.name!r}, accepts no sample_weight: "
            "pass none, and no class_weight, or use another model."
        )


def _fit_task(
    name: str, parts: Sequence[Part], settings: Sequence[dict[str, float]], role: Role
) -> tuple[list[Any], Predicted | None]:
    """Fit the models of a task to one or more parts of the rows; only boosting has settings."""
    try:
        if role.is_default:
            with limit_threads(parts[0].rows.X.size):
                return fit_boosting(parts, settings, role.learns_targets)
        return [part.rows.fit(part.model) for part in parts], None
    except Exception as error:
        error.add_note(f"This was the model of task {name!r}.")
        _explain_text(error, parts[0])
        raise


def _explain_text(error: Exception, part: Part) -> None:
    """Add what may help if a model has failed on a table with text."""
    X, name = part.rows.X, type(part.model).__name__
    texts = []
    if isinstance(X, pd.DataFrame):
        texts = X.select_dtypes("category").columns.tolist()
    if texts and not isinstance(_unwrap(part.model), Pipeline):
        error.add_note(
            f"X has text or categories, such as in column {texts[0]!r}. If {name} cannot read "
            f"them, pass a pipeline that encodes them, such as make_pipeline(TableVectorizer(), "
            f"{name}()) with skrub, or one with scikit-learn's OneHotEncoder."
        )


def _predict_model(task: Task, model: BaseEstimator, X: Any, is_encoded: bool) -> np.ndarray:
    """Predict the probabilities of all classes of a task, or its numbers."""
    if not task.has_classes:
        predicted = np.asarray(model.predict(X), dtype=np.float64).ravel()
        if is_encoded:
            return task.predict(predicted[:, np.newaxis])
        return np.maximum(predicted, task.lowest)
    if not hasattr(model, "predict_proba"):
        return np.eye(len(task.classes))[np.asarray(model.predict(X), dtype=int)]
    known = np.asarray(model.predict_proba(X), dtype=np.float64)
    probabilities = np.zeros((len(known), len(task.classes)))
    probabilities[:, np.asarray(model.classes_, dtype=int)] = known
    return probabilities
