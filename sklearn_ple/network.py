"""Base class of estimators that creates the network from parameters and a fitted encoder."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from .balancing import make_balancer
from .encoding import TableEncoder
from .members import MemberMean, Members
from .nn import Body, EventLink, JointLogits, TabularNetwork
from .nn.draws import in_all_functions
from .parameters import differences, for_another_task, of_network
from .predictor import Predictor
from .tasks import Task, TaskLosses, TaskWeights
from .training import (
    Groups,
    MultiTaskNet,
    Origin,
    OtherModel,
    Plan,
    Training,
    can_part,
    check_unchanged,
    make_groups,
    make_net,
    parts_apart,
    product_dtype,
)
from .warn import warn

# Parameters of the network that name tasks, and may differ in ``warm_start_from``.
_OF_TASKS = {"task_types", "depends_on"}


class NetworkMaker(Predictor, ABC):
    """Base class that creates the network and its skorch net; see `MultiTaskEstimator`."""

    # -- methods for subclasses to override -----------------------------------------------------

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

    def n_views(self, n_tasks: int) -> int:
        """Return the number of views of the features, each of which has its own embeddings.

        Parameters
        ----------
        n_tasks : int
            Number of tasks.

        Returns
        -------
        n_views : int
            Number of views that each member reads; 1 by default.
        """
        return 1

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

    # -- creation of the net ----------------------------------------------------------------------

    def _other_model(self) -> Any:
        """Return the estimator of ``warm_start_from`` after checks, or None."""
        given = self.warm_start_from
        other = given.estimator if isinstance(given, FrozenEstimator) else given
        if other is None:
            return None
        if not isinstance(other, NetworkMaker):
            raise TypeError(
                f"warm_start_from is of type {type(other).__name__}: it must be an estimator of "
                "this package, by itself or in a FrozenEstimator."
            )
        if not hasattr(other, "net_"):
            raise ValueError(
                "warm_start_from is not fitted. If it was fitted before, clone, for example in a "
                "grid search, has replaced it by an unfitted copy: pass "
                "warm_start_from=FrozenEstimator(model), from sklearn.frozen."
            )
        own, before = of_network(self), other._network_params
        if own.keys() != before.keys():
            raise ValueError(
                f"warm_start_from is a {type(other).__name__}, whose network is not that of a "
                f"{type(self).__name__}: pass an estimator with the same network."
            )
        # Tasks are compared by name.
        own = {name: text for name, text in own.items() if name not in _OF_TASKS}
        if changed := differences(own, before, "in warm_start_from"):
            raise ValueError(
                "The network cannot start from that of warm_start_from, which is different: "
                f"{changed}. Use the same parameters as that model, or fit without "
                "warm_start_from."
            )
        for attribute in ("n_features_in_", "feature_names_in_"):
            now, then = (getattr(model, attribute, ()) for model in (self, other))
            if not np.array_equal(now, then):
                raise ValueError(
                    "X has other columns than the model of warm_start_from was fitted with: "
                    f"{attribute} would be {now}, but is {then} there. Pass the same columns."
                )
        return other

    def _origin(self, encoder: TableEncoder) -> Origin:
        """Return the source of the initial weights of a first fit."""
        other = self._other_model()
        if other is None:
            return Origin()
        names, names_there = (
            [own.targets.names[k] for k in own.order] for own in (encoder, other._encoder)
        )
        start = copy.copy(encoder)
        start.linear_start = None
        with torch.device("meta"):
            # Made first even if it is replaced, so that errors name only the user's tasks.
            module = self.make_module(start)
            if names != names_there:
                module = self._with_another_task(start)
        shapes = {name: part.shape for name, part in module.state_dict().items()}
        return OtherModel(other.module_, names, names_there, shapes)

    def _with_another_task(self, encoder: TableEncoder) -> TabularNetwork:
        """Create the network with one more task, of the last one's kind."""
        more = copy.copy(encoder)
        more.targets = copy.copy(encoder.targets)
        further = copy.copy(encoder.tasks[-1])
        further.name = " ".join(["one more", *encoder.targets.names])
        more.targets.tasks = [*encoder.tasks, further]
        more.order = [*encoder.order, len(encoder.order)]
        return for_another_task(self).make_module(more)

    def _check_same_network(self, added: Sequence[str] = ()) -> None:
        """Check that parameters of the network have not changed, but for entries for new tasks."""
        before, when = self._network_params, "in the last fit"
        now, shorter = of_network(self), of_network(self, without=added)
        # An entry for a new task may be new, too, or have been there before.
        other = [name for name in now if differences({name: shorter[name]}, before, when)]
        check_unchanged(differences({name: now[name] for name in other}, before, when))

    def _make_net(self, plan: Plan, encoder: TableEncoder, origin: Origin) -> MultiTaskNet:
        """Create the network with its initial weights, and the net that trains it."""
        with in_all_functions():
            module = self.make_module(encoder)
        module.product_dtype = product_dtype(self.dtype, self.device_)
        net = self._net_around(module, plan, encoder)
        balancer: Any = net.criterion_
        if balancer.ignores_size and len(set(net.task_weights.initial) - {0.0}) > 1:
            warn(
                f"task_weights have next to no effect with balancing={self.balancing!r}, whose "
                "steps do not depend on the size of the losses: use another balancing, such as "
                '"equal".'
            )
        origin.begin(net)
        return net

    def _groups(self, net: MultiTaskNet, training: Training, origin: Origin) -> Groups | None:
        """Split the members into groups for training; None if they are trained together."""
        if self.callbacks or origin.holds or not can_part(net, training.rows, self.net_params):
            return None
        parts = parts_apart(self.n_members, self.n_jobs)
        if len(parts) == 1:
            return None

        def make_net(n_members: int) -> MultiTaskNet:
            smaller, start = copy.copy(self), copy.copy(training.encoder)
            # The weights will be replaced by those of the whole network.
            smaller.n_members, start.linear_start = n_members, None
            with in_all_functions():
                module = smaller.make_module(start)
            return self._net_around(module, training.plan, training.encoder)

        return make_groups(net, parts, make_net)

    def _net_around(
        self, module: TabularNetwork, plan: Plan, encoder: TableEncoder
    ) -> MultiTaskNet:
        """Create the net that trains a network."""
        tasks, names = encoder.tasks, encoder.targets.names
        with in_all_functions():
            balancer = make_balancer(self.balancing, tasks, self.n_members)
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

    def _make_body(self, tasks: Sequence[Task], in_features: Any) -> Body:
        body = self.make_network(in_features, tasks=tasks, **self.tower_options())
        if not isinstance(body, Body):
            raise TypeError(
                f"{type(self).__name__}.make_network returned a {type(body).__name__}: it must "
                "return a Body of sklearn_ple.nn."
            )
        _check_body(type(self).__name__, body, tasks, self.n_members)
        return body

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
        tasks, members = encoder.tasks, Members(self.n_members)
        n_views = members.n * self.n_views(len(tasks))
        start = encoder.linear_start
        if start is not None:
            start = members.linear_shares[:, None, None] * start.astype(np.float32)
        return TabularNetwork(
            encoder.n_numbers,
            encoder.features.cardinalities_,
            partial(self._make_body, [tasks[k] for k in encoder.order]),
            embedding_dim=self.embedding_dim,
            make_numeric_embedding=encoder.embedding_for(self.embedding_dim, members, n_views),
            n_embedded=encoder.features.n_columns_,
            clip_numbers=self.clip_numbers,
            feature_dropout=members.rates(self.feature_dropout),
            n_members=members.n,
            n_views=n_views,
            n_linear=sum(task.n_outputs for task in tasks) if self.linear_path else 0,
            linear_start=start,
            link=encoder.dependence.link(self.make_link),
            mean=MemberMean(tasks, members.n, encoder.dependence.pairs),
            task_order=encoder.order,
            indicators=encoder.indicators,
            column_names=encoder.features.named(getattr(self, "feature_names_in_", None)),
        )


def _check_body(owner: str, body: Body, tasks: Sequence[Task], n_members: int) -> None:
    """Check the members and the outputs of a network, which may be a user's own."""
    if body.n_members != n_members:
        raise ValueError(
            f"{owner}.make_network returned a network of {body.n_members} members instead of "
            f"{n_members}: pass **towers on to it."
        )
    found, expected = list(body.n_outputs), [task.n_outputs for task in tasks]
    if found != expected:
        wrong = [f"{t.name!r} {n}" for t, n in zip(tasks, expected, strict=True)]
        raise ValueError(
            f"{owner}.make_network returned a network with {found} outputs of the tasks, which "
            f"need {', '.join(wrong)}: pass it [task.n_outputs for task in tasks]."
        )
