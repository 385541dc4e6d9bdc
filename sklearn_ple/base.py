"""The story of fit: one estimator for many tasks, whatever its network."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from ._sklearn import CallbackSupportMixin, _fit_context, with_callbacks
from .balancing import make_balancer
from .encoding import Encoded, Table, TableEncoder
from .members import MemberMean, Members
from .nn import Body, TabularNetwork
from .nn.draws import in_all_functions
from .parameters import WIDTHS, class_weight, differences, of_network, parameter, with_parameters
from .predictions import Deviations
from .predictor import Predictor
from .tasks import Task, TaskLosses, TaskWeights
from .training import (
    Checkpoint,
    HeldOut,
    MultiTaskNet,
    OutOfFold,
    Plan,
    ProgressBar,
    Split,
    TableRows,
    Validation,
    copies,
    fit_task,
    make_net,
    naming_validation,
    product_dtype,
    resolve_device,
    schedule,
    seeded,
    with_gradients,
)

__all__ = ["WIDTHS", "MultiTaskEstimator", "class_weight", "parameter", "with_parameters"]


class MultiTaskEstimator(CallbackSupportMixin, Predictor, ABC):
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

    # -- to be written by a subclass ------------------------------------------------------------

    @abstractmethod
    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        """Make the network behind the features.

        Parameters
        ----------
        in_features : int
            Number of features of each view that the network reads.
        tasks : sequence of Task
            The tasks, with their ``name`` and ``n_outputs``, in the order of y's columns; in that
            of their names where `treats_tasks_alike`.
        **towers : dict
            What every `Body` takes: see `TowerOptions`.

        Returns
        -------
        network : Body
            The network. Where the annotation says which class it returns, it is known before fit
            whether there are gates.
        """

    def n_views(self, n_tasks: int) -> int:
        """Count the views of the features, each with embeddings of its own, that a member reads.

        Parameters
        ----------
        n_tasks : int
            Number of tasks.

        Returns
        -------
        n_views : int
            One, unless a subclass says otherwise.
        """
        return 1

    def treats_tasks_alike(self) -> bool:
        """Whether nothing in the network depends on the order of the tasks.

        If so, `make_network` gets them in the order of their names, whatever that of y's columns:
        then this changes nothing in what is learnt.

        Returns
        -------
        alike : bool
            False, unless a subclass says otherwise.
        """
        return False

    def rate_factors(self) -> dict[str, float]:
        """Return how many times as fast as the others some parameters of the network learn.

        Returns
        -------
        factors : dict of str to float
            By a pattern of the parameters' names, such as ``"*gates*"``; none by default.
        """
        return {}

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

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features. A missing value is NaN, None, the library's own NA, or masked.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None, NA or masked where a task has no label.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. Rows without weight are left out.
        X_val : {array-like, sparse matrix, DataFrame} of shape (n_validation, n_features), \
                default=None
            Features of rows to validate on, which are never trained on. With them training stops
            early, unless ``early_stopping=False``, which is an error; all rows of X are trained
            on, and none is split off or trained on anew by ``refit``.
        y_val : {array-like, DataFrame} of shape (n_validation, n_tasks) or (n_validation,), \
                default=None
            Their labels, with the columns and classes of y.
        sample_weight_val : array-like of shape (n_validation,) or (n_validation, n_tasks), \
                default=None
            Their weights, or those of every single label.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, as the patient that it is of. Rows of a group are validated on
            together: no member trains on some and is validated on others of them. A splitter in
            ``validation_split`` gets them.

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
            table = Table.read(self, X, y, sample_weight, reset=not resume)
            split = Split.read(self, X, y, table, **asked)
            whole = Plan.of(self, len(table), split)
            encoded = self._encode(table, whole, resume)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            checkpoint = Checkpoint.of(self, table, split, self.module_ if resume else None)
            self._rng = check_random_state(checkpoint.random_state)
            rows, train, validation = self._split(table, encoded, whole, split)
            self._encoder, of_all = self._starts(encoded, validation, whole, resume)
            plan = Plan.of(self, len(train), split)
            # The rows hold what is needed of them.
            del table, encoded, split
            with seeded(self._rng):
                net = self._make_net(plan, self._encoder)
                if resume:
                    self._check_same_network(net)
                    net.continue_from(self.net_)
                trained = net.train(
                    train,
                    plan.max_epochs,
                    validation=validation,
                    patience=plan.patience,
                    tol=self.tol,
                    callbacks=self._callbacks(plan, len(train), reporters),
                    progress=checkpoint.training(1),
                )
                deviations = None
                if validation is not None:
                    deviations = self._learn_deviations(net, validation)
                    if trained.complete and of_all is not None:
                        again = replace(whole, max_epochs=plan.max_epochs)
                        net, self._encoder = self._refit(
                            net, trained.best_epoch, of_all, rows, again, reporters, checkpoint
                        )
            self._settle(net, self._encoder, deviations)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Learn for one more epoch, from these rows alone.

        The first call settles tasks, classes, scales and categories; all classes must be in it or
        be declared. Neither a learning-rate schedule, early stopping nor ``checkpoint_dir`` apply.

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
        with all_or_nothing(self), with_gradients():
            if resume:
                self._check_same_network()
            table = Table.read(self, X, y, sample_weight, reset=not resume)
            plan = Plan.of(self, len(table))
            encoded = self._encode(table, plan, resume, classes)
            if not resume:
                self._encoder = self._encoder.start(encoded)
            # Copies, so that a failure leaves the estimator as it was.
            random_state = copy.deepcopy(self._rng) if resume else self.random_state
            self._rng = check_random_state(random_state)
            dtype = self.net_.dtype if resume else self._torch_dtype
            rows = TableRows(*encoded.arrays, dtype=dtype)
            self.device_ = resolve_device(self.device, self._torch_dtype)
            with seeded(self._rng):
                net = copy.deepcopy(self.net_) if resume else self._make_net(plan, self._encoder)
                net.n_jobs = self.n_jobs
                net.train(rows, n_epochs=1, callbacks=self._bar_and_users())
            self._settle(net, self._encoder)
        return self

    # -- the steps of the story -----------------------------------------------------------------

    def _encode(self, table: Table, plan: Plan, resume: bool, classes: Any = None) -> Encoded:
        """Encode a table by what was learnt before or, for the first time, is learnt from it."""
        # Estimators of numbers alone have no such parameter.
        class_weight = self.get_params(deep=False).get("class_weight")
        if resume:
            return self._encoder.apply(table, class_weight)
        self._encoder = TableEncoder.of(self, n_bins=plan.n_bins, classes=classes)
        return self._encoder.learn(table, class_weight)

    def _split(
        self, table: Table, encoded: Encoded, plan: Plan, split: Split
    ) -> tuple[TableRows, TableRows, Validation | None]:
        """Return all rows, those to train on, and the validation, if there is any."""
        targets, dtype = self._encoder.targets, self._torch_dtype
        rows = TableRows(*encoded.arrays, dtype=dtype)
        if split.table is not None:
            with naming_validation():
                apart = self._encode(split.table, plan, resume=True)
            own = TableRows(*apart.arrays, dtype=dtype)
            return rows, rows, HeldOut(own, split.table, targets, np.arange(len(own)))
        if plan.n_left_out:
            folds = split.folds(len(table), self.n_members, plan.n_left_out, self._rng)
            crossed = OutOfFold(rows, table, targets, folds)
            return rows, crossed.rows, crossed
        train, valid = split.rows(len(table), plan.validation_fraction, self._rng)
        if valid is None:
            return rows, rows.take(train), None
        return rows, rows.take(train), HeldOut(rows, table, targets, valid, train)

    def _starts(
        self, encoded: Encoded, validation: Validation | None, plan: Plan, resume: bool
    ) -> tuple[TableEncoder, TableEncoder | None]:
        """Learn what a network starts from without validation's labels and, for a refit, with."""
        if resume:
            return self._encoder, None
        if validation is None:
            return self._encoder.start(encoded), None
        of_all = self._encoder.start(encoded) if plan.refits else None
        return self._encoder.start(encoded, validation.trained_on()), of_all

    def _check_same_network(self, net: MultiTaskNet | None = None) -> None:
        """Check that what goes on from the last fit has its network, or that a net is like it."""
        changed = differences(of_network(self), self._network_params, "in the last fit")
        if not changed and (net is None or _shapes(net) == _shapes(self.net_)):
            return
        raise ValueError(
            "warm_start and partial_fit go on with the network of the last fit, but today's "
            f"parameters make another one: {changed or 'its weights differ in shape'}. "
            "Set those of the network as they were, or start anew, by fit with warm_start=False."
        )

    def _learn_deviations(self, net: MultiTaskNet, validation: Validation) -> Deviations | None:
        """Learn how far off predicted numbers are; None where no task has errors."""
        if not any(task.has_errors for task in self._encoder.tasks):
            return None
        weights = net.module_.mean.weights.cpu().double().numpy()
        deviations = Deviations(self._encoder.targets, weights)
        rows, labels, own_weights, out_of_fold = validation.sample()
        members = net.member_outputs(rows).numpy()
        return deviations.learn(members, labels, own_weights, out_of_fold)

    def _refit(
        self,
        net: MultiTaskNet,
        n_epochs: int,
        encoder: TableEncoder,
        rows: TableRows,
        plan: Plan,
        reporters: Sequence[Callback],
        checkpoint: Checkpoint,
    ) -> tuple[MultiTaskNet, TableEncoder]:
        """Train another net on all rows for as long as was best for a net, if nothing stops it.

        It starts from what an encoder learnt from all rows. Return the net and encoder to keep.
        """
        again = self._make_net(plan, encoder)
        again.module_.mean.load_state_dict(net.module_.mean.state_dict())
        steps = self._callbacks(plan, len(rows), reporters, title="Training on all rows")
        progress = checkpoint.training(2)
        try:
            trained = again.train(rows, n_epochs, callbacks=steps, progress=progress)
        except KeyboardInterrupt:
            return net, self._encoder
        again.history = net.history
        return (again, encoder) if trained.complete else (net, self._encoder)

    def _callbacks(
        self, plan: Plan, n_rows: int, reporters: Sequence[Callback], title: str = "Training"
    ) -> list[Callback]:
        """Order the callbacks: progress bar, the user's, the learning rate's, scikit-learn's."""
        n_batches = -(-n_rows // plan.batch_size)
        rates = schedule(self.lr_schedule, plan.max_epochs, n_batches)
        return [*self._bar_and_users(title), *rates, *reporters]

    def _bar_and_users(self, title: str = "Training") -> list[Callback]:
        bar = [ProgressBar(self._encoder.targets.names, title)] if self.verbose else []
        return [*bar, *copies(self.callbacks or [])]

    def _make_net(self, plan: Plan, encoder: TableEncoder) -> MultiTaskNet:
        with in_all_functions():
            module = self.make_module(encoder)
        module.product_dtype = product_dtype(self.dtype, self.device_)
        return self._net_around(module, plan, encoder)

    def _net_around(
        self, module: TabularNetwork, plan: Plan, encoder: TableEncoder
    ) -> MultiTaskNet:
        """Make the net that trains a network."""
        tasks, names = encoder.tasks, encoder.targets.names
        with in_all_functions():
            balancer = make_balancer(self.balancing, len(tasks))
        return make_net(
            module,
            balancer,
            losses=TaskLosses(tasks),
            task_weights=TaskWeights(names, self.task_weights, self.task_weight_decay),
            weight_averaging=self.weight_averaging,
            optimizer=self.optimizer,
            learning_rate=plan.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=plan.batch_size,
            device=self.device_,
            n_jobs=self.n_jobs,
            dtype=self._torch_dtype,
            rate_factors=self.rate_factors(),
            net_params=self.net_params,
        )

    def tower_options(self) -> dict[str, Any]:
        """Return what all networks take beside their own parameters.

        Returns
        -------
        options : dict
            By name, as `TowerOptions` has them.
        """
        return {
            "tower_hidden_units": tuple(self.tower_hidden_units),
            "activation": self.activation,
            "dropout": Members(self.n_members).rates(self.dropout),
            "n_members": self.n_members,
        }

    def make_module(self, encoder: TableEncoder) -> TabularNetwork:
        """Make the whole network, untrained: embeddings, body, linear path, mean over members.

        Parameters
        ----------
        encoder : TableEncoder
            What was learnt from a table.

        Returns
        -------
        module : TabularNetwork
            From encoded numbers and category codes to the outputs of all tasks.
        """
        tasks, members = encoder.tasks, Members(self.n_members)
        n_views = members.n * self.n_views(len(tasks))
        start = encoder.linear_start
        if start is not None:
            start = members.linear_shares[:, None, None] * start.astype(np.float32)
        return TabularNetwork(
            encoder.features.n_numbers_,
            encoder.features.cardinalities_,
            partial(
                self.make_network, tasks=[tasks[k] for k in encoder.order], **self.tower_options()
            ),
            embedding_dim=self.embedding_dim,
            make_numeric_embedding=encoder.embedding_for(self.embedding_dim, members, n_views),
            n_embedded=encoder.features.n_columns_,
            clip_numbers=self.clip_numbers,
            feature_dropout=members.rates(self.feature_dropout),
            n_members=members.n,
            n_views=n_views,
            n_linear=sum(task.n_outputs for task in tasks) if self.linear_path else 0,
            linear_start=start,
            link=encoder.dependence.link(),
            mean=MemberMean(tasks, members.n, encoder.dependence.pairs),
            task_order=encoder.order,
        )


def _shapes(net: MultiTaskNet) -> dict[str, Any]:
    """Return the shapes of a net's weights, by name."""
    return {name: part.shape for name, part in net.module_.state_dict().items()}


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
