"""Creation of an estimator's network, and of the net that trains it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .balancing import make_balancer
from .encoding.encoder import TableEncoder
from .nn import Axis, Body, TabularNetwork
from .nn.draws import in_all_functions
from .nn.members import Members
from .tasks import Task, TaskLosses, TaskWeights
from .tasks.mean import MemberMean
from .training.device import product_dtype
from .training.jobs import Jobs, can_divide
from .training.make import make_net
from .training.net import MultiTaskNet
from .training.origin import Origin
from .training.plan import Plan, Training
from .utils.warn import warn


def create_module(estimator: Any, encoder: TableEncoder) -> TabularNetwork:
    """Create the whole network of an estimator; see `MultiTaskEstimator.make_module`."""
    tasks, members = encoder.tasks, Members(estimator.n_members)
    views = Axis(tuple((task, 1) for task in estimator.views(len(tasks))), members.n)
    start = encoder.linear_start
    if start is not None:
        start = members.linear_shares[:, None, None] * start.astype(np.float32)
    return TabularNetwork(
        encoder.n_numbers,
        encoder.features.cardinalities_,
        partial(_create_body, estimator, [tasks[k] for k in encoder.order]),
        embedding_dim=estimator.embedding_dim,
        make_numeric_embedding=partial(
            encoder.make_embedding, estimator.embedding_dim, members, views
        ),
        n_embedded=encoder.features.n_columns_,
        clip_numbers=estimator.clip_numbers,
        feature_dropout=members.rates(estimator.feature_dropout),
        n_members=members.n,
        views=views,
        linear_outputs=[task.n_outputs for task in tasks] if estimator.linear_path else (),
        linear_start=start,
        link=encoder.dependence.link(estimator.make_link),
        mean=MemberMean(tasks, members.n, encoder.dependence.pairs),
        task_order=encoder.order,
        indicators=encoder.indicators,
        column_names=encoder.features.named(getattr(estimator, "feature_names_in_", None)),
    )


def _create_body(estimator: Any, tasks: Sequence[Task], in_features: Any) -> Body:
    """Create the body, which may be a user's own, and check its members and outputs."""
    owner, n_members = type(estimator).__name__, estimator.n_members
    body = estimator.make_network(in_features, tasks=tasks, **estimator.tower_options())
    if not isinstance(body, Body):
        raise TypeError(
            f"{owner}.make_network returned a {type(body).__name__}: it must return a Body of "
            "sklearn_ple.nn."
        )
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
    return body


def create_net(estimator: Any, plan: Plan, encoder: TableEncoder, origin: Origin) -> MultiTaskNet:
    """Create the network of an estimator with its initial weights, and the net that trains it.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator, whose device has been determined.
    plan : Plan
        The plan of the training.
    encoder : TableEncoder
        The fitted encoder.
    origin : Origin
        The source of the initial weights.
    """
    with in_all_functions():
        module = estimator.make_module(encoder)
    module.product_dtype = product_dtype(estimator.dtype, estimator.device_)
    net = net_around(estimator, module, plan, encoder)
    balancer: Any = net.criterion_
    if balancer.ignores_size and len(set(net.task_weights.initial) - {0.0}) > 1:
        warn(
            "task_weights have next to no effect with "
            f"balancing={estimator.balancing!r}, whose steps do not depend on the size of the "
            'losses: use another balancing, such as "equal".'
        )
    origin.begin(net)
    return net


def net_around(estimator: Any, module: Any, plan: Plan, encoder: TableEncoder) -> MultiTaskNet:
    """Create the net that trains a network.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator, whose device has been determined.
    module : Module
        The network.
    plan : Plan
        The plan of the training.
    encoder : TableEncoder
        The fitted encoder.
    """
    tasks, names = encoder.tasks, encoder.targets.names
    with in_all_functions():
        balancer = make_balancer(estimator.balancing, tasks, estimator.n_members)
    return make_net(
        module,
        balancer,
        losses=TaskLosses(tasks),
        task_weights=TaskWeights(names, estimator.task_weights, estimator.task_weight_decay),
        weight_averaging=estimator.weight_averaging,
        optimizer=estimator.optimizer,
        learning_rate=plan.learning_rate,
        weight_decay=estimator.weight_decay,
        batch_size=plan.batch_size,
        device=estimator.device_,
        n_jobs=estimator.n_jobs,
        dtype=estimator._torch_dtype,
        rate_factors=estimator.rate_factors(),
        net_params=estimator.net_params,
    )


def jobs_for(estimator: Any, net: MultiTaskNet, training: Training, origin: Origin) -> Jobs | None:
    """Divide the members among jobs for training; None if they are trained together.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator.
    net : MultiTaskNet
        The net of all members.
    training : Training
        The training.
    origin : Origin
        The source of the initial weights.
    """
    if estimator.callbacks or origin.holds:
        return None
    if not can_divide(net, training.rows, estimator.net_params):
        return None

    def make_smaller(n_members: int) -> MultiTaskNet:
        smaller, start = copy.copy(estimator), copy.copy(training.encoder)
        # The weights will be replaced by those of the whole network.
        smaller.n_members, start.linear_start = n_members, None
        with in_all_functions():
            module = smaller.make_module(start)
        return net_around(smaller, module, training.plan, training.encoder)

    return Jobs.divide(net, estimator.n_jobs, make_smaller)
