"""Sequences of calls on every estimator: whatever comes before, the fitted state is whole."""

import pickle

import numpy as np
import pandas as pd
import pytest
from fuzz_checks import check_model, same
from fuzzing import ESTIMATORS, OF_CLASSES, OF_EVENTS, OF_NUMBERS, budget, outcome, tiny
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

N = 24
#: Parameters of training, which a call that goes on may change.
OF_TRAINING = {
    "learning_rate": [0.01, 0.1],
    "dropout": [0.0, 0.5],
    "batch_size": [5, 64],
    "lr_schedule": ["constant", "decay"],
    "early_stopping": [True, False],
    "refit": [True, False],
    "weight_averaging": [0.0, 0.5],
}
#: Parameters of the network, which it may not.
OF_NETWORK = {"clip_numbers": [2.0, None], "tower_hidden_units": [(3,)], "n_members": [2]}
WRONG_X = {
    "infinity": lambda X: X.assign(h=np.inf),
    "a column less": lambda X: X[["h"]],
    "text": lambda X: X.assign(h="text"),
    "None": lambda X: None,
}


def table(cls):
    """Return rows that an estimator takes."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 2), columns=["h", "w"]).assign(c=list("uv") * (N // 2))
    tall, area = X["h"] > 0, X["w"] * 3
    y = {
        OF_EVENTS: {"a": tall, "b": tall & (area > 0)},
        OF_CLASSES: {"a": tall, "b": np.where(area > 0, "p", "q")},
        OF_NUMBERS: {"a": area, "b": area**2},
    }.get(cls, {"a": tall, "b": area})
    return X, pd.DataFrame(y)


class Calls(RuleBasedStateMachine):
    """An estimator, what it predicted when it was last fitted, and the parameters of then."""

    cls = ESTIMATORS[0]

    def __init__(self):
        super().__init__()
        self.X, self.y = table(self.cls)
        self.model = self.cls(**tiny(self.cls))
        self.predicted = None
        self.network = {}

    def remember(self):
        self.predicted = self.model.predict(self.X)
        self.network = {name: self.model.get_params()[name] for name in OF_NETWORK}

    def goes_on(self):
        """Whether today's parameters are those of the network that is there."""
        now = self.model.get_params()
        return all(now[name] == value for name, value in self.network.items())

    fitted = precondition(lambda self: self.predicted is not None)

    @rule(warm=st.booleans(), weighted=st.booleans())
    def fit(self, warm, weighted):
        self.model.set_params(warm_start=warm)
        must_fail = warm and self.predicted is not None and not self.goes_on()
        before = self.model.n_iter_ if self.predicted is not None else 0
        weights = np.arange(1.0, N + 1) if weighted else None
        with outcome(["in the last fit"] if must_fail else [], must_fail) as errors:
            self.model.fit(self.X, self.y, weights)
        if not errors:
            assert self.model.n_iter_ == 1 + before * warm
            self.remember()

    @rule(first=st.integers(0, N - 8))
    def partial_fit(self, first):
        rows = slice(first, None)
        must_fail = self.predicted is not None and not self.goes_on()
        known = self.predicted is not None
        y, X = self.y.iloc[rows], self.X.iloc[rows]
        # The first call sees all classes.
        y, X = (y, X) if known else (self.y, self.X)
        with outcome(["in the last fit"] if must_fail else [], must_fail) as errors:
            self.model.partial_fit(X, y)
        if not errors:
            self.remember()

    @rule(kind=st.sampled_from([*WRONG_X, "labels", "weights", "parameter"]))
    def failing_fit(self, kind):
        X, y, weights, params = self.X, self.y, None, {}
        culprits = ["'h'", "feature names", "None"]
        if kind in WRONG_X:
            X = WRONG_X[kind](X)
        if kind == "text":  # Text is a category in a first fit.
            self.model.set_params(warm_start=True)
            if self.predicted is None:
                return
        if kind == "a column less":
            self.model.set_params(warm_start=True)
            if self.predicted is None:
                return
        if kind == "labels":
            y, culprits = y.assign(b=[{}] * N), ["'b'"]
        if kind == "weights":
            weights, culprits = -np.ones(N), ["sample_weight"]
        if kind == "parameter":
            params, culprits = {"dropout": 2.0}, ["dropout"]
        before = {name: self.model.get_params()[name] for name in params}
        self.model.set_params(**params)
        with outcome([*culprits, "in the last fit"], must_fail=True):
            self.model.fit(X, y, weights)
        self.model.set_params(**before)

    @rule(kind=st.sampled_from(list(WRONG_X)), method=st.sampled_from(["predict", "score"]))
    @fitted
    def failing_call(self, kind, method):
        X = WRONG_X[kind](self.X)
        arguments = (X,) if method == "predict" else (X, self.y)
        with outcome(["'h'", "feature names", "None"], must_fail=True):
            getattr(self.model, method)(*arguments)

    @rule(data=st.data(), of_network=st.booleans())
    def set_params(self, data, of_network):
        options = OF_NETWORK if of_network else OF_TRAINING
        name = data.draw(st.sampled_from(sorted(options)))
        # Back to what it was at first, or on to something else.
        own = self.cls(**tiny(self.cls)).get_params()[name]
        self.model.set_params(**{name: data.draw(st.sampled_from([own, *options[name]]))})

    @rule()
    def clone(self):
        copy = clone(self.model)
        assert copy.get_params() == self.model.get_params()
        with pytest.raises(NotFittedError):
            copy.predict(self.X)

    @rule()
    @fitted
    def pickle(self):
        self.model = pickle.loads(pickle.dumps(self.model))

    @rule()
    @fitted
    def calibrate(self):
        if not hasattr(self.model, "calibrate"):
            return
        with outcome(["Task ", "task ", "Target "]):
            assert self.model.calibrate(self.X, self.y) is self.model
        # Probabilities have changed, and labels may have.
        self.predicted = self.model.predict(self.X)

    @rule()
    @fitted
    def view(self):
        for place, name in enumerate(self.model.task_names_):
            view = self.model.task_view(name)
            own = self.predicted.iloc[:, place]
            same(np.asarray(view.predict(self.X)), own.to_numpy())
            assert np.isfinite(view.score(self.X, self.y.iloc[:, place]))

    @rule()
    @fitted
    def check(self):
        with outcome():
            check_model(self.model, self.X, self.y, N)
            assert np.isfinite(self.model.score(self.X, self.y))
            assert np.isfinite(self.model.transform(self.X)).all()

    @rule()
    def the_same_again(self):
        with outcome():
            one, other = (clone(self.model).fit(self.X, self.y) for _ in range(2))
            same(one.predict(self.X), other.predict(self.X))

    @invariant()
    def is_as_last_fitted(self):
        if self.predicted is None:
            assert not [name for name in vars(self.model) if name.endswith("_")]
            with pytest.raises(NotFittedError):
                self.model.predict(self.X)
        else:
            same(self.model.predict(self.X), self.predicted)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_calls_in_any_order_leave_the_state_whole(cls):
    machine = type(cls.__name__, (Calls,), {"cls": cls})
    run(machine, settings=budget(0.005, stateful_step_count=8))
