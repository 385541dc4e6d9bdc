"""What several tests make: tables, encoders and networks of an estimator, without fitting it."""

import os
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.encoding.encoder import Encoded, TableEncoder
from sklearn_ple.parameters.same_network import describe_network
from sklearn_ple.parameters.settings import Settings
from sklearn_ple.tables.files.streamed_table import FitTable
from sklearn_ple.tables.table import TableReader
from sklearn_ple.tasks import TASK_KINDS
from sklearn_ple.training import build
from sklearn_ple.training.choosing.defaults import resolve_split, resolve_steps
from sklearn_ple.training.read import Arguments, read
from sklearn_ple.training.stream_rows import stream_rows

#: Whether all tests run: also those that take minutes, and all cases that others stand for.
NIGHTLY = "SKLEARN_PLE_NIGHTLY" in os.environ

#: Parameters of a fit that takes some milliseconds.
TINY = {"n_members": 1, "max_epochs": 2, "random_state": 0}


def make_tiny(cls=PLEClassifierRegressor, **params):
    """Make an estimator whose fit takes some milliseconds."""
    return cls(**(TINY | params))


def mostly_nightly(values, by_day):
    """Parametrise a test by all values at night, and by day by those that stand for the others."""
    nightly = pytest.mark.nightly
    return [value if value in by_day else pytest.param(value, marks=nightly) for value in values]


def in_turn(values, others):
    """Parametrise a test by all pairs at night; by day each value has one of the others."""
    return [
        pytest.param(value, other, marks=[] if k % len(others) == n else pytest.mark.nightly)
        for k, value in enumerate(values)
        for n, other in enumerate(others)
    ]


def each_check(estimators, by_day=None):
    """List scikit-learn's checks of estimators; those of other names than these run at night.

    Unlike scikit-learn's own list, it does not write the parameters into each name.
    """
    return [
        pytest.param(
            own,
            check,
            id=f"{type(estimator).__name__}-{check.func.__name__}",
            marks=[] if by_day is None or check.func.__name__ in by_day else pytest.mark.nightly,
        )
        for estimator in estimators
        for own, check in estimator_checks_generator(estimator)
    ]


def make_table(n_rows=120, seed=0):
    """Make a table with gaps: three numbers, a category; tasks of two classes, a number, three."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(rng.choice(["x", "y"], n_rows))
    X.loc[:5, "a"] = np.nan
    noise = rng.normal(size=(n_rows, 3))
    y = pd.DataFrame(
        {
            "late": np.where(X["b"] + noise[:, 0] > 0, "yes", "no"),
            "price": 10 * X["c"] + noise[:, 1],
            "grade": np.array(["low", "mid", "top"])[np.digitize(noise[:, 2] + X["b"], [-1, 1])],
        }
    )
    y.loc[::4, "late"] = None
    y.loc[::3, "price"] = np.nan
    return X, y


def make_complete_table(n_rows=60, seed=0):
    """Make a table without gaps: three numbers; a class and a number that follow from them."""
    X = pd.DataFrame(np.random.RandomState(seed).randn(n_rows, 3), columns=["u", "v", "w"])
    return X, pd.DataFrame({"late": X["u"] > 0, "price": X["v"] + X["w"]})


def make_tasks(*kinds):
    """Make fitted tasks of some kinds: numbers from 0 to 2, or the classes a, b and c."""
    tasks = [TASK_KINDS[kind]() for kind in kinds]
    for task in tasks:
        labels = np.array(["a", "b", "c"], dtype=object) if task.has_classes else np.arange(3.0)
        task.fit(labels, np.ones(3), None)
    return tasks


def make_reader(estimator, like=None):
    """Make what reads the arguments of an estimator's fit."""
    return TableReader(type(estimator).__name__, estimator.task_types, form=like)


def read_table(estimator, X, y, sample_weight=None, like=None):
    """Read what fit would, with y in the form of an earlier fit if it is given."""
    return make_reader(estimator, like).read(X, y, sample_weight)


def make_encoder(estimator, n_bins=2):
    """Make the encoder of an estimator, which has yet to learn."""
    return build.make_encoder(estimator._settings.replace(n_bins=n_bins))


def read_arrays(rows):
    """Read what an epoch of rows in files reads: numbers, codes, targets and weights."""
    blocks = rows.read(range(rows.n_units))
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


class Learnt(NamedTuple):
    """What a fit learns from its rows before it trains a network.

    Attributes
    ----------
    estimator : MultiTaskEstimator
        The estimator.
    settings : Settings
        The settings, in which nothing is "auto".
    encoder : TableEncoder
        The encoder, with everything that it learns from labels.
    table : Table or StreamedTable
        The rows.
    encoded : Encoded
        The encoded rows; for files those of the sample.
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        The numbers of the encoded rows for training, with target statistics.
    """

    estimator: Any
    settings: Settings
    encoder: TableEncoder
    table: FitTable
    encoded: Encoded
    numbers: Any

    @property
    def features(self):
        """The scales and categories."""
        return self.encoder.features

    @property
    def names(self):
        """The names of the columns, numbers first."""
        return self.features.list_names(self.table.header.names)

    def read(self, X, y, sample_weight=None):
        """Read rows in memory with the same tasks."""
        return read_table(self.estimator, X, y, sample_weight, self.encoder.targets.form)

    def make_module(self):
        """Make the network of the fit, with initial weights."""
        return build.make_module(self.settings, self.encoder)

    def stream(self):
        """Return the rows of files that the fit would train on."""
        ordered, weights = self.encoded.ordered, self.settings.class_weight
        dtype = self.settings.tensor_dtype
        return stream_rows(self.table, self.encoder, ordered, weights, dtype)


def learn(estimator, X, y, sample_weight=None):
    """Learn what a fit would before it trains a network, from rows in memory or in files.

    Rows of files that are set aside for validation take no part; of a table in memory, all rows
    are trained on.
    """
    arguments = Arguments(X, y, sample_weight)
    table, split, _ = read(arguments, estimator._settings, make_reader(estimator))
    settings = resolved(estimator, len(table), split)
    encoder = build.make_encoder(settings)
    encoded = encoder.learn(table, settings.class_weight)
    encoder, numbers = encoder.learn_from_labels(encoded)
    return Learnt(estimator, settings, encoder, table, encoded, numbers)


def make_module(fitted):
    """Make the network of a fitted estimator anew, with initial weights."""
    return build.make_module(fitted._settings, fitted._encoder)


def make_body(estimator, n_features, tasks):
    """Make the body of an estimator's network."""
    return estimator.make_network(
        n_features, tasks, **build.body_options(estimator._settings, tasks)
    )


def resolved(estimator, n_rows, split=None):
    """Return the settings of a fit to so many rows, in which nothing is "auto"."""
    settings = resolve_split(estimator._settings, n_rows, split)
    return resolve_steps(settings, n_rows, settings.validation_fraction is not None)


def describe(estimator):
    """Return the parameters that determine an estimator's network, as text."""
    return describe_network(type(estimator), estimator.get_params(deep=False))


class Recorder(Callback):
    """Keeps what each training begins with: rows, validation, and a copy of the net's state."""

    def __init__(self):
        self.trainings = []

    def on_train_begin(self, net, X=None, y=None, **_):
        state = {name: own.detach().clone() for name, own in net.module_.state_dict().items()}
        self.trainings.append((X, y, state))


def refit(model, X, y, **params):
    """Fit a clone with other parameters."""
    return clone(model).set_params(**params).fit(X, y)


def assert_alike(one, other, rounding=1e-5):
    """Check that two tables are equal: numbers up to rounding, all else exactly.

    Rounding is in units of the spread of each column, or of the mean if that is larger: another
    number of rows, another processor and another number of jobs sum in another order.
    """
    one, other = (pd.DataFrame(table).reset_index(drop=True) for table in (one, other))
    assert one.shape == other.shape
    for (name, column), (_, expected) in zip(one.items(), other.items(), strict=True):
        if pd.api.types.is_float_dtype(column.dtype):
            spread = np.hypot(expected.mean(), expected.std(ddof=0))
            np.testing.assert_allclose(column, expected, 0, rounding * spread, err_msg=str(name))
        else:
            assert column.equals(expected), name
