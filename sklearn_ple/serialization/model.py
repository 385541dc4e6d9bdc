"""An estimator, fitted or not: to plain data and arrays, and from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .formats import FORMAT_VERSION, check_format, upgraded
from .network import arrays_of, check_same, load_state, network_of
from .state import CODECS, KNOWN, plan_of, restore, settle, state_of
from .values import Reader, Writer

__all__ = ["CODECS", "KNOWN", "NOT_SAVED", "from_plain", "to_plain"]

#: A parameter that is a folder of one machine, to which nothing from elsewhere should direct
#: another.
NOT_SAVED = frozenset({"checkpoint_dir"})


def to_plain(
    model: Any, writer: Writer, not_saved: frozenset[str] = NOT_SAVED
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Turn an estimator into plain data and arrays.

    Parameters
    ----------
    model : estimator of this package
        Fitted or not. If it is, its parameters must still make the network that was fitted.
    writer : Writer
        What writes the values in it.
    not_saved : frozenset of str
        Parameters that are left out.
    """
    is_fitted = hasattr(model, "net_")
    if is_fitted:
        model._validate_params()
    plain: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "parameters": {
            name: writer.write(value, f"Parameter {name!r}")
            for name, value in model.get_params(deep=False).items()
            if name not in not_saved
        },
    }
    if not is_fitted:
        return plain, writer.arrays
    plain["state"] = {
        name: writer.write(value, f"The state's {name!r}")
        for name, value in state_of(model).items()
    }
    check_same(model)
    arrays = arrays_of(model.module_, "network") | arrays_of(model.net_.criterion_, "balancer")
    return plain, arrays | writer.arrays


def from_plain(
    cls: type, plain: dict[str, Any], reader: Reader, not_saved: frozenset[str] = NOT_SAVED
) -> Any:
    """Make an estimator of plain data, and of the arrays that its reader has.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    plain : dict
        What `to_plain` returned.
    reader : Reader
        What reads the values in it.
    not_saved : frozenset of str
        Parameters that must not be there.

    Raises
    ------
    ValueError
        Among other errors, if it is not what `to_plain` returns.
    """
    check_format(plain["format_version"])
    parameters = reader.read(plain["parameters"])
    if refused := sorted(set(parameters) & not_saved):
        raise ValueError(f"it sets {refused}, which no file may")
    model: Any = cls(**parameters)
    if "state" not in plain:
        return model
    model._validate_params()
    state = reader.read(plain["state"])
    encoder = restore(model, state)
    arrays = upgraded(
        plain["format_version"],
        reader.arrays,
        encoder.features.cardinalities_,
        model.embedding_dim,
    )
    module = network_of(model, encoder, arrays)
    # Whether this machine is fast at it matters to training alone.
    module.product_dtype = torch.bfloat16 if model.dtype == "bfloat16" else None
    net = model._net_around(module, plan_of(model, state), encoder)
    prefix = "balancer."
    balancer = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    load_state(net.criterion_, {name.removeprefix(prefix): a for name, a in balancer.items()})
    settle(model, net, encoder, state)
    return model
