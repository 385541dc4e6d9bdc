"""What several tests make: tables, encoders and networks of an estimator, without fitting it."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.parameters.network import describe_network
from sklearn_ple.tables.reading import FeatureReader
from sklearn_ple.tables.table import TableReader
from sklearn_ple.training import build
from sklearn_ple.training.plan import resolve

#: Parameters of a fit that takes some milliseconds.
TINY = {"n_members": 1, "max_epochs": 2, "random_state": 0}


def make_tiny(cls=PLEClassifierRegressor, **params):
    """Make an estimator whose fit takes some milliseconds."""
    return cls(**(TINY | params))


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


def to_polars(table):
    """Make a frame of polars without pyarrow, which the package does not need for it."""
    import polars as pl

    columns = {name: column.astype(object) for name, column in table.items()}
    return pl.DataFrame({n: c.where(c.notna(), None).tolist() for n, c in columns.items()})


def read_table(estimator, X, y, sample_weight=None, like=None):
    """Read what fit would, for an estimator that keeps the columns of X."""
    reader = TableReader(FeatureReader(estimator), estimator.task_types)
    return reader.read(X, y, sample_weight, like=like)


def make_encoder(estimator, n_bins=2):
    """Make the encoder of an estimator, which has yet to learn."""
    return build.make_encoder(estimator._settings.replace(n_bins=n_bins))


def make_module(fitted):
    """Make the network of a fitted estimator anew, with initial weights."""
    return build.make_module(fitted._settings, fitted._encoder)


def make_body(estimator, n_features, tasks):
    """Make the body of an estimator's network."""
    return estimator.make_network(n_features, tasks, **build.body_options(estimator._settings))


def plan(estimator, n_rows, split=None):
    """Return the settings of a fit to so many rows, in which nothing is "auto"."""
    return resolve(estimator._settings, n_rows, split)


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
