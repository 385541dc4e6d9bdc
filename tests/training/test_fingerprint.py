"""Fits are told apart by what determines their result, and by nothing else."""

import copy
from functools import partial
from threading import Lock
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from compared_fits import Noting, Scaled, Squares, X, Y, found, plus, times
from scipy import sparse
from skorch.callbacks import Callback, EpochScoring, Freezer, LRScheduler, ParamMapper

from sklearn_ple.tables.table import Table
from sklearn_ple.tasks import Quantile


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"expert_hidden_units": (64, 32)}, {"expert_hidden_units": [64, 32]}),
        ({"task_weights": {"c": 1, "n": 2}}, {"task_weights": {"n": 2, "c": 1}}),
        ({"net_params": {"x": {"a", "b"}}}, {"net_params": {"x": {"b", "a"}}}),
        ({"net_params": {"x": SimpleNamespace}}, {"net_params": {"x": SimpleNamespace}}),
        ({"net_params": {"x": object()}}, {"net_params": {"x": object()}}),
        ({"net_params": {"x": [plus, len]}}, {"net_params": {"x": [plus, len]}}),
        ({"random_state": np.random.RandomState(3)}, {"random_state": np.random.RandomState(3)}),
        ({"task_types": {"n": Quantile()}}, {"task_types": {"n": Quantile()}}),
        ({"n_jobs": 2, "verbose": 1}, {"checkpoint_dir": "folder", "warm_start": True}),
    ],
)
def test_equal_parameters_are_the_same_fit(one, other):
    assert found(one) == found(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dropout": 0.25}, {"dropout": 0.2}),
        ({"net_params": {"x": np.array([0.1, 0.2])}}, {"net_params": {"x": np.array([0.1, 0.3])}}),
        ({"net_params": {"x": plus}}, {"net_params": {"x": Table}}),
        ({"net_params": {"x": partial(plus, step=1)}}, {"net_params": {"x": partial(plus, 1)}}),
        ({"random_state": np.random.RandomState(3)}, {"random_state": 3}),
        ({"task_types": {"n": Quantile()}}, {"task_types": {"n": Quantile(levels=(0.5,))}}),
        ({"task_weights": [1.0, 2.0] * 50}, {"task_weights": [1.0, 2.0] * 49 + [1.0, 3.0]}),
        ({"balancing": Scaled(1.0)}, {"balancing": Scaled(1.5)}),
        ({"numeric_embedding": Squares(2)}, {"numeric_embedding": Squares(3)}),
    ],
)
def test_other_parameters_are_another_fit(one, other):
    (name,) = one
    (first, second) = found(one), found(other)
    assert [key for key in first if first[key] != second[key]] == [name]


@pytest.mark.parametrize(
    "source",
    [
        "def own(epoch): return {}",
        "def own(epoch, step={}): return step",
        "own = lambda epoch: [lambda: epoch in ('a', {})]",
        "class own(Quantile):\n def loss(self, *given): return super().loss(*given) * {}",
        "class own(Quantile):\n factor = {}",
        "class base(Quantile):\n @property\n def lowest(self): return {}\nclass own(base): pass",
        "class cls(Quantile):\n def encode(self, labels): return labels + {}\nown = cls()",
    ],
)
def test_code_that_was_edited_is_another_fit(source):
    def found_with(number, lines=""):
        value = edited(lines + source.format(number), Quantile=Quantile)
        return found({"task_types": {"n": value}})["task_types"]

    assert found_with(1) != found_with(2)
    # Where it is in the file does not count.
    assert found_with(1) == found_with(1, "\n\n")


def test_each_value_of_the_data_counts():
    others = [found(X=X.assign(a=[0.0, 1.0, 0.0])), found(X=X.assign(b=["u", "v", "v"]))]
    others += [
        found(X=X[["b", "a"]]),
        found(X=X[::-1].reset_index(drop=True)),
        found(X=X.rename(columns={"a": "e"})),
        found(X=X.astype({"a": np.float32})),
    ]
    others += [found(y=Y.assign(n=[0.5, 1.0, 2.0])), found(y=Y.assign(c=["yes", "no", "no"]))]
    others += [found(y=Y.assign(n=[0.5, np.nan, np.nextafter(2.0, 3.0)]))]
    hashes = {(each["X"], each["y"]) for each in [found(), *others]}
    assert len(hashes) == 1 + len(others)


def test_neither_the_index_nor_the_layout_in_memory_counts():
    moved = pd.concat([X[["a"]], X[["b"]]], axis=1).set_index(np.array([5, 6, 7]))
    assert found(X=moved, y=Y.set_index(moved.index)) == found()
    numbers = np.arange(12.0).reshape(3, 4)
    assert found(X=np.asfortranarray(numbers)) == found(X=numbers)
    one = sparse.csr_matrix(numbers)
    other = sparse.csr_matrix(numbers)
    assert other.has_canonical_format
    assert found(X=one) == found(X=other)


# -- callbacks ------------------------------------------------------------------------------------


class Limit(Callback):
    """Has a number under another name than that of its parameter."""

    def __init__(self, limit, log=None):
        self._limit = limit
        self.log = log


class Log(Callback):
    """Learns and records."""

    def __init__(self):
        self.seen_, self.best_ = [], 0.0

    def record(self, value):
        self.best_ = value
        self.seen_.append(value)


def edited(source, **names):
    """Return what the code of a module defines as `own`, as if the module had been edited."""
    names["__name__"] = __name__
    exec(source, names)
    return names["own"]


def add(n):
    return lambda epoch: epoch + n


OTHER_CALLBACKS = {
    "lambda": [LRScheduler("LambdaLR", lr_lambda=own) for own in (lambda n: n, lambda n: 2 * n)],
    "closure": [LRScheduler("LambdaLR", lr_lambda=add(n)) for n in (1, 2)],
    "partial": [Noting(partial(lambda n, by: n * by, by=by)) for by in (1, 2)],
    "names": [Freezer(lambda name: "a" in name), Freezer(lambda name: "b" in name)],
    "list": [LRScheduler("MultiStepLR", milestones=[n]) for n in (1, 5)],
    "function": [LRScheduler("LambdaLR", lr_lambda=own) for own in (plus, times)],
    "pattern": [Freezer("a*"), Freezer("b*"), Freezer(["a*"]), ParamMapper("a*")],
    "option": [EpochScoring("r2"), EpochScoring("r2", on_train=True)],
    "tuple": [Noting((1, 2)), Noting((1, 3))],
    "dict": [Noting({"a": 1}), Noting({"a": 2}), Noting({"b": 1})],
    "callbacks": [Noting([Freezer("a")]), Noting([Freezer("b")]), Noting({"x": Freezer("b")})],
    "other name": [Limit(1), Limit(2)],
    "array": [Noting(np.array([1, 2])), Noting(np.array([1, 3]))],
}


@pytest.mark.parametrize("callbacks", OTHER_CALLBACKS.values(), ids=OTHER_CALLBACKS)
def test_callbacks_with_other_options_are_told_apart(callbacks):
    every = [found({"callbacks": [own]})["callbacks"] for own in callbacks]
    every += [found({"callbacks": [("a name", own)]})["callbacks"] for own in callbacks]
    assert len(set(every)) == 2 * len(callbacks)
    again = [found({"callbacks": [copy.deepcopy(own)]})["callbacks"] for own in callbacks]
    assert again == every[: len(callbacks)]


def test_what_a_callback_learns_or_records_does_not_count():
    log = Log()
    before = found({"callbacks": [log]})
    log.record(3)
    assert found({"callbacks": [log]}) == before
    # The writer of a log, for example, cannot be pickled.
    one, other = ({"callbacks": [Limit(1, Lock())]} for _ in range(2))
    assert found(one) == found(other)


# -- what cannot be compared ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net_params", {"x": [Lock()]}),
        ("net_params", {"x": partial(max, Lock())}),
        ("class_weight", {"c": Lock()}),
    ],
)
def test_a_parameter_that_cannot_be_pickled_is_named(name, value):
    message = f"{name} cannot be compared with that of another fit .*pickle.*checkpoint_dir"
    with pytest.raises(ValueError, match=message):
        found({name: value})
