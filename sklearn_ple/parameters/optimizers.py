"""Optimizers, and schedules of the learning rate, by the names that the estimators accept."""

import inspect
from typing import Any

import torch

# Methods of an optimizer that torch wraps to hide them from its compiler.
_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def without_compiler(optimizer: Any) -> Any:
    """Let the methods of an optimizer not import torch's compiler, which takes over a second."""
    optimizer.step = torch.no_grad()(inspect.unwrap(optimizer.step))
    for name in _WRAPPED:
        setattr(optimizer, name, inspect.unwrap(getattr(optimizer, name)))
    return optimizer


@without_compiler
class AdamW(torch.optim.AdamW):
    """The optimizer of torch."""


@without_compiler
class Adam(torch.optim.Adam):
    """The optimizer of torch."""


@without_compiler
class SGD(torch.optim.SGD):
    """The optimizer of torch."""


#: Optimizers, by the names that the estimators accept.
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD}


def find_optimizer(optimizer: object) -> type[torch.optim.Optimizer]:
    """Return the class of an optimizer.

    Parameters
    ----------
    optimizer : str or type
        The name of an optimizer, or its class.

    Returns
    -------
    type
        The class.

    Raises
    ------
    ValueError
        If it is neither a known name nor the class of an optimizer.
    """
    found: object = OPTIMIZERS.get(optimizer) if isinstance(optimizer, str) else optimizer
    if isinstance(found, type) and issubclass(found, torch.optim.Optimizer):
        return {cls.__base__: cls for cls in OPTIMIZERS.values()}.get(found, found)
    raise ValueError(
        f"optimizer={optimizer!r} is not an optimizer: it must be one of {sorted(OPTIMIZERS)}, "
        "or a subclass of torch.optim.Optimizer."
    )


#: How the learning rate changes.
LR_SCHEDULES = ("decay", "constant")
