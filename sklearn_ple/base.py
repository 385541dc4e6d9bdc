"""The story of fit: one estimator for many tasks, whatever its network."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from ._sklearn import CallbackSupportMixin, _fit_context, with_callbacks
from .encoding import Encoded, Table, TableEncoder, TargetForm, grow, is_dataset
from .network import NetworkMaker
from .parameters import WIDTHS, class_weight, parameter, with_parameters
from .predictions import Deviations
from .streaming import AnyTable, StreamedTable, read_files, read_table
from .training import (
    Checkpoint,
    FewerTasks,
    HeldOut,
    LastFit,
    MultiTaskNet,
    Origin,
    OutOfFold,
    Plan,
    ProgressBar,
    ShuffledRows,
    Split,
    TableRows,
    Validation,
    alike,
    check_alike,
    copies,
    fit_task,
    naming_validation,
    resolve_device,
    schedule,
    seeded,
    with_gradients,
)

__all__ = ["WIDTHS", "MultiTaskEstimator", "class_weight", "parameter", "with_parameters"]


class MultiTaskEstimator(CallbackSupportMixin, NetworkMaker):
    """An estimator that learns many tasks at once by a network of any kind.

    A subclass names its network's parameters as fields, is decorated by `with_parameters`, and
    makes its network in `make_network`. It then has all that the estimators of this package have:
    missing labels, mixed kinds of task, members, early stopping, `predict_proba`, reports.

    See `PLEClassifierRegressor` for the shared parameters, the attributes, and what is raised.

    Examples
    --------
    A network whose towers read the features themselves:

    >>> from sklearn_ple.base import MultiTaskEstimator, with_parameters
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.nn import SharedBottom
    >>> @with_parameters
    ... class TowersAlone(MultiTaskEstimator):
    ...     def make_network(self, in_features, tasks, **towers):
    ...         n_outputs = [task.n_outputs for task in tasks]
    ...         return SharedBottom(in_features, n_outputs, bottom_hidden_units=(), **towers)
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> TowersAlone(n_members=1, max_epochs=2, random_state=0).fit(X, y).task_names_
    ['death', 'wt82_71']
    """

    # scikit-learn shows parameters' descriptions where it knows of a page to link to.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/sklearn_ple.{estimator_name}.html"
    )

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
        """Learn all tasks together.

        A table larger than memory can stay in its files. X is then a `pyarrow.dataset.Dataset` of
        Parquet or Arrow IPC files, or the path of such a file or folder. y, sample_weight, y_val
        and sample_weight_val are names of its columns, and all other columns are features. See
        "Tables larger than memory" in the user guide.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. A missing value is NaN, None, pandas' NA, polars' null, or masked.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None, NA or masked where a task has no label. For a dataset, a list of
            names, or a single name for a 1-D y.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Rows of weight 0 are left out. For a
            dataset, the name of a column.
        X_val : {array-like, sparse matrix, DataFrame} of shape (n_validation, n_features), \
                default=None
            Features of the validation rows, which are never trained on. Training then stops early
            (``early_stopping=False`` is an error) and uses all rows of X: none are set aside, and
            ``refit`` has no effect.
        y_val : {array-like, DataFrame} of shape (n_validation, n_tasks) or (n_validation,), \
                default=None
            Their labels, with the columns and classes of y.
        sample_weight_val : array-like of shape (n_validation,) or (n_validation, n_tasks), \
                default=None
            Their weights, or those of every single label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, for example its patient. A group is never split: no member is
            trained on some of its rows and validated on others. A splitter in ``validation_split``
            gets the groups.

        Returns
        -------
        self : object
            The fitted estimator.
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
            with_gradients(),
        ):
            if resume:
                self._check_same_network()
            table, split = self._read(X, y, sample_weight, resume, asked)
            whole = Plan.of(self, len(table), split)
            encoded = self._encode(table, whole, resume)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            start = self.module_ if resume else None
            check_alike(self, table, split, start)
            checkpoint = Checkpoint.of(self, table, split, start)
            self._rng = alike(check_random_state(checkpoint.random_state))
            origin = LastFit(self.net_) if resume else self._origin(self._encoder)
            self._train(table, encoded, whole, split, origin, reporters, checkpoint)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Learn for one more epoch, from these rows alone.

        The first call determines tasks, classes, scales and categories; all classes must be in its
        labels or be declared. There is no learning-rate schedule, no early stopping and no use of
        ``checkpoint_dir``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features; of a dataset y and sample_weight are names of columns, as in fit.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.
        classes : array-like, list or dict, default=None
            All classes: an array for a single task; for several tasks a list of arrays in their
            order (None for a task without classes) or a dict by name. Only the first call uses
            them.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        resume = hasattr(self, "net_")
        with all_or_nothing(self), with_gradients():
            if resume:
                self._check_same_network()
            read = read_table if is_dataset(X) else Table.read
            table = read(self, X, y, sample_weight, like=self._form(resume))
            plan = Plan.of(self, len(table))
            encoded = self._encode(table, plan, resume, classes)
            if resume:
                numbers = self._encoder.resume(encoded)
            else:
                self._encoder, numbers = self._encoder.start(encoded)
            # Copies, so that a failure leaves the estimator as it was.
            random_state = copy.deepcopy(self._rng) if resume else self.random_state
            self._rng = alike(check_random_state(random_state))
            dtype = self.net_.dtype if resume else self._torch_dtype
            rows = self._rows_of(table, encoded._replace(numbers=numbers), dtype)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            check_alike(self, table, Split(), self.module_ if resume else None)
            with seeded(self._rng):
                if resume:
                    net = copy.deepcopy(self.net_)
                else:
                    net = self._make_net(plan, self._encoder)
                    self._origin(self._encoder).begin(net)
                net.n_jobs = self.n_jobs
                net.train(rows, n_epochs=1, callbacks=self._bar_and_users())
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

        The new tasks come after the existing ones. X is read with the scales, categories and bins
        that were learnt in ``fit``. With ``freeze``, everything learnt before stays as it is, and
        so do its predictions, up to rounding. Only the new tasks' own experts, gate, tower and
        linear path are trained, on top of what is shared. This suits few rows, and earlier tasks
        that must not change.

        The rows need not be those of ``fit``, and y has only the labels of the new tasks. Training
        follows the same rules as in ``fit``, for the number of these rows, and stops early on some
        of them. ``history_`` is that of this training, in which earlier tasks have no score.
        ``checkpoint_dir`` is not used.

        Later, ``partial_fit``, or ``fit`` with ``warm_start=True``, tunes all tasks, with a y that
        has a column for each. Pass parameters with a value for each task by name, such as
        ``task_weights={"new": 2.0}``, because a list has no entry for the new task. The shared
        gates of several levels do not weigh experts of a task that was added.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, with the columns of fit.
        y : {array-like, Series, DataFrame} of shape (n_samples,) or (n_samples, n_columns)
            The labels of the new tasks. NaN, None or NA where there is none. The names of the
            columns are those of the tasks; without names the third task is "y2" and so on. With
            ``freeze=False``, y may also have columns of earlier tasks.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Weights of the rows, or of every single label.
        task_types : str, list or dict, default=None
            Kinds of the columns of y, as in the parameter ``task_types`` of the estimator. By
            default the kind that this sets for all tasks, else "auto".
        freeze : bool, default=True
            Whether everything learnt before stays as it is. Otherwise all weights are tuned, but
            only by the labels in y: earlier tasks without labels there change with what they
            share, and may get worse. They also lose their calibration and deviations.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, as in fit.

        Returns
        -------
        self : object
            The estimator, with the tasks added. If anything fails, it is left as it was.

        Raises
        ------
        ValueError
            If a task of that name is there already; if X or a kind of task does not suit the
            estimator; if parameters of the network were changed since fit; if earlier tasks would
            weigh the experts of the new one, so that the rest cannot be frozen, as in STEM, in PLE
            with ``stop_gradient`` and perhaps in a network of your own.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.

        References
        ----------
        A. A. Rusu et al. "Progressive Neural Networks". arXiv:1606.04671, 2016. (New columns of
        layers read frozen ones.)

        Examples
        --------
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> from sklearn_ple.datasets import load_nhefs
        >>> X, y = load_nhefs(return_X_y=True)
        >>> model = PLEClassifierRegressor(n_members=1, max_epochs=3, random_state=0)
        >>> before = model.fit(X, y[["death", "wt82_71"]]).predict(X)
        >>> model.add_task(X, y["sbp"]).task_names_
        ['death', 'wt82_71', 'sbp']
        >>> model.predict(X)["death"].equals(before["death"])
        True
        """
        check_is_fitted(self)
        with all_or_nothing(self), with_gradients():
            self._check_same_network()
            deviations, calibration = self._deviations, self._calibration
            grown = grow(self, X, y, sample_weight, task_types, new_alone=freeze)
            table, self._encoder = grown.table, grown.encoder
            split = Split.read(self, X, y, table, groups=groups)
            encoded = grown.encode(self._class_weight)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            check_alike(self, table, split, self.module_)
            self._rng = check_random_state(copy.deepcopy(self._rng))
            origin = FewerTasks(self.net_, grown.unlabelled, freeze)
            self._train(table, encoded, Plan.of(self, len(table), split), split, origin)
            if freeze:
                self._calibration = calibration
                if deviations is not None:
                    own = self._deviations or self._no_deviations(self.net_)
                    self._deviations = own.keep(deviations)
        return self

    # -- the steps of the story -----------------------------------------------------------------

    def _read(
        self, X: Any, y: Any, sample_weight: Any, resume: bool, asked: dict[str, Any]
    ) -> tuple[AnyTable, Split]:
        """Read what is passed to fit: the rows, and what is asked for beside them."""
        form = self._form(resume)
        if is_dataset(X):
            return read_files(self, X, y, sample_weight, form, **asked)
        table = Table.read(self, X, y, sample_weight, like=form)
        return table, Split.read(self, X, y, table, **asked)

    def _form(self, resume: bool) -> TargetForm | None:
        """Return how y came, where a training goes on with its tasks."""
        return self._encoder.targets.form if resume else None

    @property
    def _class_weight(self) -> Any:
        # Estimators of numbers alone have no such parameter.
        return self.get_params(deep=False).get("class_weight")

    def _encode(self, table: AnyTable, plan: Plan, resume: bool, classes: Any = None) -> Encoded:
        """Encode a table by what was learnt before or, for the first time, is learnt from it.

        Of a table in files that is its sample.
        """
        if resume:
            return self._encoder.apply_again(table, self._class_weight)
        self._encoder = TableEncoder.of(self, n_bins=plan.n_bins, classes=classes)
        if (other := self._other_model()) is not None:
            self._encoder.read_as(other._encoder)
        return self._encoder.learn(table, self._class_weight)

    def _rows_of(
        self, table: AnyTable, encoded: Encoded, dtype: torch.dtype
    ) -> TableRows | ShuffledRows:
        """Return the rows to train on: those that are encoded, or all that are in files."""
        if isinstance(table, StreamedTable):
            return table.rows(self._encoder, encoded.ordered, self._class_weight, dtype)
        return TableRows(*encoded.arrays, dtype=dtype)

    def _train(
        self,
        table: AnyTable,
        encoded: Encoded,
        whole: Plan,
        split: Split,
        origin: Origin,
        reporters: Sequence[Callback] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Train a net on a table of known tasks, perhaps a second time on all rows; keep it."""
        checkpoint = checkpoint or Checkpoint(None, {}, None)
        rows, train, validation = self._split(table, encoded, whole, split)
        # A refit starts from what is learnt from the labels of validation too.
        of_all = None
        if validation is not None and whole.refits and not origin.goes_on:
            of_all, numbers = self._encoder.start(encoded)
            rows = rows if of_all.statistics is None else rows.with_numbers(numbers)
        self._encoder, train = self._start(encoded, train, validation, origin.goes_on)
        plan = Plan.of(self, len(train), split)
        # The rows hold what is needed of them.
        del table, encoded, split
        with seeded(self._rng):
            net = self._make_net(plan, self._encoder)
            origin.begin(net)
            with origin.held(net, train):
                trained = net.train(
                    train,
                    plan.max_epochs,
                    validation=validation,
                    patience=plan.patience,
                    tol=self.tol,
                    callbacks=self._callbacks(plan, len(train), reporters),
                    progress=checkpoint.training(1),
                    groups=self._groups(net, train, plan, self._encoder, origin),
                )
            deviations = None
            if validation is not None:
                deviations = self._learn_deviations(net, validation)
                if trained.complete and of_all is not None:
                    again = replace(whole, max_epochs=plan.max_epochs)
                    net, self._encoder = self._refit(
                        net, trained.best_epoch, of_all, rows, again, origin, reporters, checkpoint
                    )
        self._settle(net, self._encoder, deviations)

    def _split(
        self, table: AnyTable, encoded: Encoded, plan: Plan, split: Split
    ) -> tuple[Any, Any, Validation | None]:
        """Return all rows, those to train on, and the validation, if there is any."""
        targets, dtype = self._encoder.targets, self._torch_dtype
        rows: Any = self._rows_of(table, encoded, dtype)
        if split.table is not None:
            with naming_validation():
                apart = self._encode(split.table, plan, resume=True)
            own = TableRows(*apart.arrays, dtype=dtype)
            return rows, rows, HeldOut(own, split.table, targets, np.arange(len(own)))
        if isinstance(table, StreamedTable):
            return rows, rows, None
        if plan.n_left_out:
            folds = split.folds(len(table), self.n_members, plan.n_left_out, self._rng)
            crossed = OutOfFold(rows, table, targets, folds)
            return rows, crossed.rows, crossed
        train, valid = split.rows(len(table), plan.validation_fraction, self._rng)
        if valid is None:
            return rows, rows.take(train), None
        return rows, rows.take(train), HeldOut(rows, table, targets, valid, train)

    def _start(
        self, encoded: Encoded, train: Any, validation: Validation | None, goes_on: bool
    ) -> tuple[TableEncoder, Any]:
        """Learn what a network starts from without validation's labels.

        Return the encoder, and the rows to train on with the numbers that it makes of them, which
        those of validation get too.
        """
        if goes_on:
            encoder, numbers = self._encoder, self._encoder.resume(encoded)
        else:
            trained_on = None if validation is None else validation.trained_on()
            encoder, numbers = self._encoder.start(encoded, trained_on)
        if encoder.statistics is None:
            return encoder, train
        if validation is None:
            return encoder, train.with_numbers(numbers)
        return encoder, validation.renumber(encoder.statistics, train, numbers)

    def _learn_deviations(self, net: MultiTaskNet, validation: Validation) -> Deviations | None:
        """Learn how far off predicted numbers are; None where no task has errors."""
        if not any(task.has_errors for task in self._encoder.tasks):
            return None
        rows, labels, weights, out_of_fold = validation.sample()
        members = net.member_outputs(rows).numpy()
        return self._no_deviations(net).learn(members, labels, weights, out_of_fold)

    def _no_deviations(self, net: MultiTaskNet) -> Deviations:
        weights = net.module_.mean.weights.cpu().double().numpy()
        return Deviations(self._encoder.targets, weights)

    def _refit(
        self,
        net: MultiTaskNet,
        n_epochs: int,
        encoder: TableEncoder,
        rows: TableRows,
        plan: Plan,
        origin: Origin,
        reporters: Sequence[Callback],
        checkpoint: Checkpoint,
    ) -> tuple[MultiTaskNet, TableEncoder]:
        """Train another net on all rows for as long as was best for a net, if nothing stops it.

        It starts from what an encoder learnt from all rows. Return the net and encoder to keep.
        """
        again = self._make_net(plan, encoder)
        origin.begin(again)
        again.module_.mean.load_state_dict(net.module_.mean.state_dict())
        steps = self._callbacks(plan, len(rows), reporters, title="Training on all rows")
        groups = self._groups(again, rows, plan, encoder, origin)
        options: dict[str, Any] = {"progress": checkpoint.training(2), "groups": groups}
        try:
            with origin.held(again, rows):
                trained = again.train(rows, n_epochs, callbacks=steps, **options)
        except KeyboardInterrupt:
            return net, self._encoder
        again.history = net.history
        return (again, encoder) if trained.complete else (net, self._encoder)

    def _callbacks(
        self, plan: Plan, n_rows: int, reporters: Sequence[Callback], title: str = "Training"
    ) -> list[Callback]:
        """Order the callbacks: progress bar, the user's, the learning rate's, scikit-learn's."""
        rates = schedule(self.lr_schedule, plan.max_epochs, -(-n_rows // plan.batch_size))
        return [*self._bar_and_users(title), *rates, *reporters]

    def _bar_and_users(self, title: str = "Training") -> list[Callback]:
        bar = [ProgressBar(self._encoder.targets.names, title)] if self.verbose else []
        return [*bar, *copies(self.callbacks or [])]


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Return an estimator to the attributes that it had if what follows fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise
