"""The scale of positive numbers: logarithms where errors are in proportion to size, else none."""

import warnings

import numpy as np
import pandas as pd
import pytest
from makers import make_tiny

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.encoding.scales import compute_gain
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor

N = 400
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc")).assign(
    town=RNG.choice(["u", "v", None], N)
)
SIGNAL = X["a"].to_numpy() + X["b"].to_numpy() / 2
NOISE = RNG.normal(size=N)
#: Costs whose errors are in proportion to their size, and prices whose errors are not.
COST = np.exp(SIGNAL + NOISE)
PRICE = 10 + SIGNAL + NOISE / 2
PRICE = PRICE - PRICE.min() + 1
IS_LEARNT = "'cost' is positive with errors in proportion to size: its logarithm is learnt"


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_the_gain_is_the_difference_of_log_densities(scale):
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(1000, 2))
    logs = columns @ [0.5, 0.0] + scale * rng.normal(size=1000)
    # Numbers that are normal themselves lose by logarithms what log-normal ones gain.
    assert compute_gain(columns, np.exp(logs)) > 0.1
    assert compute_gain(columns, 10 + logs - logs.min()) < 0.01
    # Units and irrelevant columns, more than rows, change little.
    gain = compute_gain(columns, np.exp(logs))
    assert compute_gain(columns, 1e3 * np.exp(logs)) == pytest.approx(gain, abs=1e-6)
    many = np.hstack([columns, 1e-3 * rng.normal(size=(1000, 1001))])
    assert compute_gain(many, np.exp(logs)) == pytest.approx(gain, abs=0.1)


@pytest.mark.parametrize("cls", [PLERegressor, PLEClassifierRegressor])
def test_logarithms_are_learnt_where_errors_are_in_proportion(cls):
    y = pd.DataFrame({"cost": COST, "price": PRICE, "change": SIGNAL, "debt": -COST})
    with pytest.warns(UserWarning, match=IS_LEARNT):
        model = make_tiny(cls).fit(X, y)
    expected = {"cost": "log", "price": "regression", "change": "regression", "debt": "regression"}
    assert model.task_types_ == expected


def test_all_tasks_are_told_once_with_the_word_to_set():
    y = pd.DataFrame({"cost": COST, "fee": 3 * COST})
    message = r"\['cost', 'fee'\] are .* pass task_types=\{'cost': 'log', 'fee': 'log'\}; 'regr"
    with pytest.warns(UserWarning, match=message) as found:
        make_tiny().fit(X, y)
    assert [one.filename for one in found] == [__file__]


@pytest.mark.parametrize("kind", ["log", "regression", "huber"])
def test_what_is_set_is_neither_changed_nor_told(kind):
    model = make_tiny(task_types={"cost": kind}).fit(X, pd.DataFrame({"cost": COST}))
    assert model.task_types_ == {"cost": kind}


@pytest.mark.parametrize(
    "labels",
    [
        np.where(np.arange(N) == 7, 0.0, COST),
        np.where(np.arange(N) == 7, 1e9, PRICE),
        np.where(np.arange(N) < 201, np.nan, COST),
    ],
    ids=["a zero", "a wild label", "few labels"],
)
def test_logarithms_are_not_learnt_where_that_is_not_clearly_better(labels):
    model = make_tiny().fit(X, pd.DataFrame({"cost": labels}))
    assert model.task_types_ == {"cost": "regression"}


def test_the_choice_depends_on_neither_order_nor_unlabelled_rows():
    with pytest.warns(UserWarning, match=IS_LEARNT):
        one = make_tiny().fit(X.iloc[::-1], pd.DataFrame({"cost": COST[::-1]}))
    more = pd.concat([X, X], ignore_index=True)
    with pytest.warns(UserWarning, match=IS_LEARNT):
        other = make_tiny().fit(more, pd.DataFrame({"cost": np.append(COST, np.full(N, np.nan))}))
    assert one.task_types_ == other.task_types_ == {"cost": "log"}


def test_all_models_choose_alike_and_a_blend_tells_once():
    y = pd.DataFrame({"cost": COST})
    with pytest.warns(UserWarning, match=IS_LEARNT):
        assert PerTaskClassifierRegressor().fit(X, y).task_types_ == {"cost": "log"}
    parts = [("network", make_tiny()), ("boosting", PerTaskClassifierRegressor())]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        blend = BlendClassifierRegressor(parts, cv=2, random_state=0).fit(X, y)
    assert [str(one.message)[:13] for one in found] == ["Target 'cost'"]
    kinds = [model.task_types_ for models in blend.models_.values() for model in models]
    assert kinds == [{"cost": "log"}] * len(kinds)


def test_added_tasks_choose_too():
    model = make_tiny().fit(X, pd.DataFrame({"price": PRICE}))
    with pytest.warns(UserWarning, match=IS_LEARNT):
        model.add_task(X, pd.Series(COST, name="cost"))
    assert model.task_types_ == {"price": "regression", "cost": "log"}
