"""Base class of the estimators: fit, partial_fit and add_task, for any network."""

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .nn import Body, EventLink, JointLogits
from .parameters.elsewhere import ARGUMENTS, ATTRIBUTES
from .parameters.fields import parameter, with_parameters
from .parameters.settings import Architecture, Settings
from .parameters.shared import WIDTHS, Parameters, class_weight
from .predictor import Predictor
from .tables.reading import check_in_memory
from .tasks import Task, TaskTypes
from .training.choosing.defaults import for_one_epoch
from .training.device import in_own_modes
from .training.fit import Fit
from .training.read import Arguments
from .training.start import FewerTasks, LastFit, LastStep, OtherModel, Start
from .utils._sklearn import _fit_context, _num_samples
from .utils.checks import hinting
from .utils.constraints import LISTED, check_arguments, is_listed

__all__ = ["WIDTHS", "MultiTaskEstimator", "class_weight", "parameter", "with_parameters"]


class MultiTaskEstimator(Predictor, Parameters):
    """Base class of estimators that learn several tasks together with a neural network.

    To make an estimator of your own network, write a subclass that sets its class, ``network``,
    declares the parameters of the network as fields, and is decorated with `with_parameters`. The
    subclass then has all features of the estimators of this package: missing labels, tasks of
    several kinds, ensembles, early stopping, `predict_proba` and reports.

    See `~sklearn_ple.PLEClassifierRegressor` for the shared parameters, the attributes, and the
    errors and warnings.

    Examples
    --------
    A network without hidden layers below the towers:

    >>> from sklearn_ple.base import MultiTaskEstimator, with_parameters
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.nn import SharedBottom
    >>> @with_parameters
    ... class TowersAlone(MultiTaskEstimator):
    ...     bottom_hidden_units: tuple = ()
    ...
    ...     network = SharedBottom
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = TowersAlone(n_members=1, max_epochs=1, random_state=0)
    >>> model.fit(X[:200], y[:200]).task_names_
    ['death', 'wt82_71']
    """

    # scikit-learn's HTML display describes parameters only if it has a page to link to.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/sklearn_ple.{estimator_name}.html"
    )

    # -- what subclasses define or override -------------------------------------------------------

    #: Whether `make_network` gets the columns of the features.
    reads_columns: ClassVar[bool] = False
    #: Whether the network does not depend on the order of the tasks. `make_network` then gets them
    #: in the order of their names, so that the order of y's columns has no effect.
    treats_tasks_alike: ClassVar[Any] = False

    def make_network(self, in_features: int, tasks: Sequence[Task], **options: Any) -> Body:
        """Create the network that computes outputs from encoded features.

        By default this is a ``network``, which gets the options and all parameters of the
        estimator that its ``__init__`` names; lists and arrays become tuples. If its ``__init__``
        names ``n_added``, it also gets the number of tasks that ``add_task`` added. A subclass
        whose network needs anything else overrides this method.

        Parameters
        ----------
        in_features : int
            Number of features of each view that the network reads.
        tasks : sequence of Task
            The tasks, with their ``name`` and ``n_outputs``. They are in the order of y's columns
            or, if `treats_tasks_alike` is True, in the order of their names. Tasks added by
            ``add_task``, whose ``added`` is True, come last.
        **options : dict
            Options of `~sklearn_ple.nn.Body`, which every network accepts. If the class attribute
            ``reads_columns`` is True, also ``columns``, a list of `~sklearn_ple.nn.Column`: which
            features belong to which column of X.

        Returns
        -------
        network : Body
            The network.
        """
        if self.network is Body:
            raise TypeError(
                f"{type(self).__name__} has no network: set the attribute network of the class to "
                "a subclass of sklearn_ple.nn.Body, or override make_network."
            )
        names = signature(self.network).parameters
        parameters = {
            name: tuple(value) if is_listed(value) else value
            for name, value in self.get_params(deep=False).items()
            if name in names
        }
        if "n_added" in names:
            parameters["n_added"] = sum(task.added for task in tasks)
        n_outputs = [task.n_outputs for task in tasks]
        return self.network(in_features, n_outputs, **(parameters | options))

    def views(self, n_tasks: int) -> Sequence[int | None]:
        """Return the views of the features that each member reads, with their own embeddings.

        Parameters
        ----------
        n_tasks : int
            Number of tasks.

        Returns
        -------
        views : sequence of (int or None)
            For each view the position of the task that it belongs to, or None. By default there is
            one view, of no task in particular.
        """
        return [None]

    def rate_factors(self) -> dict[str, float]:
        """Return factors of the learning rate for some parameters of the network.

        Returns
        -------
        factors : dict of str to float
            The factors, by a pattern of the names of torch parameters, such as ``"*gates*"``;
            empty by default.
        """
        return {}

    def make_link(
        self, columns: Sequence[tuple[int, int]], positions: Sequence[tuple[int, int]]
    ) -> EventLink:
        """Create the module that links the outputs of events with ``depends_on``.

        Parameters
        ----------
        columns : sequence of (int, int)
            Pairs of columns of the outputs, (task, task that it depends on). A task comes before
            the tasks that depend on it.
        positions : sequence of (int, int)
            The same pairs as positions of tasks.

        Returns
        -------
        link : EventLink
            The module. By default `~sklearn_ple.nn.JointLogits`, which multiplies probabilities
            along the chain.
        """
        return JointLogits(columns, positions)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise an error that hints at ours for an attribute that boosting would have."""
            if name in ATTRIBUTES:
                kind = type(self).__name__
                raise AttributeError(f"{kind} has no attribute {name!r}: {ATTRIBUTES[name]}.")
            # The error of a property or method that is not available says why.
            return object.__getattribute__(self, name)

    # -- fit ------------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @hinting(**ARGUMENTS)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to all tasks together.

        A table that does not fit in memory can be read from files. X is then a
        `pyarrow.dataset.Dataset` of files, or the path of a file or folder, a URL, a pattern or a
        list of files. y and sample_weight are names of its columns, and all other columns are
        features. X_val may be rows in memory or another dataset; in the latter case y_val and
        sample_weight_val are names of its columns. See "Tables larger than memory" in the user
        guide.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features: numbers, categories and dates. A missing value is NaN, None, pandas' NA,
            polars' null, or masked.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None, NA or masked where a task has no label. For a dataset, a list of
            names, or a single name for a 1-D y.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Rows with weight 0 are left out. Columns
            of a data frame that have the names of y's columns are taken by name. For a dataset,
            the name of a column, or of one for each task.
        X_val : {array-like, sparse matrix, DataFrame} of shape (n_validation, n_features), \
                default=None
            Features of validation rows, which are not used for training. If they are passed,
            training stops early (``early_stopping=False`` is then an error) and uses all rows of
            X: none are set aside, and ``refit`` has no effect.
        y_val : {array-like, DataFrame} of shape (n_validation, n_tasks) or (n_validation,), \
                default=None
            Labels of the validation rows, with the columns and classes of y.
        sample_weight_val : array-like of shape (n_validation,) or (n_validation, n_tasks), \
                default=None
            Weights of the validation rows, or of every single label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, for example a patient with several rows. A group is never split:
            no member is trained on some of its rows and validated on others. If
            ``validation_split`` is a splitter, the groups are passed to it. For a dataset, the
            name of a column, which is then no feature.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter are invalid; see `PLEClassifierRegressor`.
        TypeError
            If a column of X or y contains objects that are neither numbers nor labels.
        """
        start = LastFit(self._fitted) if self.warm_start and self._is_fitted else self._start()
        apart = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        arguments = Arguments(X, y, sample_weight, **apart, groups=groups)
        return self._run(Fit(self._settings, start), arguments)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_out_of_fold(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> list[np.ndarray]:
        """Fit like `fit`, and predict rows by members that were not trained on them.

        No other network is trained for this: the validation rows of the members serve. With folds
        these are up to a third of the rows, each predicted by the mean of the two members that
        left it out; otherwise they are the rows set aside. These rows together chose the epoch at
        which training stops, on which a single label has hardly any influence.

        An estimator of your own may have this method, too:
        `~sklearn_ple.ensemble.BlendClassifierRegressor` then needs no further fits to learn how
        much weight the estimator deserves.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, as in `fit`.

        Returns
        -------
        predictions : list of ndarray of shape (n_samples, n_classes) or (n_samples,)
            For each task the probabilities of its classes, or the numbers; NaN in rows on which
            members were trained. Without validation rows all are NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> from sklearn_ple.datasets import load_nhefs
        >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
        >>> model = PLEClassifierRegressor(
        ...     n_members=1, max_epochs=1, random_state=0
        ... )
        >>> death, weight = model.fit_out_of_fold(X, y)
        >>> death.shape, weight.shape, int(np.isfinite(weight).sum())
        ((1629, 2), (1629,), 163)
        """
        check_in_memory(X)
        fit = Fit(self._settings, self._start(), keeps_unseen=True)
        self._run(fit, Arguments(X, y, sample_weight, groups=groups))
        none = np.empty(0, dtype=int), np.empty((0, sum(task.n_outputs for task in self.tasks_)))
        rows, outputs = fit.unseen or none
        predictions = []
        for part in self._targets.predict(self._targets.split_outputs(outputs)):
            predictions.append(np.full((_num_samples(X), *part.shape[1:]), np.nan))
            predictions[-1][rows] = part
        return predictions

    @check_arguments(classes=[LISTED, dict, None])
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, classes: Any = None
    ) -> Self:
        """Train for one more epoch, on the given rows only.

        The first call determines the tasks, classes, scales and categories. Its labels must
        contain all classes, or they must be passed as ``classes``. There is no learning-rate
        schedule and no early stopping, and ``checkpoint_dir`` is not used.

        Later calls, also those after ``fit``, keep the parameters of training, such as
        ``learning_rate``, ``batch_size`` and ``task_weights``, even if they have been changed.
        Only ``class_weight``, ``callbacks``, ``n_jobs`` and ``verbose`` are read anew. To train
        with other parameters, call ``fit`` with ``warm_start=True``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. For a dataset, y and sample_weight are names of columns, as in ``fit``.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Only their ratios within this call
            matter: a weight that all rows of a call share has no effect.
        classes : array-like, list or dict, default=None
            All classes: an array for a single task; for several tasks a list of arrays in the
            order of the tasks (None for a task without classes), or a dict from the name of a task
            to its classes. List those of an ordinal task in their order. By default, a task is
            multiclass if there are classes beyond the ordered categories of its column. Only the
            first call uses them.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a label is not one of the classes, or if parameters of the network have changed
            since the first call.
        """
        start, settings = self._start(), for_one_epoch(self._settings)
        if self._is_fitted:
            start, net = LastStep(self._fitted), self.net_
            # The network stays where it is, and as it is.
            dtype = str(net.dtype).removeprefix("torch.")
            settings = settings.replace(device=str(net.device), dtype=dtype)
        fit = Fit(settings, start, classes=classes)
        return self._run(fit, Arguments(X, y, sample_weight))

    @_fit_context(prefer_skip_nested_validation=True)
    @check_arguments(freeze=["boolean"])
    def add_task(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        task_types: TaskTypes | None = None,
        freeze: bool = True,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Add one or more tasks to a fitted estimator, and train them.

        The new tasks come after the existing ones. X is encoded with the scales, categories and
        bins that were learnt in ``fit``. With ``freeze``, the existing weights do not change, and
        neither do the predictions of the earlier tasks, up to rounding. Only the new tasks' own
        experts, gates, towers and linear paths are trained; they use the shared parts of the
        network. This is useful if there are few rows, or if earlier tasks must not change.

        The rows may differ from those of ``fit``, and y contains only the labels of the new tasks.
        Training follows the same rules as in ``fit``, for this number of rows, including early
        stopping. ``history_`` is that of this training, in which earlier tasks have no score.
        ``checkpoint_dir`` is not used.

        Later calls of ``partial_fit``, or of ``fit`` with ``warm_start=True``, train all tasks,
        with a y that has a column for each. With several levels, the shared gates do not weigh the
        experts of added tasks.

        If a parameter has an entry for each task, add that of the new task by ``set_params``
        before, for example to a list of ``n_specific_experts``. The network's entries for earlier
        tasks must not change. In a dict by name, such as ``task_weights={"new": 2.0}``, a task
        without an entry has the default. ``task_types`` stays as it is: pass the kind of the new
        task to this method.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, with the same columns as in ``fit``.
        y : {array-like, Series, DataFrame} of shape (n_samples,) or (n_samples, n_columns)
            The labels of the new tasks. NaN, None or NA where there is none. The names of the
            columns are the names of the tasks; without names, the third task is "y2" and so on.
            With ``freeze=False``, y may also have columns of earlier tasks.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Weights of the rows, or of every single label.
        task_types : str, list or dict, default=None
            Kinds of the columns of y, as in the parameter ``task_types`` of the estimator. None
            stands for the kind that the estimator's ``task_types`` sets for all tasks, or for
            "auto" if that parameter is a list or a dict. Earlier tasks keep their kinds.
        freeze : bool, default=True
            Whether the existing weights do not change. If False, all weights are trained, but only
            on the labels in y: earlier tasks without labels there change with the shared parts of
            the network, and may get worse. Their calibration and standard deviations are then
            discarded.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, as in ``fit``.

        Returns
        -------
        self : object
            The estimator, with the tasks added. If an error is raised, it has not changed.

        Raises
        ------
        ValueError
            If ``freeze`` is not a bool; if y has no new task or, with ``freeze=True``, also has a
            task that exists already; if X or the kind of a task does not suit the estimator; if
            parameters of the network have changed since fit; or if earlier tasks would read the
            experts of the new ones, so that they cannot be frozen. The last may be the case in
            your own networks.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.

        References
        ----------
        A. A. Rusu et al. "Progressive Neural Networks". arXiv:1606.04671, 2016. (In these networks
        new layers for a task also read frozen layers of earlier tasks.)

        Examples
        --------
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> from sklearn_ple.datasets import load_nhefs
        >>> X, y = load_nhefs(return_X_y=True)
        >>> X, y = X[:200], y[:200]
        >>> model = PLEClassifierRegressor(
        ...     n_members=1, max_epochs=1, random_state=0
        ... )
        >>> before = model.fit(X, y[["death", "wt82_71"]]).predict(X)
        >>> model.add_task(X, y["sbp"]).task_names_
        ['death', 'wt82_71', 'sbp']
        >>> model.predict(X)["death"].equals(before["death"])
        True
        """
        check_is_fitted(self)
        start = FewerTasks(self._fitted, task_types, freeze)
        settings = self._settings.replace(checkpoint_dir=None)
        return self._run(Fit(settings, start), Arguments(X, y, sample_weight, groups=groups))

    # -- what a fit is made of ------------------------------------------------------------------

    def _run(self, fit: Fit, arguments: Arguments) -> Self:
        """Run a fit, and store its result."""
        with in_own_modes():
            self._store(fit.run(arguments))
        return self

    @property
    def _settings(self) -> Settings:
        """The parameters as they are now, and the hooks."""
        hooks = self.make_network, self.views, self.make_link, self.rate_factors()
        architecture = Architecture(*hooks, self.treats_tasks_alike, self.reads_columns)
        return Settings(type(self), self.family, architecture, self.get_params(deep=False))

    def _start(self) -> Start:
        """Return where a first fit starts from: anew, or the model of ``warm_start_from``."""
        given = self.warm_start_from
        other = given.estimator if isinstance(given, FrozenEstimator) else given
        if other is None:
            return Start()
        if not isinstance(other, MultiTaskEstimator):
            raise TypeError(
                f"warm_start_from is of type {type(other).__name__}: it must be an estimator of "
                "this package, by itself or in a FrozenEstimator."
            )
        if other is self:
            raise ValueError(
                "warm_start_from is the estimator itself: to continue from its own weights, set "
                "warm_start_from=None and warm_start=True."
            )
        if not other._is_fitted:
            raise ValueError(
                "warm_start_from is not fitted. If it was fitted before, clone, for example in a "
                "grid search, has replaced it by an unfitted copy: pass "
                "warm_start_from=FrozenEstimator(model), from sklearn.frozen."
            )
        return OtherModel(other._fitted, type(other))
