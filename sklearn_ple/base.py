"""The story of fit and predict: one estimator for many tasks, whatever its network."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import ClassifierTags, Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from ._restore import all_or_nothing
from .balancing import make_balancer
from .calibration import CalibrationMixin
from .class_methods import ClassMethods
from .encoding.encoder import Encoded, TableEncoder
from .encoding.features import read_features
from .encoding.table import Table
from .encoding.weights import weigh
from .fit_callbacks import FitCallbacks, with_callbacks
from .html_repr import HTMLRepr
from .intervals import Intervals, dispersion
from .members import MemberMean, Members
from .nn import TabularNetwork
from .parameters import SharedParameters
from .representations import Representations
from .search_space import SearchSpace
from .task_view import TaskViewMixin
from .tasks import TaskLosses
from .training import (
    MultiTaskNet,
    Plan,
    ProgressBar,
    TableRows,
    Validation,
    copies,
    make_net,
    resolve_device,
    seeded,
    split_rows,
)


class MultiTaskEstimator(
    CalibrationMixin,
    TaskViewMixin,
    Intervals,
    ClassMethods,
    Representations,
    SearchSpace,
    HTMLRepr,
    FitCallbacks,
    SharedParameters,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base of the estimators: all but the network.

    A subclass names its network's parameters as fields, is decorated by `with_parameters`, and
    gives the network in `_make_body`. See `PLEClassifierRegressor` for the shared parameters.
    """

    #: Which tasks the estimator takes: "class", "number" or, None, all kinds.
    _family: ClassVar[str | None] = None

    net_: MultiTaskNet
    _encoder: TableEncoder

    # scikit-learn shows parameters' descriptions where it knows of a page to link to.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/sklearn_ple.{estimator_name}.html"
    )

    # -- fit ------------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MultiTaskEstimator:
        """Learn all tasks together.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features. A missing value is NaN, None or the library's own NA.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Rows without weight are left out.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        resume = self.warm_start and hasattr(self, "net_")
        with self._fit_task(X, y, sample_weight) as tasks, all_or_nothing(self):
            table = Table.read(self, X, y, sample_weight, reset=not resume)
            encoded = self._encoder.apply(table) if resume else self._learn_encoder(table)
            self._rng = check_random_state(self.random_state)
            whole = Plan.of(self, len(table))
            train_rows, valid_rows = split_rows(len(table), whole.validation_fraction, self._rng)
            rows = TableRows(*encoded, dtype=self._torch_dtype)
            train, validation, factors = rows.take(train_rows), None, None
            if valid_rows is not None:
                labels = [column.take(valid_rows) for column in table.labels]
                held_out = rows.take(valid_rows), labels, table.weights[valid_rows]
                validation = Validation(*held_out, self._encoder.targets)
            # The net's copies of targets and weights are enough while it trains.
            del encoded, table
            plan = Plan.of(self, len(train))
            self.device_ = resolve_device(self.device, self._torch_dtype)
            with seeded(self._rng, self.device_):
                net = self._make_net(plan)
                if resume:
                    net.continue_from(self.net_)
                steps = self._callbacks() + self._schedule(plan, len(train)) + tasks
                trained = net.train(
                    train,
                    plan.max_epochs,
                    validation=validation,
                    patience=plan.patience,
                    tol=self.tol,
                    callbacks=steps,
                )
                if validation is not None:
                    factors = dispersion(net, validation)
                    if trained.complete and whole.refits and not resume:
                        whole = replace(whole, max_epochs=plan.max_epochs)
                        net = self._train_again(net, trained.best_epoch, rows, whole, tasks)
            self._settle(net, factors)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MultiTaskEstimator:
        """Learn for one more epoch, from these rows alone.

        The first call settles tasks, classes, scales and categories; all classes must be in it or
        be declared. Neither a learning-rate schedule nor early stopping apply.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.
        classes : array-like, list or dict, default=None
            All classes: an array for a single task; for several a list of arrays in task order
            (None where there are none) or a dict by name. Only the first call reads them.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        resume = hasattr(self, "net_")
        with all_or_nothing(self):
            table = Table.read(self, X, y, sample_weight, reset=not resume)
            encoded = self._encoder.apply(table) if resume else self._learn_encoder(table, classes)
            random_state = copy.deepcopy(self._rng) if resume else self.random_state
            self._rng = check_random_state(random_state)
            dtype = self.net_.dtype if resume else self._torch_dtype
            train = TableRows(*encoded, dtype=dtype)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            with seeded(self._rng, self.device_):
                # Of the net a copy, so that a failure leaves it as it was.
                plan = Plan.of(self, len(train))
                net = copy.deepcopy(self.net_) if resume else self._make_net(plan)
                net.train(train, n_epochs=1, callbacks=self._callbacks())
            self._settle(net)
        return self

    def _learn_encoder(self, table: Table, classes: Any = None) -> Encoded:
        self._encoder = self._make_encoder(Plan.of(self, len(table)).n_bins, classes)
        return self._encoder.learn(table)

    def _make_encoder(self, n_bins: int, classes: Any = None) -> TableEncoder:
        return TableEncoder(
            task_types=self.task_types,
            family=self._family,
            classes=classes,
            depends_on=self.depends_on,
            class_weight=self.class_weight,
            task_weights=self.task_weights,
            categorical_features=self.categorical_features,
            max_categories=self.max_categories,
            min_frequency=self.min_frequency,
            numeric_embedding=self.numeric_embedding,
            n_bins=n_bins,
            linear_path=self.linear_path,
            dtype=self.dtype,
        )

    def _callbacks(self) -> list:
        """Make the progress bar and copy the user's callbacks."""
        bar = [ProgressBar(self._encoder.targets.names)] if self.verbose else []
        return bar + copies(self.callbacks or [])

    def _train_again(
        self, net: MultiTaskNet, n_epochs: int, rows: TableRows, plan: Plan, tasks: list
    ) -> MultiTaskNet:
        """Train another net on all rows for as long as was best for a net, if nothing stops it."""
        again = self._make_net(plan)
        again.module_.mean.load_state_dict(net.module_.mean.state_dict())
        steps = self._callbacks() + self._schedule(plan, len(rows)) + tasks
        try:
            trained = again.train(rows, n_epochs, callbacks=steps)
        except KeyboardInterrupt:
            return net
        again.history = net.history
        return again if trained.complete else net

    def _settle(self, net: MultiTaskNet, factors: np.ndarray | None = None) -> None:
        """Keep a trained net, with what was learnt in validation, and read off what is public."""
        tasks = self._encoder.tasks
        classes = [task.classes for task in tasks]
        self.net_ = net
        self._dispersion = factors
        self.calibrators_ = {}
        self.task_names_ = self._encoder.targets.names
        self.task_types_ = {task.name: task.kind for task in tasks}
        self.classes_ = classes[0] if self._encoder.targets.form.ndim == 1 else classes
        self.history_ = net.public_history()
        self.n_iter_ = len(self.history_)

    def _network_maker(self) -> Callable[[], TabularNetwork]:
        tasks = self._encoder.tasks
        n_outputs = [task.n_outputs for task in tasks]
        members, start = Members(self.n_members), None
        if self._encoder.linear_start is not None:
            linear = self._encoder.linear_start.astype(np.float32)
            start = members.linear_shares[:, None, None] * linear
        n_views = self.n_members * self._views_a_member(len(tasks))
        return partial(
            TabularNetwork,
            self._encoder.features.n_numbers_,
            self._encoder.features.cardinalities_,
            self._make_body(n_outputs),
            embedding_dim=self.embedding_dim,
            make_numeric_embedding=self._encoder.embedding_maker(
                self.embedding_dim, members, n_views
            ),
            n_embedded=self._encoder.features.n_columns_,
            feature_dropout=members.rates(self.feature_dropout),
            n_members=self.n_members,
            n_views=n_views,
            n_linear=sum(n_outputs) if self.linear_path else 0,
            linear_start=start,
            link=self._encoder.dependence.link(),
            make_mean=partial(MemberMean, tasks, self.n_members, self._encoder.dependence.pairs),
        )

    def _make_net(self, plan: Plan) -> MultiTaskNet:
        tasks = self._encoder.tasks
        return make_net(
            self._network_maker(),
            partial(make_balancer, self.balancing, len(tasks)),
            losses=TaskLosses(tasks),
            task_weights=self._task_weights(self._encoder.targets.names),
            weight_averaging=self.weight_averaging,
            optimizer=self.optimizer,
            learning_rate=plan.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=plan.batch_size,
            device=self.device_,
            dtype=self._torch_dtype,
            rate_factors=self._rate_factors(),
            net_params=self.net_params,
        )

    @property
    def module_(self) -> Any:
        """The trained network, a torch module that reads encoded numbers and category codes."""
        check_is_fitted(self)
        return self.net_.module_

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what the estimator takes."""
        tags = super().__sklearn_tags__()
        if tags.classifier_tags is None and self._family is None:
            tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _views_a_member(self, n_tasks: int) -> int:
        """Give how many views of the features, with embeddings of their own, a member reads."""
        return 1

    def _rate_factors(self) -> dict[str, float]:
        """Give how many times as fast some parameters learn, by a pattern of their names."""
        return {}

    @abstractmethod
    def _make_body(self, n_outputs: list[int]) -> Callable[[int], torch.nn.Module]:
        """Give what makes the network, called with the number of features."""

    # -- predict --------------------------------------------------------------------------------

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict every task's label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        return_std : bool, default=False
            Whether to give the standard deviations of the numbers' labels too.

        Returns
        -------
        y : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The labels, in the form that y had in fit: class labels, and numbers in their units.
            A data frame has y's columns and dtypes (but fractions are no integers) and X's index.
        std : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            With ``return_std``. In y's form, but all floats: NaN for a task with classes. The
            square of a deviation is the variance of the members' predictions for the row, by their
            weights, and a constant of the task, of a count one that is multiplied by the rate. It
            is such that on the rows of validation the sum is on average the squared error.

        Raises
        ------
        ValueError
            With ``return_std``, if no task is a number, or if the last training had no rows of
            validation, as without early stopping and in ``partial_fit``.
        """
        outputs = self._outputs(X)
        index = X.index if isinstance(X, pd.DataFrame) else None
        targets = self._encoder.targets
        y = targets.form.assemble(targets.tasks, targets.decode(outputs), index)
        return (y, self._predict_std(X)) if return_std else y

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the mean over the tasks of accuracy (classes) or R² (numbers).

        Of a quantile task, not R² but the share of the absolute error that is explained (D²).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels; missing ones are skipped, and so is a task that has none.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.

        Returns
        -------
        score : float
            The greater the better.
        """
        outputs = self._outputs(X)
        labels, weights = weigh(self._encoder.targets.read(y, outputs), sample_weight)
        scores = self._encoder.targets.score(outputs, labels, weights)
        if np.isnan(scores).all():
            raise ValueError("y has no label at all: there is nothing to score.")
        return float(np.nanmean(scores))

    def _network_outputs(self, X: Any) -> np.ndarray:
        return self.module_.mean(self.net_.member_outputs(self._rows(X))).numpy()

    def _rows(self, X: Any) -> TableRows:
        check_is_fitted(self)
        table = read_features(self, X, reset=False)
        return TableRows(*self._encoder.features.transform(table), dtype=self.net_.dtype)
