"""What `with_parameters` makes of a class's fields."""

import inspect
from typing import Any, ClassVar

import pandas as pd
import pytest
from makers import describe
from sklearn.base import BaseEstimator

from sklearn_ple import (
    CGCClassifierRegressor,
    CrossStitchClassifierRegressor,
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
)
from sklearn_ple.base import parameter, with_parameters
from sklearn_ple.parameters.same_network import list_differences
from sklearn_ple.parameters.shared import Parameters


@with_parameters
class Base:
    """Two parameters."""

    old: Any = 1
    older: Any = 2
    _parameter_constraints: ClassVar[dict] = {"old": [int], "older": [int]}


@with_parameters
class Child(Base, BaseEstimator):
    """One parameter of its own, and another default and constraint for an inherited one."""

    new: Any = (3,)
    older: Any = 4
    _parameter_constraints: ClassVar[dict] = {"new": [tuple], "older": [float]}


def order(cls):
    return list(inspect.signature(cls).parameters)


def test_a_classs_own_parameters_come_before_those_of_its_bases():
    assert order(Child) == ["new", "older", "old"]
    shared = order(Parameters)
    assert shared[0] == "tower_hidden_units" and shared[-1] == "verbose"
    own = ["hidden_units", "by_channel", "stitch_rate_factor"]
    with_classes = order(CrossStitchClassifierRegressor)
    assert with_classes[: len(own)] == own
    # Class weights are where the tasks' parameters are.
    place = with_classes.index("class_weight")
    assert with_classes[place - 1] == "depends_on"
    assert with_classes[len(own) : place] + with_classes[place + 1 :] == shared
    assert order(ESMMClassifier)[:3] == ["tower_hidden_units", "depends_on", "class_weight"]
    assert set(order(ESMMClassifier)) == {*shared, "class_weight"}


def test_parameters_are_keyword_only():
    kinds = {p.kind for p in inspect.signature(PLEClassifierRegressor).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(TypeError, match="positional"):
        Child(1)


def test_defaults_are_those_of_the_last_class_that_names_them():
    assert Child().get_params() == {"new": (3,), "older": 4, "old": 1}
    assert ESMMClassifier().depends_on == "previous" and PLEClassifier().depends_on is None


def test_a_default_that_is_overridden_without_an_annotation_is_an_error():
    with pytest.raises(TypeError, match=r"Own sets older without an.* write `older: int = 5`"):

        @with_parameters
        class Own(Base):
            older = 5


def test_constraints_are_inherited_and_a_classs_own_come_first():
    assert Child._parameter_constraints == {"old": [int], "older": [float], "new": [tuple]}
    assert Base._parameter_constraints == {"old": [int], "older": [int]}


def test_numbers_have_no_class_weights():
    assert "class_weight" in PLEClassifierRegressor().get_params()
    assert "class_weight" not in PLERegressor().get_params()
    with pytest.raises(TypeError, match="unexpected keyword argument 'class_weight'"):
        PLERegressor(class_weight="balanced")


def test_cgc_has_one_level():
    assert set(order(PLEClassifierRegressor)) - set(order(CGCClassifierRegressor)) == {"n_levels"}


@pytest.mark.parametrize(
    ("name", "value", "same", "other"),
    [
        ("task_types", {"a": "huber", "b": "count"}, {"b": "count", "a": "huber"}, {"a": "count"}),
        ("task_types", {"a": ("huber", 1)}, {"a": ("huber", 1.0)}, {"a": ("huber", 1.5)}),
        ("depends_on", {"b": "a", "c": "b"}, {"c": "b", "b": "a"}, {"b": "a", "c": "a"}),
        ("clip_numbers", 5, 5.0, 5.5),
        ("categorical_features", pd.Index(["k"]), ["k"], ["j"]),
        ("categorical_features", [True, False], pd.Series([True, False]), [1, 0]),
    ],
)
def test_parameters_are_compared_by_their_meaning(name, value, same, other):
    before = describe(PLEClassifierRegressor(**{name: value}))
    assert (
        list_differences(describe(PLEClassifierRegressor(**{name: same})), before, "before") == ""
    )
    assert f"{name}=" in list_differences(
        describe(PLEClassifierRegressor(**{name: other})), before, "before"
    )


def test_values_by_task_are_in_any_order():
    @with_parameters
    class Own(PLEClassifierRegressor):
        n_own: Any = parameter(default=1, constraint=[int, dict], of_tasks=True)

    values = {"a": 1, "b": 2}
    before = describe(Own(n_own=values))
    turned = describe(Own(n_own=dict(reversed(values.items()))))
    assert list_differences(turned, before, "before") == ""
    assert "n_own=" in list_differences(describe(Own(n_own={"a": 2, "b": 1})), before, "before")
