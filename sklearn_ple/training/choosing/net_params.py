"""The check of ``net_params``, parameters that are passed on to skorch's net."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

# Parameters that it cannot override, and which of the estimator's to set instead.
_SAME = (
    "callbacks",
    "device",
    "dtype",
    "n_jobs",
    "task_weights",
    "warm_start",
    "weight_averaging",
)
# The schedule of the learning rate counts batches of the estimator's size.
_OF_ESTIMATOR = {name: name for name in _SAME} | {"iterator_train__batch_size": "batch_size"}
# The rates of some parameters of a network are multiples of the estimator's.
_OF_ESTIMATOR |= {"optimizer__lr": "learning_rate"}
# Parameters that it cannot override, since the net would not work with other values.
_OF_NET = {"module", "criterion", "losses", "dataset", "train_split", "predict_nonlinearity"}
# It would compile only `forward`, which training does not call.
_OF_NET |= {"compile"}
# Rows are in memory, where torch's own loader gains nothing.
_OF_NET |= {"iterator_train", "iterator_valid"}
# Numbers, which the schedule reads too.
NUMBERS: dict[str, Any] = {"lr": Real, "batch_size": Integral, "max_epochs": Integral}


def read_net_params(net_params: dict[str, Any] | None) -> dict[str, Any]:
    """Check an estimator's ``net_params``.

    Parameters
    ----------
    net_params : dict or None
        The parameter.

    Returns
    -------
    dict
        The same, with Python numbers in place of NumPy numbers.

    Raises
    ------
    ValueError
        If a name is not a string, or is a parameter that is set elsewhere; if a value that must be
        a number is not.
    """
    net_params = {name: make_plain(value) for name, value in (net_params or {}).items()}
    for name in net_params:
        if not isinstance(name, str):
            raise ValueError(f"net_params names {name!r}, but names of parameters are strings.")
        whose = name.partition("__")[0]
        instead = _OF_ESTIMATOR.get(name, _OF_ESTIMATOR.get(whose))
        if instead or whose in _OF_NET:
            how = f"set the estimator's {instead}" if instead else "leave it out"
            raise ValueError(f"net_params cannot override {name!r}: {how}.")
    for name, kind in NUMBERS.items():
        value = net_params.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < inf:
            which = "a number" if kind is Real else "a whole number"
            raise ValueError(f"net_params has {name}={value!r}: it must be {which} above 0.")
    return net_params


def make_plain(value: Any) -> Any:
    """Turn a NumPy number into a Python number, which torch requires for sizes."""
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def naming_net_params(
    net_params: dict[str, Any], optimizer: str | type | None = None
) -> Iterator[None]:
    """Name ``net_params`` or else a user's optimizer in errors that occur when a net is made."""
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        if net_params:
            what = f"net_params {net_params} do not fit skorch's net"
        elif isinstance(optimizer, type):
            what = f"optimizer={optimizer.__name__} does not suit this network"
        else:
            raise
        raise ValueError(f"{what}: {error}") from error
