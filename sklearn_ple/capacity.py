"""Number of parameters and layers of networks, and networks of the same size for comparisons."""

from bisect import bisect
from collections.abc import Mapping
from typing import Any

import torch
from sklearn.base import clone

from .base import MultiTaskEstimator
from .nn.levels import split_widths
from .tables.reading import FeatureReader
from .tables.table import TableReader
from .training.build import make_body, make_encoder, make_inputs
from .training.plan import NETWORK
from .utils.checks import check_named, naming
from .utils.constraints import check_arguments
from .utils.warn import warn

__all__ = ["count_layers", "count_parameters", "equal_capacity"]

# Parameters with the widths of layers that are scaled; towers and gates are not scaled.
_SCALED = ("expert_hidden_units", "bottom_hidden_units", "hidden_units")
_WIDEST = 2**14
_TOO_LARGE = 1.05


def count_parameters(estimator: MultiTaskEstimator, X: Any, y: Any) -> int:
    """Count the parameters of the networks that an estimator would train, except embeddings.

    Embeddings are left out because their number depends on the features and on whether tasks share
    them, and those of a thousand categories would outnumber the parameters of all experts. If
    members read only some of many columns, the result holds for a single member's choice.

    Parameters
    ----------
    estimator : estimator of this package
        The estimator. It need not be fitted, and is not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks)
        The labels.

    Returns
    -------
    n_parameters : int
        Number of parameters in the experts, bottoms, gates and towers of all members.

    Raises
    ------
    TypeError
        If it is not an estimator of this package.
    ValueError
        If a parameter of the estimator is invalid.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.capacity import count_parameters
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> one, two = (
    ...     count_parameters(PLEClassifierRegressor(n_members=n), X, y)
    ...     for n in (1, 2)
    ... )
    >>> two == 2 * one
    True
    """
    return _Sizes(estimator, X, y).count(estimator)


def count_layers(estimator: MultiTaskEstimator) -> int:
    """Count the hidden layers between the features and the towers.

    These are the layers of an expert, a bottom or a task's own network, summed over the levels.
    The layers of gates and towers are not counted.

    Parameters
    ----------
    estimator : estimator of this package
        The estimator. It need not be fitted.

    Returns
    -------
    n_layers : int
        Number of layers; 0 if the towers read the features. If widths are "auto", those of a table
        without interactions count.

    Raises
    ------
    TypeError
        If it is not an estimator of this package.
    ValueError
        If a parameter of the estimator is invalid.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.capacity import count_layers
    >>> model = PLEClassifierRegressor(
    ...     n_levels=2, expert_hidden_units=(64, 32)
    ... )
    >>> count_layers(model)
    4
    """
    _check_ours(estimator)
    return sum(map(len, _widths(estimator)))


@check_arguments(reference=[str, None], equal_depth=["boolean"])
def equal_capacity(
    estimators: Mapping[str, MultiTaskEstimator],
    X: Any,
    y: Any,
    *,
    reference: str | None = None,
    equal_depth: bool = False,
) -> dict[str, MultiTaskEstimator]:
    """Return estimators whose networks have the same number of parameters as a reference.

    This allows a fair comparison of networks. The widths of experts, bottoms or a task's own
    layers are multiplied by a common factor, so that the number of parameters is as close to that
    of the reference as whole widths allow. Towers and gates are not changed. With ``equal_depth``,
    the networks first get the same number of layers as the reference: at each level, the last
    layer is repeated, or the last layers are removed.

    Parameters
    ----------
    estimators : dict of str to estimator of this package
        The estimators by name. They are not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features that they will be fitted to.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks)
        The labels.
    reference : str, default=None
        Name of the estimator whose size the others get; None for the first one.
    equal_depth : bool, default=False
        Whether the estimators also get the same number of layers as the reference, as counted by
        `count_layers`. Otherwise the numbers of layers do not change.

    Returns
    -------
    estimators : dict of str to estimator
        Unfitted clones with scaled layers, by name. Widths that are "auto" are replaced by those
        that a fit to X and y would choose.

    Raises
    ------
    ValueError
        If there is no estimator, or the reference is not one of them; if an estimator has no
        layers to scale or an invalid parameter; or if the layers cannot be distributed evenly over
        the levels of an estimator.
    TypeError
        If the estimators are no dict, or one is not of this package.

    Warns
    -----
    UserWarning
        If an estimator has over 5 % more parameters than the reference even if its layers have
        width 1, because its towers and gates are too large.

    Examples
    --------
    >>> from sklearn_ple import (
    ...     PLEClassifierRegressor,
    ...     SharedBottomClassifierRegressor,
    ... )
    >>> from sklearn_ple.capacity import equal_capacity
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> systems = {
    ...     "PLE": PLEClassifierRegressor(),
    ...     "shared bottom": SharedBottomClassifierRegressor(),
    ... }
    >>> scaled = equal_capacity(systems, X, y)
    >>> scaled["shared bottom"].bottom_hidden_units[0] > 64
    True
    """
    check_named(estimators)
    with naming("estimators"):
        for estimator in estimators.values():
            _check_ours(estimator)
    name = next(iter(estimators)) if reference is None else reference
    if name not in estimators:
        raise ValueError(f"reference={name!r} is not one of the estimators {list(estimators)}.")
    estimators = {key: _settle_widths(each, X, y) for key, each in estimators.items()}
    target = count_parameters(estimators[name], X, y)
    n_layers = count_layers(estimators[name])
    sized = {}
    for key, estimator in estimators.items():
        if key == name:
            sized[key] = clone(estimator)
            continue
        if not count_layers(estimator):
            raise ValueError(
                f"{key!r}, {type(estimator).__name__}, has no layers to scale: it has none of the "
                f"parameters {list(_SCALED)}, or they are empty. Leave it out."
            )
        deepened = _with_layers(estimator, n_layers, key) if equal_depth else estimator
        sizes = _Sizes(deepened, X, y)
        sized[key] = sizes.scaled_to(target)
        if (least := sizes.count(sizes.with_width(1))) > _TOO_LARGE * target:
            warn(
                f"{key!r}, {type(estimator).__name__}, cannot be as small as the reference: with "
                f"layers of the smallest width it has {least:,} parameters, not {target:,}. Use "
                "smaller gates and towers, or a larger reference."
            )
    return sized


def _check_ours(estimator: Any) -> None:
    """Raise an error for what is no estimator of this package, and for invalid parameters."""
    if not isinstance(estimator, MultiTaskEstimator):
        raise TypeError(
            f"{type(estimator).__name__} is not an estimator of this package: pass one, not a "
            "pipeline or a search that contains it."
        )
    estimator._validate_params()


def _find_layers_name(estimator: Any) -> str:
    """Return the name of the parameter with the widths of the layers that are scaled, or ""."""
    return next((name for name in _SCALED if name in estimator.get_params()), "")


def _widths(estimator: Any) -> list[tuple[int, ...]]:
    """Return the widths of these layers for each level."""
    hidden_units = getattr(estimator, _find_layers_name(estimator), ())
    if isinstance(hidden_units, str):
        hidden_units = NETWORK["expert_hidden_units"][False]
    return split_widths(hidden_units, getattr(estimator, "n_levels", 1))


def _with_widths(estimator: Any, levels: list[tuple[int, ...]]) -> Any:
    """Return a clone with other widths."""
    widths = levels[0] if len(set(levels)) == 1 else tuple(levels)
    return clone(estimator).set_params(**{_find_layers_name(estimator): widths})


def _settle_widths(estimator: Any, X: Any, y: Any) -> Any:
    """Return an estimator with the widths that a fit would choose, if they are "auto"."""
    name = _find_layers_name(estimator)
    if not isinstance(getattr(estimator, name, ()), str):
        return estimator
    interact = _Sizes(estimator, X, y).encoder.has_interactions
    return clone(estimator).set_params(**{name: NETWORK[name][interact]})


def _with_layers(estimator: Any, n_layers: int, key: str) -> Any:
    """Return a clone with the given number of layers, summed over the levels."""
    if count_layers(estimator) == n_layers:
        return estimator
    levels = _widths(estimator)
    n_each, n_left = divmod(n_layers, len(levels))
    if n_left or not n_each:
        raise ValueError(
            f"{key!r}, {type(estimator).__name__} with n_levels={len(levels)}, cannot have as "
            f"many layers as the reference, {n_layers}, with the same number at each level. "
            "Change its n_levels or the reference, or set widths for each level with this number "
            "of layers in all."
        )
    return _with_widths(estimator, [(widths + widths[-1:] * n_each)[:n_each] for widths in levels])


class _Sizes:
    """Counts the parameters of an estimator with layers of various widths."""

    def __init__(self, estimator: MultiTaskEstimator, X: Any, y: Any):
        _check_ours(estimator)
        self.estimator = clone(estimator)
        features = FeatureReader(clone(estimator))
        table = TableReader(features, estimator.task_types).read(X, y)
        # The width of embeddings does not depend on the number of bins.
        settings = estimator._settings.replace(n_bins=2)
        encoder = make_encoder(settings)
        self.encoder, _ = encoder.start(encoder.learn(table))
        self.names = features.names
        with torch.device("meta"):
            self.inputs = make_inputs(settings, self.encoder)

    def count(self, estimator: Any) -> int:
        """Count the parameters of an estimator for these data."""
        with torch.device("meta"):
            body = make_body(estimator._settings, self.encoder, self.inputs, self.names)
        return sum(parameter.numel() for parameter in body.parameters())

    def scaled_to(self, n_parameters: int) -> Any:
        """Scale the layers so that the number of parameters is as close as possible."""
        widths = range(2, _WIDEST)
        n_below = bisect(
            widths, n_parameters, key=lambda width: self.count(self.with_width(width))
        )
        candidates = [self.with_width(n_below + more) for more in (1, 2)]
        return min(candidates, key=lambda scaled: abs(self.count(scaled) - n_parameters))

    def with_width(self, width: int) -> Any:
        """Scale the layers so that the first one has the given width."""
        levels, unit = _widths(self.estimator), getattr(self.estimator, "n_subspaces", 1)
        first = levels[0][0]
        scaled = [
            tuple(max(1, round(width * each / first / unit)) * unit for each in widths)
            for widths in levels
        ]
        return _with_widths(self.estimator, scaled)
