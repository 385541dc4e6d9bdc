"""``net_params``, parameters that are passed on to skorch's net: what it may hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

# What it cannot override, since the estimator reads these parameters itself.
_OF_ESTIMATOR = {
    "callbacks",
    "device",
    "dtype",
    "n_jobs",
    "task_weights",
    "warm_start",
    "weight_averaging",
}
# What it cannot override, since the net would not work with anything else.
_OF_NET = {"module", "criterion", "losses", "dataset", "train_split", "predict_nonlinearity"}
# It would compile `forward` alone, which no step of training calls.
_OF_NET |= {"compile"}
# Their options, as iterator_train__num_workers, can be overridden, but not what makes the batches.
_ITERATORS = {"iterator_train", "iterator_valid"}
_OF_BATCHES = {"batch_sampler", "collate_fn", "drop_last", "sampler", "shuffle"}
# What the schedule reads too.
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
        The same, with numbers of Python in place of those of numpy.

    Raises
    ------
    ValueError
        If it names what is no name, or a parameter that is set elsewhere; if a number is none.
    """
    net_params = {name: plain(value) for name, value in (net_params or {}).items()}
    for name in net_params:
        if not isinstance(name, str):
            raise ValueError(f"net_params names {name!r}, but parameters' names are strings.")
        whose, _, option = name.partition("__")
        is_fixed = name in _ITERATORS or (whose in _ITERATORS and option in _OF_BATCHES)
        if whose in _OF_ESTIMATOR | _OF_NET or is_fixed:
            how = f"set the estimator's {whose}" if whose in _OF_ESTIMATOR else "leave it out"
            raise ValueError(f"net_params cannot override {name!r}: {how}.")
    for name, kind in NUMBERS.items():
        value = net_params.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < inf:
            which = "a number" if kind is Real else "a whole number"
            raise ValueError(f"net_params has {name}={value!r}: it must be {which} above 0.")
    return net_params


def plain(value: Any) -> Any:
    """Turn a number of numpy into one of Python, which is what torch takes for a size."""
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def naming(net_params: dict[str, Any]) -> Iterator[None]:
    """Name ``net_params``, if there are any, in what is raised as a net is made of them."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not net_params:
            raise
        raise ValueError(f"net_params {net_params} do not fit skorch's net: {error}") from error
