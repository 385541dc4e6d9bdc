"""Conversion of an estimator, fitted or not, to plain data and arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..network import net_around
from .network import arrays_of, check_same, load_state, network_of, part_of
from .state import plan_of, restore, settle, state_of
from .values import Reader, Writer

#: Version of the format. A change of what files hold raises it.
FORMAT_VERSION = 1

#: Parameters that are not saved: a folder belongs to one machine, and a file from elsewhere must
#: not make another machine write to it.
NOT_SAVED = frozenset({"checkpoint_dir"})


def to_plain(
    model: Any, writer: Writer, not_saved: frozenset[str] = NOT_SAVED
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Convert an estimator to plain data and arrays.

    Parameters
    ----------
    model : estimator of this package
        The estimator, fitted or not. If it is fitted, the parameters of the network must not have
        changed since fit.
    writer : Writer
        The writer that converts values.
    not_saved : frozenset of str
        Parameters that are left out.

    Returns
    -------
    plain : dict
        The plain data.
    arrays : dict of str to ndarray
        The arrays to which the plain data refer, and those of the network.

    Raises
    ------
    TypeError
        If a value cannot be saved.
    ValueError
        If parameters of the network have changed since fit.
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
    """Create an estimator from plain data and the arrays of a reader.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    plain : dict
        The plain data returned by `to_plain`.
    reader : Reader
        The reader that converts values back, with the arrays.
    not_saved : frozenset of str
        Parameters that the plain data must not contain.

    Returns
    -------
    estimator
        The estimator.

    Raises
    ------
    ValueError
        If the plain data are invalid. Other errors are possible, too.
    """
    check_format(plain["format_version"])
    parameters = reader.read(plain["parameters"])
    if refused := sorted(set(parameters) & not_saved):
        raise ValueError(f"it sets the parameters {refused}, which is not allowed in a file")
    model: Any = cls(**parameters)
    if "state" not in plain:
        return model
    model._validate_params()
    state = reader.read(plain["state"])
    encoder = restore(model, state)
    module = network_of(model, encoder, reader.arrays)
    # The speed of this machine with bfloat16 is checked only before training.
    module.product_dtype = torch.bfloat16 if model.dtype == "bfloat16" else None
    net = net_around(model, module, plan_of(model, state), encoder)
    load_state(net.criterion_, part_of(reader.arrays, "balancer"))
    settle(model, net, encoder, state)
    return model


def check_format(version: Any) -> None:
    """Check the version of a format.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError("its header does not contain a version of the format")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"it has version {version} of the format, and this sklearn-ple reads only version "
            f"{FORMAT_VERSION}: load it with the sklearn-ple that wrote it, and fit again"
        )
