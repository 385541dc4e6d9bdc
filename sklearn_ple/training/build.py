"""What a training is built of: the encoder, the network, and the net that trains it."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from ..balancing import make_balancer
from ..encoding.encoder import TableEncoder
from ..nn import (
    Axis,
    Body,
    CategoricalEmbedding,
    InputLayer,
    LinearPath,
    TabularNetwork,
    TaskOrder,
)
from ..nn.draws import in_all_functions
from ..nn.inputs import find_columns
from ..nn.members import Members
from ..parameters.optimizers import find_optimizer
from ..parameters.settings import Settings
from ..tasks import Task, TaskLosses, TaskWeights
from ..tasks.mean import MemberMean
from ..utils.warn import warn
from .choosing.defaults import has_many_tasks, resolve_network
from .choosing.net_params import naming_net_params, read_net_params
from .cpu import check_n_jobs
from .history import SharedHistory
from .net import MultiTaskNet


def make_encoder(settings: Settings, classes: Any = None) -> TableEncoder:
    """Make an encoder, which has yet to learn.

    Parameters
    ----------
    settings : Settings
        The settings, in which ``n_bins`` is a number.
    classes : None, array-like, sequence or dict, default=None
        Declared classes.
    """
    names = inspect.signature(TableEncoder).parameters
    taken = {name: getattr(settings, name) for name in names if hasattr(settings, name)}
    resolved = {
        "classes": classes,
        # With bfloat16 only matrix products are less precise: what is encoded stays float32.
        "dtype": "float64" if settings.dtype == "float64" else "float32",
        "by_name": settings.architecture.treats_tasks_alike,
    }
    return TableEncoder(**(taken | resolved))


def make_module(
    settings: Settings, encoder: TableEncoder, names: Sequence[str] = ()
) -> TabularNetwork:
    """Make the whole network: embeddings, body, linear path and mean over members.

    Parameters
    ----------
    settings : Settings
        The settings.
    encoder : TableEncoder
        The encoder, fitted to a table.
    names : sequence of str, default=()
        Names of the columns of X, if they have any.

    Returns
    -------
    TabularNetwork
        The untrained network.
    """
    tasks, members = encoder.tasks, Members(settings.n_members)
    with in_all_functions():
        inputs = make_inputs(settings, encoder)
        body = make_body(settings, encoder, inputs, names)
        linear, coefficients = None, encoder.linear_coefficients
        if settings.linear_path and encoder.n_numbers:
            if coefficients is not None:
                shares = members.linear_shares[:, None, None]
                coefficients = shares * coefficients.astype(np.float32)
            n_outputs = [task.n_outputs for task in tasks]
            linear = LinearPath(encoder.n_numbers, n_outputs, members.n, coefficients)
        return TabularNetwork(
            inputs,
            body,
            linear=linear,
            link=encoder.prerequisites.link(settings.architecture.make_link),
            mean=MemberMean(tasks, members.n, encoder.prerequisites.pairs),
            order=TaskOrder(encoder.order, body.n_outputs),
        )


def make_inputs(settings: Settings, encoder: TableEncoder) -> InputLayer:
    """Make the layer that turns the numbers and codes of an encoder into features."""
    settings = resolve_network(settings, encoder.tasks, encoder.has_interactions)
    members, width = Members(settings.n_members), settings.embedding_dim
    of_views = settings.architecture.views(len(encoder.tasks))
    views = Axis(tuple((task, 1) for task in of_views), members.n)
    cardinalities, read_by = encoder.features.cardinalities_, encoder.read_by
    return InputLayer(
        encoder.n_numbers,
        CategoricalEmbedding(cardinalities, width, views) if len(cardinalities) else None,
        encoder.make_embedding(width, members, views),
        n_embedded=encoder.features.n_columns_,
        clip_numbers=settings.clip_numbers,
        feature_dropout=members.rates(settings.feature_dropout),
        views=views,
        read_by=None if read_by is None else read_by[: members.n],
    )


def body_options(
    settings: Settings, tasks: Sequence[Task], has_interactions: bool = False
) -> dict[str, Any]:
    """Return the options that all networks accept, and those of experts that are "auto"."""
    resolved = resolve_network(settings, tasks, has_interactions)
    options = {
        "tower_hidden_units": tuple(resolved.tower_hidden_units),
        "dropout": Members(resolved.n_members).rates(resolved.dropout),
        "n_members": resolved.n_members,
    }
    for name in ("expert_hidden_units", "n_specific_experts"):
        if isinstance(getattr(settings, name), str):
            options[name] = getattr(resolved, name)
    return options


def make_body(
    settings: Settings, encoder: TableEncoder, inputs: InputLayer, names: Sequence[str] = ()
) -> Body:
    """Make the body, which may be a user's own, and check its members and outputs.

    Parameters
    ----------
    settings : Settings
        The settings.
    encoder : TableEncoder
        The fitted encoder.
    inputs : InputLayer
        The layer whose features the body reads.
    names : sequence of str, default=()
        Names of the columns of X, if they have any.
    """
    owner, n_members = settings.owner.__name__, settings.n_members
    tasks = [encoder.tasks[k] for k in encoder.order]
    options = body_options(settings, tasks, encoder.has_interactions)
    if settings.architecture.reads_columns:
        named = encoder.features.list_names(names or None)
        options["columns"] = find_columns(inputs, encoder.indicators, named)
    body = settings.architecture.make_network(inputs.n_features, tasks=tasks, **options)
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


def make_first_net(
    settings: Settings, encoder: TableEncoder, device: str, names: Sequence[str] = ()
) -> MultiTaskNet:
    """Make a network with random weights, and the net that trains it.

    Parameters
    ----------
    settings : Settings
        The settings, in which no parameter is "auto".
    encoder : TableEncoder
        The fitted encoder.
    device : str
        The device.
    names : sequence of str, default=()
        Names of the columns of X, if they have any.
    """
    module = make_module(settings, encoder, names)
    module.product_dtype = settings.product_dtype
    net = make_net(settings, module, encoder, device)
    balancer: Any = net.criterion_
    given = not isinstance(settings.task_weights, str)
    if given and balancer.ignores_size and len(set(net.task_weights.initial) - {0.0}) > 1:
        warn(
            "task_weights have next to no effect with "
            f"balancing={settings.balancing!r}, whose steps do not depend on the size of the "
            'losses: use another balancing, such as "equal".'
        )
    is_slow = encoder.has_interactions and has_many_tasks(settings, encoder.tasks)
    if is_slow and settings.max_time is None:
        warn(
            f"The labels of {len(encoder.tasks)} tasks depend on interactions of columns, so each "
            "task has an expert of its own, which takes much time and memory. Set max_time, which "
            "ends the fit in time, or n_specific_experts=0, which is faster."
        )
    return net


def make_net(
    settings: Settings, module: nn.Module, encoder: TableEncoder, device: str
) -> MultiTaskNet:
    """Make the net that trains a network, and initialise it.

    Parameters
    ----------
    settings : Settings
        The settings, in which no parameter is "auto".
    module : Module
        The network.
    encoder : TableEncoder
        The fitted encoder.
    device : str
        The device.

    Raises
    ------
    ValueError
        If ``net_params`` names a parameter that is set elsewhere, or if ``n_jobs`` or
        ``optimizer`` cannot be used.
    """
    check_n_jobs(settings.n_jobs, device)
    net_params = read_net_params(settings.net_params)
    with naming_net_params({name: net_params[name] for name in net_params if name == "optimizer"}):
        optimizer = net_params.get("optimizer", settings.optimizer)
        optimizer_class = find_optimizer(optimizer)
    with in_all_functions():
        balancer = make_balancer(settings.balancing, encoder.tasks, settings.n_members)
    names, watched = encoder.targets.names, settings.early_stopping
    given = settings.task_weights, settings.task_weight_decay, encoder.n_labels
    options: dict[str, Any] = {
        "losses": TaskLosses(encoder.tasks),
        "task_weights": TaskWeights(names, *given, watched if isinstance(watched, str) else None),
        "weight_averaging": settings.weight_averaging,
        "dtype": settings.tensor_dtype,
        "batch_size": settings.batch_size,
        "device": device,
        "n_jobs": settings.n_jobs,
        "verbose": 0,
        # skorch's cache for scoring callbacks cannot hold the labels of several tasks.
        "use_caching": False,
        "optimizer": optimizer_class,
    }
    options |= _optimizer_options(settings, optimizer, device)
    own_groups = _parameter_groups(settings, optimizer_class, balancer)
    with naming_net_params(net_params, optimizer):
        options |= net_params | {"optimizer": optimizer_class}
        # A parameter belongs to the first group that names it, and the user's take precedence.
        user_groups = net_params.get("optimizer__param_groups", ())
        options["optimizer__param_groups"] = [*user_groups, *own_groups]
        net = MultiTaskNet(module, criterion=balancer, **options).initialize()
    # The net has both as module_ and criterion_. Without their classes in place of the objects,
    # each would be copied and pickled twice.
    net.module, net.criterion = type(module), type(balancer)
    net.history = SharedHistory()
    return net


def _has_decay(optimizer_class: type) -> bool:
    return "weight_decay" in inspect.signature(optimizer_class).parameters


def _optimizer_options(settings: Settings, optimizer: str | type, device: str) -> dict[str, Any]:
    """Return the options of the optimizer."""
    options: dict[str, Any] = {"lr": settings.learning_rate}
    # Fused: one kernel updates all parameters. For small networks, updates one by one would take
    # much of the time of a step.
    if isinstance(optimizer, str) and device != "mps":
        options["optimizer__fused"] = True
    return options


def _parameter_groups(
    settings: Settings, optimizer_class: type, balancer: nn.Module
) -> list[tuple[str, dict[str, float]]]:
    """Return the parameters, by patterns of their names, with options of their own.

    Embeddings, biases and parameters of the balancer need no weight decay, nor do those with a
    learning rate of their own.
    """
    free = {"weight_decay": 0.0} if _has_decay(optimizer_class) else {}
    rates = settings.architecture.rate_factors.items()
    groups = [(name, free | {"lr": factor * settings.learning_rate}) for name, factor in rates]
    without_decay = ["*embedding*", "*bias", *dict(balancer.named_parameters())]
    return [*groups, *((name, free) for name in without_decay if free)]
