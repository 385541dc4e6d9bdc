"""Number of parameters and layers of networks, and networks of the same size for comparisons."""

from bisect import bisect

import torch
from sklearn.base import clone

from sklearn_ple.nn.levels import split_widths
from sklearn_ple.tables.table import TableReader
from sklearn_ple.training.build import make_body, make_encoder, make_inputs
from sklearn_ple.training.choosing.defaults import NETWORK

# Parameters with the widths of layers that are scaled; towers and gates are not scaled.
SCALED = ("expert_hidden_units", "bottom_hidden_units", "hidden_units")
WIDEST = 2**14


def count_parameters(estimator, X, y):
    """Count the parameters of the networks that an estimator would train, except embeddings.

    Embeddings are left out because their number depends on the features and on whether tasks share
    them, and those of a thousand categories would outnumber the parameters of all experts.
    """
    return Sizes(estimator, X, y).count(estimator)


def count_layers(estimator):
    """Count the hidden layers between the features and the towers, summed over the levels."""
    return sum(map(len, widths_of(estimator)))


def equal_capacity(estimators, X, y, *, reference, equal_depth=False):
    """Return estimators whose networks have as many parameters as a reference.

    The widths of experts, bottoms or a task's own layers are multiplied by a common factor, so
    that the number of parameters is as close to that of the reference as whole widths allow. With
    ``equal_depth``, the networks first get the same number of layers as the reference: at each
    level, the last layer is repeated, or the last layers are removed.
    """
    estimators = {key: settle_widths(each, X, y) for key, each in estimators.items()}
    target = count_parameters(estimators[reference], X, y)
    n_layers = count_layers(estimators[reference])
    sized = {}
    for key, estimator in estimators.items():
        deepened = with_layers(estimator, n_layers, key) if equal_depth else estimator
        sized[key] = Sizes(deepened, X, y).scaled_to(target)
    return sized | {reference: estimators[reference]}


def layers_name(estimator):
    """Return the name of the parameter with the widths of the layers that are scaled."""
    return next(name for name in SCALED if name in estimator.get_params())


def widths_of(estimator):
    """Return the widths of these layers for each level; for "auto" those without interactions."""
    hidden_units = getattr(estimator, layers_name(estimator))
    if isinstance(hidden_units, str):
        hidden_units = NETWORK["expert_hidden_units"][False]
    return split_widths(hidden_units, getattr(estimator, "n_levels", 1))


def with_widths(estimator, levels):
    widths = levels[0] if len(set(levels)) == 1 else tuple(levels)
    return clone(estimator).set_params(**{layers_name(estimator): widths})


def settle_widths(estimator, X, y):
    """Return an estimator with the widths that a fit would choose, if they are "auto"."""
    name = layers_name(estimator)
    if not isinstance(getattr(estimator, name), str):
        return estimator
    interact = Sizes(estimator, X, y).encoder.has_interactions
    return clone(estimator).set_params(**{name: NETWORK[name][interact]})


def with_layers(estimator, n_layers, key):
    """Return an estimator with the given number of layers, summed over the levels."""
    if count_layers(estimator) == n_layers:
        return estimator
    levels = widths_of(estimator)
    n_each, n_left = divmod(n_layers, len(levels))
    if n_left or not n_each:
        raise ValueError(f"{key!r} cannot have {n_layers} layers in {len(levels)} equal levels.")
    return with_widths(estimator, [(widths + widths[-1:] * n_each)[:n_each] for widths in levels])


class Sizes:
    """Counts the parameters of an estimator with layers of various widths."""

    def __init__(self, estimator, X, y):
        self.estimator = clone(estimator)
        table = TableReader(type(estimator).__name__, estimator.task_types).read(X, y)
        # The width of embeddings does not depend on the number of bins.
        settings = estimator._settings.replace(n_bins=2)
        encoder = make_encoder(settings)
        self.encoder, _ = encoder.learn_from_labels(encoder.learn(table))
        self.names = table.header.names
        with torch.device("meta"):
            self.inputs = make_inputs(settings, self.encoder)

    def count(self, estimator):
        with torch.device("meta"):
            body = make_body(estimator._settings, self.encoder, self.inputs, self.names)
        return sum(parameter.numel() for parameter in body.parameters())

    def scaled_to(self, n_parameters):
        """Scale the layers so that the number of parameters is as close as possible."""
        widths = range(2, WIDEST)
        n_below = bisect(
            widths, n_parameters, key=lambda width: self.count(self.with_width(width))
        )
        candidates = [self.with_width(n_below + more) for more in (1, 2)]
        return min(candidates, key=lambda scaled: abs(self.count(scaled) - n_parameters))

    def with_width(self, width):
        """Scale the layers so that the first one has the given width."""
        levels, unit = widths_of(self.estimator), getattr(self.estimator, "n_subspaces", 1)
        first = levels[0][0]
        scaled = [
            tuple(max(1, round(width * each / first / unit)) * unit for each in widths)
            for widths in levels
        ]
        return with_widths(self.estimator, scaled)
