"""Networks of the same size and depth, without which a comparison of networks says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sklearn.base import clone

from .base import MultiTaskEstimator
from .encoding import Table, TableEncoder
from .nn.widths import widths_by_level
from .warn import warn

__all__ = ["count_layers", "count_parameters", "equal_capacity"]

# The layers that differ between the systems; towers and gates are the same for all.
_SCALED = ("expert_hidden_units", "bottom_hidden_units", "hidden_units")
_WIDEST = 2**14
_TOO_LARGE = 1.05


def count_parameters(estimator: MultiTaskEstimator, X: Any, y: Any) -> int:
    """Count the parameters of the networks that an estimator would train, embeddings apart.

    Embeddings are left out because they belong to the features: a task that is learnt alone has
    its own, and a thousand categories would outweigh every expert.

    Parameters
    ----------
    estimator : estimator of this package
        Is not changed, and need not be fitted.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks)
        The labels.

    Returns
    -------
    n_parameters : int
        The number of parameters in all experts, bottoms, gates and towers of all members.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.capacity import count_parameters
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> one, two = (
    ...     count_parameters(PLEClassifierRegressor(n_members=n), X, y) for n in (1, 2)
    ... )
    >>> two == 2 * one
    True
    """
    return _Sizes(estimator, X, y).count()


def count_layers(estimator: MultiTaskEstimator) -> int:
    """Count the hidden layers between the features and the towers.

    Layers of experts, bottoms or the tasks' own, of all levels; gates and towers are not counted.

    Parameters
    ----------
    estimator : estimator of this package
        Need not be fitted.

    Returns
    -------
    n_layers : int
        The number of layers; 0 where the towers read the features.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.capacity import count_layers
    >>> count_layers(PLEClassifierRegressor(n_levels=2, expert_hidden_units=(64, 32)))
    4
    """
    return sum(map(len, _widths(estimator)))


def equal_capacity(
    estimators: Mapping[str, MultiTaskEstimator],
    X: Any,
    y: Any,
    *,
    reference: str | None = None,
    equal_depth: bool = False,
) -> dict[str, MultiTaskEstimator]:
    """Return estimators whose networks have as many parameters as that of a reference.

    The widths of experts, bottoms or a task's own layers are scaled together, as near to the
    reference's number of parameters as whole widths allow; towers and gates stay as they are. With
    ``equal_depth`` they first get as many layers as the reference: the last one is repeated, or
    the last ones are left out, until every level has its share.

    Parameters
    ----------
    estimators : dict of str to estimator of this package
        The estimators by name; they are not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features that they will be fitted to.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks)
        The labels.
    reference : str, default=None
        The name of the estimator whose size the others get; None for the first one.
    equal_depth : bool, default=False
        Whether they also get as many layers between the features and the towers as the reference,
        by `count_layers`. Otherwise each keeps its own.

    Returns
    -------
    estimators : dict of str to estimator
        Unfitted clones by name, of the size of the reference.

    Raises
    ------
    ValueError
        If the reference is none of the estimators, or an estimator has no layers to scale; if the
        levels of an estimator can't share the layers evenly.

    Warns
    -----
    UserWarning
        If an estimator has more parameters than the reference by a twentieth however narrow its
        layers are: the rest of it is too large.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor, SharedBottomClassifierRegressor
    >>> from sklearn_ple.capacity import equal_capacity
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> systems = {
    ...     "PLE": PLEClassifierRegressor(),
    ...     "shared bottom": SharedBottomClassifierRegressor(),
    ... }
    >>> equal_capacity(systems, X, y)["shared bottom"].bottom_hidden_units[0] > 64
    True
    """
    name = next(iter(estimators)) if reference is None else reference
    if name not in estimators:
        raise ValueError(f"reference={name!r} is none of the estimators {list(estimators)}.")
    target = count_parameters(estimators[name], X, y)
    n_layers = count_layers(estimators[name])
    sized = {}
    for own, estimator in estimators.items():
        if own == name:
            sized[own] = clone(estimator)
            continue
        _check_layers(estimator)
        deepened = _with_layers(estimator, n_layers, own) if equal_depth else estimator
        sizes = _Sizes(deepened, X, y)
        sized[own] = sizes.scaled_to(target)
        if (least := sizes.least()) > _TOO_LARGE * target:
            warn(
                f"{own!r}, {type(estimator).__name__}, can't be as small as the reference: with "
                f"layers of the least width it has {least:,} parameters, not {target:,}. Take "
                "smaller gates and towers, or a larger reference."
            )
    return sized


def _layers_name(estimator: Any) -> str | None:
    """Return the parameter that holds the widths of the layers that differ between systems."""
    return next((name for name in _SCALED if name in estimator.get_params()), None)


def _widths(estimator: Any) -> list[tuple[int, ...]]:
    """Return the widths of these layers, level by level."""
    name = _layers_name(estimator)
    hidden_units = () if name is None else getattr(estimator, name)
    return widths_by_level(hidden_units, getattr(estimator, "n_levels", 1))


def _with_widths(estimator: Any, levels: list[tuple[int, ...]]) -> Any:
    """Return a clone with other widths."""
    widths = levels[0] if len(set(levels)) == 1 else tuple(levels)
    return clone(estimator).set_params(**{str(_layers_name(estimator)): widths})


def _check_layers(estimator: Any) -> None:
    """Raise an error if an estimator has no layers."""
    if not count_layers(estimator):
        raise ValueError(
            f"{type(estimator).__name__} has no layers to scale: it takes none of "
            f"{list(_SCALED)}, or they are empty."
        )


def _with_layers(estimator: Any, n_layers: int, own: str) -> Any:
    """Return a clone that has so many layers, in all levels together."""
    if count_layers(estimator) == n_layers:
        return estimator
    levels = _widths(estimator)
    n_each, n_left = divmod(n_layers, len(levels))
    if n_left or not n_each:
        raise ValueError(
            f"{own!r}, {type(estimator).__name__} with n_levels={len(levels)}, can't have the "
            f"{n_layers} layers of the reference, as many at each level. Change its n_levels or "
            "the reference, or set as many layers by the widths of each level."
        )
    return _with_widths(estimator, [(widths + widths[-1:] * n_each)[:n_each] for widths in levels])


class _Sizes:
    """The numbers of parameters that an estimator has with layers of various widths."""

    def __init__(self, estimator: MultiTaskEstimator, X: Any, y: Any):
        self.estimator = clone(estimator)
        table = Table.read(clone(estimator), X, y)
        # However many bins there are, embeddings are as wide.
        encoder = TableEncoder.of(estimator, n_bins=2)
        encoder, _ = encoder.start(encoder.learn(table))
        self.tasks = encoder.tasks
        self.n_features = estimator.make_module(encoder).n_features

    def count(self, estimator: Any = None) -> int:
        """Count the parameters of an estimator for these data; by default of the one itself."""
        estimator = self.estimator if estimator is None else estimator
        with torch.device("meta"):
            body = estimator.make_network(self.n_features, self.tasks, **estimator.tower_options())
        return sum(parameter.numel() for parameter in body.parameters())

    def least(self) -> int:
        """Count the parameters with the narrowest layers."""
        return self.count(self._with_width(1))

    def scaled_to(self, n_parameters: int) -> Any:
        """Scale the layers until the number of parameters is as near as can be."""
        low, high = 1, _WIDEST
        while high - low > 1:
            middle = (low + high) // 2
            below = self.count(self._with_width(middle)) <= n_parameters
            low, high = (middle, high) if below else (low, middle)
        candidates = [self._with_width(width) for width in (low, high)]
        return min(candidates, key=lambda scaled: abs(self.count(scaled) - n_parameters))

    def _with_width(self, width: int) -> Any:
        """Scale the layers so that the first one has a width."""
        levels, unit = _widths(self.estimator), getattr(self.estimator, "n_subspaces", 1)
        first = levels[0][0]
        scaled = [
            tuple(max(1, round(width * own / first / unit)) * unit for own in widths)
            for widths in levels
        ]
        return _with_widths(self.estimator, scaled)
