"""Making the net that trains a network, from a balancer and an estimator's parameters."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from ..balancing import Balancer
from .cpu import check_n_jobs
from .history import SharedHistory
from .net import MultiTaskNet
from .net_params import naming, read_net_params
from .schedule import optimizer_of


def make_net(
    network: torch.nn.Module,
    balancer: Balancer,
    *,
    optimizer: str | type[torch.optim.Optimizer],
    learning_rate: float,
    weight_decay: float,
    rate_factors: dict[str, float],
    device: str,
    n_jobs: int | None,
    net_params: dict[str, Any] | None,
    **options: Any,
) -> MultiTaskNet:
    """Make the net of a network, and initialise it.

    Parameters
    ----------
    network : Module
        The network.
    balancer : Balancer
        The balancer.
    optimizer, learning_rate, weight_decay, device, n_jobs, net_params : object
        The parameters of the estimator, in which "auto" has been replaced.
    rate_factors : dict of str to float
        Factors of the learning rate for some parameters of the network, by patterns of their
        names. These parameters have no weight decay.
    **options : object
        Other parameters of `MultiTaskNet`.

    Returns
    -------
    MultiTaskNet
        The initialised net.

    Raises
    ------
    ValueError
        If ``net_params`` names a parameter that is set elsewhere, or if ``n_jobs`` or
        ``optimizer`` cannot be used.
    """
    check_n_jobs(n_jobs, device)
    net_params = read_net_params(net_params)
    with naming({name: net_params[name] for name in net_params if name == "optimizer"}):
        optimizer = net_params.get("optimizer", optimizer)
        optimizer_class = optimizer_of(optimizer)
    options["lr"] = learning_rate
    free: dict[str, float] = {}
    if "weight_decay" in inspect.signature(optimizer_class).parameters:
        options["optimizer__weight_decay"] = weight_decay
        # Embeddings, biases and parameters of the balancer need no weight decay.
        free = {"weight_decay": 0.0}
    without_decay = ["*embedding*", "*bias", *dict(balancer.named_parameters())]
    param_groups = [
        *((name, free | {"lr": factor * learning_rate}) for name, factor in rate_factors.items()),
        *((name, free) for name in without_decay if free),
    ]
    # One kernel updates all parameters: for small networks this step takes much of the time.
    if isinstance(optimizer, str) and device != "mps":
        options["optimizer__fused"] = True
    options |= {"device": device, "n_jobs": n_jobs, "verbose": 0}
    # The labels of several tasks are in a form that skorch cannot cache for its callbacks.
    options |= {"use_caching": False} | net_params | {"optimizer": optimizer_class}
    with naming(net_params, optimizer):
        # A parameter belongs to the first group that names it, and the user's take precedence.
        param_groups = [*net_params.get("optimizer__param_groups", ()), *param_groups]
        options["optimizer__param_groups"] = param_groups
        net = MultiTaskNet(network, criterion=balancer, **options).initialize()
    # The net already has them as module_ and criterion_, and would copy and pickle them twice.
    net.module, net.criterion = type(network), type(balancer)
    net.history = SharedHistory()
    return net
