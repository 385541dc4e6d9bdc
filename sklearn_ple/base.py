"""Base class of the estimators: fit and partial_fit, for any network."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .encoding.encoder import Encoded, TableEncoder
from .encoding.growth import grow
from .network import create_module, create_net
from .nn import Body, EventLink, JointLogits, TabularNetwork
from .nn.members import Members
from .origins import check_same_network, origin_of, other_model
from .parameters.fields import parameter, with_parameters
from .parameters.shared import WIDTHS, class_weight
from .predictions.intervals import Deviations
from .predictor import Predictor
from .tables.files.table import AnyTable
from .tables.form import TargetForm
from .tables.frames import is_dataset
from .tables.table import Table
from .tasks import Task
from .trainer import Trainer, callbacks_of
from .training.all_or_nothing import all_or_nothing
from .training.checkpoint import Checkpoint
from .training.device import in_own_modes, resolve_device
from .training.fit_callbacks import fit_task
from .training.origin import FewerTasks, LastFit
from .training.plan import Plan
from .training.random_state import seeded, to_go_on_with
from .training.read import read_files, read_table, rows_of
from .training.split import Split
from .training.together import alike, check_alike
from .utils._sklearn import CallbackSupportMixin, _fit_context, with_callbacks

__all__ = ["WIDTHS", "MultiTaskEstimator", "class_weight", "parameter", "with_parameters"]


class MultiTaskEstimator(CallbackSupportMixin, Predictor, ABC):
    """Base class of estimators that learn several tasks together with a neural network.

    To make an estimator of your own network, write a subclass that declares the parameters of the
    network as fields, decorate it with `with_parameters`, and create the network in
    `make_network`. The subclass then has all features of the estimators of this package: missing
    labels, tasks of several kinds, ensembles, early stopping, `predict_proba` and reports.

    See `PLEClassifierRegressor` for the shared parameters, the attributes, and the errors and
    warnings.

    Examples
    --------
    A network without hidden layers below the towers:

    >>> from sklearn_ple.base import MultiTaskEstimator, with_parameters
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.nn import SharedBottom
    >>> @with_parameters
    ... class TowersAlone(MultiTaskEstimator):
    ...     def make_network(self, in_features, tasks, **towers):
    ...         n_outputs = [task.n_outputs for task in tasks]
    ...         return SharedBottom(
    ...             in_features, n_outputs, bottom_hidden_units=(), **towers
    ...         )
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = TowersAlone(n_members=1, max_epochs=2, random_state=0)
    >>> model.fit(X, y).task_names_
    ['death', 'wt82_71']
    """

    # scikit-learn's HTML display describes parameters only if it has a page to link to.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/sklearn_ple.{estimator_name}.html"
    )

    # -- methods for subclasses to define or override --------------------------------------------

    @abstractmethod
    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        """Create the network that computes outputs from encoded features.

        Every subclass must define this method.

        Parameters
        ----------
        in_features : Features
            Number of features of each view that the network reads, an int with an attribute
            ``columns``, which states which features belong to which column of X.
        tasks : sequence of Task
            The tasks, with their ``name`` and ``n_outputs``. They are in the order of y's columns
            or, if `treats_tasks_alike` returns True, in the order of their names. Tasks added by
            ``add_task``, whose ``added`` is True, come last.
        **towers : dict
            Options that every `~sklearn_ple.nn.Body` accepts; see `~sklearn_ple.nn.TowerOptions`.

        Returns
        -------
        network : Body
            The network. Annotate the method with its class: from this it is known before fit
            whether the estimator has gates.
        """

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

    def treats_tasks_alike(self) -> bool:
        """Return whether the network does not depend on the order of the tasks.

        If it does not, `make_network` gets the tasks in the order of their names, so that the
        order of y's columns has no effect on what is learnt.

        Returns
        -------
        alike : bool
            Whether the order has no effect; False by default.
        """
        return False

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

    def tower_options(self) -> dict[str, Any]:
        """Return the options that all networks accept in addition to their own parameters.

        Returns
        -------
        options : dict
            The options by name, as in `~sklearn_ple.nn.TowerOptions`.
        """
        return {
            "tower_hidden_units": tuple(self.tower_hidden_units),
            "activation": self.activation,
            "dropout": Members(self.n_members).rates(self.dropout),
            "n_members": self.n_members,
        }

    def make_module(self, encoder: TableEncoder) -> TabularNetwork:
        """Create the whole network: embeddings, body, linear path and mean over members.

        Parameters
        ----------
        encoder : TableEncoder
            The encoder, fitted to a table.

        Returns
        -------
        module : TabularNetwork
            The untrained network, which computes the outputs of all tasks from encoded numbers and
            category codes.
        """
        return create_module(self, encoder)

    # -- fit ------------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Fit the network to all tasks together.

        A table that does not fit in memory can be read from files. X is then a
        `pyarrow.dataset.Dataset` of Parquet or Arrow IPC files, or the path of such a file or
        folder. y and sample_weight are names of its columns, and all other columns are features.
        X_val may be rows in memory or another dataset; in the latter case y_val and
        sample_weight_val are names of its columns. See "Tables larger than memory" in the user
        guide.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. A missing value is NaN, None, pandas' NA, polars' null, or masked.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None, NA or masked where a task has no label. For a dataset, a list of
            names, or a single name for a 1-D y.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Rows with weight 0 are left out. Columns
            of a data frame that have the names of y's columns are taken by name. For a dataset,
            the name of a column.
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
            ``validation_split`` is a splitter, the groups are passed to it.

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
        resume = self.warm_start and hasattr(self, "net_")
        asked = {
            "X_val": X_val,
            "y_val": y_val,
            "sample_weight_val": sample_weight_val,
            "groups": groups,
        }
        with (
            fit_task(self, X, y, sample_weight=sample_weight, **asked) as reporters,
            all_or_nothing(self),
            in_own_modes(),
        ):
            if resume:
                check_same_network(self)
            table, split = self._read(X, y, sample_weight, resume, asked)
            plan = Plan.of(self, len(table), split)
            encoded = self._encode(table, plan, resume)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            start = self.module_ if resume else None
            check_alike(self, table, split, start)
            checkpoint = Checkpoint.of(self, table, split, start)
            self._rng = alike(check_random_state(checkpoint.random_state))
            origin = LastFit(self.net_) if resume else origin_of(self, self._encoder)
            trainer = Trainer(self, origin, self._rng, reporters, checkpoint)
            trainings = trainer.prepare(table, self._encoder, encoded, plan, split)
            # Free memory: training needs only what is prepared.
            del table, encoded, split
            self._settle(*trainer.train(*trainings))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
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
        resume = hasattr(self, "net_")
        with all_or_nothing(self), in_own_modes():
            if resume:
                check_same_network(self)
            read = read_table if is_dataset(X) else Table.read
            table = read(self, X, y, sample_weight, like=self._form(resume))
            plan = Plan.of(self, len(table))
            encoded = self._encode(table, plan, resume, classes)
            if resume:
                numbers = self._encoder.resume(encoded)
            else:
                self._encoder, numbers = self._encoder.start(encoded)
            given = self.random_state
            rng = to_go_on_with(self._rng, given) if resume else check_random_state(given)
            self._rng = alike(rng)
            dtype = self.net_.dtype if resume else self._torch_dtype
            encoded = encoded._replace(numbers=numbers)
            rows = rows_of(table, self._encoder, encoded, self._class_weight, dtype)
            # A network stays where it is.
            device = str(self.net_.device) if resume else self.device
            self.device_ = resolve_device(device, self._torch_dtype)
            check_alike(self, table, Split(), self.module_ if resume else None)
            with seeded(self._rng):
                if resume:
                    # A copy, so that a failure leaves the estimator as it was.
                    net = copy.deepcopy(self.net_)
                else:
                    net = create_net(self, plan, self._encoder, origin_of(self, self._encoder))
                net.n_jobs = self.n_jobs
                net.train(rows, n_epochs=1, callbacks=callbacks_of(self, self._encoder))
            self._settle(net, self._encoder)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def add_task(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        task_types: Any = None,
        freeze: bool = True,
        groups: Any = None,
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
        before, for example to a list of ``n_specific_experts`` or to HoME's ``task_groups``. The
        network's entries for earlier tasks must not change. In a dict by name, such as
        ``task_weights={"new": 2.0}``, a task without an entry has the default. ``task_types``
        stays as it is: pass the kind of the new task to this method.

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
            If y has no new task or, with ``freeze=True``, also has a task that exists already; if
            X or the kind of a task does not suit the estimator; if parameters of the network have
            changed since fit; if a new task would be in a new group of HoME; or if earlier tasks
            would read the experts or tokens of the new ones, so that they cannot be frozen. The
            last is the case in STEM, in MultiTab-Net unless ``task_mask`` is "both", or "tasks"
            with one block, and possibly in your own networks.
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
        >>> model = PLEClassifierRegressor(
        ...     n_members=1, max_epochs=3, random_state=0
        ... )
        >>> before = model.fit(X, y[["death", "wt82_71"]]).predict(X)
        >>> model.add_task(X, y["sbp"]).task_names_
        ['death', 'wt82_71', 'sbp']
        >>> model.predict(X)["death"].equals(before["death"])
        True
        """
        check_is_fitted(self)
        with all_or_nothing(self), in_own_modes():
            deviations, calibration = self._deviations, self._calibration
            grown = grow(self, X, y, sample_weight, task_types, new_alone=freeze)
            check_same_network(self, grown.encoder.targets.names[len(self.task_names_) :])
            table, self._encoder = grown.table, grown.encoder
            split = Split.read(self, X, y, table, groups=groups)
            encoded = grown.encode(self._class_weight)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            check_alike(self, table, split, self.module_)
            self._rng = to_go_on_with(self._rng, self.random_state)
            origin = FewerTasks(self.net_, grown.unlabelled, freeze)
            plan = Plan.of(self, len(table), split)
            trainer = Trainer(self, origin, self._rng)
            trainings = trainer.prepare(table, self._encoder, encoded, plan, split)
            # Free memory: training needs only what is prepared.
            del table, encoded, split, grown
            self._settle(*trainer.train(*trainings))
            if freeze:
                self._calibration = calibration
                if deviations is not None:
                    targets = self._encoder.targets
                    own = self._deviations or Deviations.for_mean(self.module_.mean, targets)
                    self._deviations = own.keep(deviations)
        return self

    # -- the steps of fit -----------------------------------------------------------------------

    def _read(
        self, X: Any, y: Any, sample_weight: Any, resume: bool, asked: dict[str, Any]
    ) -> tuple[AnyTable, Split]:
        """Read the arguments of fit: the table, and how rows are split for validation."""
        form = self._form(resume)
        if is_dataset(X):
            return read_files(self, X, y, sample_weight, form, **asked)
        table = Table.read(self, X, y, sample_weight, like=form)
        return table, Split.read(self, X, y, table, **asked)

    def _form(self, resume: bool) -> TargetForm | None:
        """Return the form that y must have if training continues with existing tasks."""
        return self._encoder.targets.form if resume else None

    def _encode(self, table: AnyTable, plan: Plan, resume: bool, classes: Any = None) -> Encoded:
        """Encode a table, with the encoder of an earlier fit or one that is fitted to the table.

        For a table in files, only its sample is encoded here.
        """
        if not resume:
            self._encoder = TableEncoder.of(self, n_bins=plan.n_bins, classes=classes)
            if (other := other_model(self)) is not None:
                self._encoder.encode_features_as(other._encoder)
        encode = self._encoder.apply_again if resume else self._encoder.learn
        with table.naming(self._encoder.check_numbers):
            return encode(table, self._class_weight)
