"""Where training starts from: checks of an earlier network, and the initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from .encoding.encoder import TableEncoder
from .parameters.comparison import differences, of_network
from .parameters.shared import Parameters
from .training.origin import Origin, OtherModel, check_unchanged

# Parameters of the network that name tasks, and may differ in ``warm_start_from``.
_OF_TASKS = {"task_types", "depends_on"}


def other_model(estimator: Any) -> Any:
    """Return the model of ``warm_start_from`` after checks, or None.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator with this parameter.

    Raises
    ------
    TypeError
        If it is not an estimator of this package.
    ValueError
        If it is the estimator itself, is not fitted, has another network or was fitted to other
        columns.
    """
    given = estimator.warm_start_from
    other = given.estimator if isinstance(given, FrozenEstimator) else given
    if other is None:
        return None
    if not isinstance(other, Parameters):
        raise TypeError(
            f"warm_start_from is of type {type(other).__name__}: it must be an estimator of "
            "this package, by itself or in a FrozenEstimator."
        )
    if other is estimator:
        raise ValueError(
            "warm_start_from is the estimator itself: to continue from its own weights, set "
            "warm_start_from=None and warm_start=True."
        )
    if not hasattr(other, "net_"):
        raise ValueError(
            "warm_start_from is not fitted. If it was fitted before, clone, for example in a "
            "grid search, has replaced it by an unfitted copy: pass "
            "warm_start_from=FrozenEstimator(model), from sklearn.frozen."
        )
    own, before = of_network(estimator), other._network_params
    if own.keys() != before.keys():
        raise ValueError(
            f"warm_start_from is a {type(other).__name__}, whose network is not that of a "
            f"{type(estimator).__name__}: pass an estimator with the same network."
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
        now, then = (getattr(model, attribute, ()) for model in (estimator, other))
        if not np.array_equal(now, then):
            raise ValueError(
                "X has other columns than the model of warm_start_from was fitted with: "
                f"{attribute} would be {now}, but is {then} there. Pass the same columns."
            )
    return other


def origin_of(estimator: Any, encoder: TableEncoder) -> Origin:
    """Return the source of the initial weights of a first fit.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator.
    encoder : TableEncoder
        The fitted encoder.
    """
    other = other_model(estimator)
    if other is None:
        return Origin()
    names, names_there = (
        [own.targets.names[k] for k in own.order] for own in (encoder, other._encoder)
    )
    return OtherModel(other.module_, names, names_there)


def check_same_network(estimator: Any, added: Sequence[str] = ()) -> None:
    """Check that parameters of the network have not changed since the last fit.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The fitted estimator.
    added : sequence of str, optional
        Names of new tasks, for which parameters may have further entries.

    Raises
    ------
    ValueError
        If a parameter has changed.
    """
    before, when = estimator._network_params, "in the last fit"
    now, shorter = of_network(estimator), of_network(estimator, without=added)
    # An entry for a new task may be new, too, or have been there before.
    other = [name for name in now if differences({name: shorter[name]}, before, when)]
    check_unchanged(differences({name: now[name] for name in other}, before, when))
