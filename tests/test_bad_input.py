"""What bad input gets: an error that names the task, column or parameter, and what to do."""

import re

import numpy as np
import pandas as pd
import pytest
from makers import make_tiny
from sklearn.exceptions import ConvergenceWarning

from sklearn_ple import PLERegressor
from sklearn_ple.tasks import Task

N = 40


def make_X(seed=0):
    return pd.DataFrame(np.random.RandomState(seed).randn(N, 2), columns=["height", "width"])


@pytest.fixture
def X():
    return make_X()


@pytest.fixture
def y(X):
    return pd.DataFrame({"tall": X["height"] > 0, "area": X["height"] * X["width"]})


def refuses(estimator, X, y, error, message, **fit_params):
    with pytest.raises(error, match=message):
        estimator.fit(X, y, **fit_params)
    assert not [name for name in vars(estimator) if name.endswith("_")]


# -- y --------------------------------------------------------------------------------------------


def test_a_task_of_one_class_is_an_error_unless_more_are_declared(X, y):
    refuses(
        make_tiny(),
        X,
        y.assign(tall=True),
        ValueError,
        "'tall' has 1 class only, True: .*'tall': 'ignore'.*declare more",
    )
    declared = pd.Categorical(["yes"] * N, categories=["no", "yes"])
    fitted = make_tiny().fit(X, y.assign(tall=declared))
    assert fitted.classes_[0].tolist() == ["no", "yes"]


def test_the_name_of_another_packages_argument_hints_at_ours(X, y):
    with pytest.raises(TypeError, match="fit has no argument 'eval_set': .* X_val .* y_val"):
        make_tiny().fit(X, y, eval_set=[(X, y)])
    with pytest.raises(TypeError, match="unexpected keyword argument 'eval_sets'"):
        make_tiny().fit(X, y, eval_sets=[(X, y)])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("monotone_constraints", "PerTaskClassifierRegressor"),
        ("early_stopping_rounds", "n_iter_no_change"),
        ("cat_features", "categorical_features"),
        ("eval_metric", "early_stopping .*multitask_scores"),
    ],
)
def test_parameters_of_boosting_hint_at_ours(X, y, name, hint):
    message = f"^PLEClassifierRegressor has no argument '{name}': .*{hint}"
    with pytest.raises(TypeError, match=message):
        make_tiny(**{name: [1]})
    with pytest.raises(TypeError, match=f"fit has no argument '{name}': .*{hint}"):
        make_tiny().fit(X, y, **{name: [1]})


def test_attributes_of_boosting_hint_at_ours(X, y):
    fitted = make_tiny().fit(X, y)
    with pytest.raises(AttributeError, match="'feature_importances_': .*multitask_importance"):
        fitted.feature_importances_  # noqa: B018
    with pytest.raises(AttributeError, match="'best_iteration_': see history_"):
        fitted.best_iteration_  # noqa: B018
    assert not hasattr(fitted, "feature_importances_")
    with pytest.raises(AttributeError, match="has no attribute 'importances_'"):
        fitted.importances_  # noqa: B018
    numbers = make_tiny(PLERegressor).fit(X, y[["area"]])
    with pytest.raises(AttributeError, match="predict_proba"):
        numbers.predict_proba(X)


def test_classes_may_be_fractions(X):
    doses = pd.Categorical(np.where(X["height"] > 0, 0.5, 1.5))
    y = pd.DataFrame({"dose": doses, "area": X["width"]})
    fitted = make_tiny(early_stopping=True, n_members=1).fit(X, y)
    predicted = fitted.predict(X)
    assert predicted["dose"].dtype == y["dose"].dtype
    expected = np.mean(predicted["dose"] == y["dose"])
    assert fitted.task_view("dose").score(X, y["dose"]) == expected
    assert fitted.score(X, y.assign(area=np.nan)) == expected


def test_a_constant_target_warns(X, y):
    with pytest.warns(UserWarning, match="'area' is constant: there is nothing to learn. Leave"):
        fitted = make_tiny(max_epochs=20).fit(X, y.assign(area=0.1))
    np.testing.assert_allclose(fitted.predict(X)["area"], 0.1, rtol=0.1)


@pytest.mark.parametrize(("unit", "shift"), [(1e-12, 0.0), (1e-3, 1e9), (1e200, 0.0)])
def test_a_target_is_learnt_whatever_its_unit(unit, shift, recwarn, seed):
    X = make_X(seed)
    y = (X["height"] * unit + shift).rename("target")
    assert PLERegressor(max_epochs=30, random_state=seed).fit(X, y).score(X, y) > 0.8
    assert not recwarn.list


# -- X --------------------------------------------------------------------------------------------


def test_infinity_at_predict_is_an_error_that_names_the_column(X, y):
    fitted = make_tiny().fit(X, y)
    X.loc[7, "width"] = np.inf
    with pytest.raises(ValueError, match="infinity .* column 'width'"):
        fitted.predict(X)


def test_numbers_where_fit_had_text_are_an_error(X, y):
    codes = np.arange(N) % 5
    fitted = make_tiny().fit(X.assign(code=codes.astype(str)), y)
    with pytest.raises(
        ValueError, match="'code' of X held text as categories in fit but holds nu"
    ):
        fitted.predict(X.assign(code=codes))


def test_a_column_of_unknown_categories_alone_warns(X, y):
    fitted = make_tiny().fit(X.assign(code=["u", "v"] * (N // 2)), y)
    with pytest.warns(UserWarning, match="No value of column 'code' of X was a category in fit"):
        fitted.predict(X.assign(code="U"))


@pytest.mark.skipif(int(pd.__version__[0]) < 3, reason="older versions hold any text")
def test_text_that_is_no_unicode_is_an_error(X, y):
    half = np.array(["a", "b\ud800"] * (N // 2), dtype=object)
    refuses(make_tiny(), np.column_stack([X, half]), y, ValueError, r"^X holds 'b\\ud800'")
    refuses(make_tiny(), X, np.column_stack([y, half]), ValueError, r"^y holds 'b\\ud800'")


def test_names_that_are_no_unicode_are_an_error(X, y):
    names = pd.Index(["\udfff", "b"], dtype=object)
    refuses(make_tiny(), X.set_axis(names, axis=1), y, ValueError, r"^X holds '\\udfff")
    refuses(make_tiny(), X, y.set_axis(names, axis=1), ValueError, r"^y holds '\\udfff")


# -- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"task_types": {"areaa": "count"}}, r"task_types names \['areaa'\].*\['tall', 'area'\]"),
        (
            {"task_types": ["binary"]},
            "task_types has 1 entries instead of one for each of the tasks",
        ),
        ({"task_types": {"area": "gaussian"}}, "'area' is 'gaussian'; the kinds are"),
        ({"task_weights": {"height": 1}}, r"task_weights names \['height'\]"),
        ({"task_weights": [1.0]}, "task_weights has 1 entries"),
        ({"task_weights": {"area": -1}}, "task_weights of task 'area' is -1"),
        ({"task_weights": {"area": 10**400}}, "task_weights of task 'area' is 1000"),
        ({"task_weight_decay": {"area": np.inf}}, "task_weight_decay of task 'area' is inf"),
        ({"class_weight": {"height": 1}}, r"class_weight names \['height'\]"),
        ({"categorical_features": ["depth"]}, r"categorical_features names \['depth'\]"),
        ({"class_weight": {"tall": {2: 1.0}}}, r"of task 'tall' names \[2\], .* \[False, True\]"),
        ({"callbacks": [42]}, "callbacks holds 42: it must hold callbacks of skorch"),
        ({"callbacks": [("name", 42)]}, r"callbacks holds \('name', 42\)"),
        ({"expert_hidden_units": [0]}, "'expert_hidden_units' parameter"),
        ({"categorical_features": [5]}, "does not fit X, which has 2 columns"),
        ({"min_frequency": 1.5}, "'min_frequency' parameter"),
        ({"embedding_dim": "large"}, "'embedding_dim' parameter"),
        ({"clip_numbers": 0}, "'clip_numbers' parameter"),
        ({"clip_numbers": "auto"}, "'clip_numbers' parameter"),
        ({"learning_rate": 0}, "'learning_rate' parameter"),
        ({"optimizer": "newton"}, "'optimizer' parameter"),
        ({"dtype": "float16"}, "'dtype' parameter"),
        ({"n_levels": 0}, "'n_levels' parameter"),
        ({"early_stopping": True, "validation_fraction": 0.99}, "validation_fraction=0.99 leaves"),
        ({"n_jobs": 0}, "'n_jobs' parameter"),
        ({"max_time": 0}, "'max_time' parameter"),
        ({"max_time": "1 min"}, "'max_time' parameter"),
        ({"n_jobs": 1.5}, "'n_jobs' parameter"),
        ({"device": "cuda:7"}, "device='cuda:7' is not there; .*'cpu'"),
        ({"device": "gpu"}, "device='gpu' is not there"),
    ],
)
def test_a_wrong_parameter_is_named(X, y, params, message):
    refuses(make_tiny(**params), X, y, ValueError, message)


def test_an_abstract_class_of_tasks_is_an_error(X, y):
    estimator = make_tiny(task_types={"area": Task})
    refuses(estimator, X, y, TypeError, "task_types of target 'area': .*abstract.* Pass an inst")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), "sample_weight has shape"),
        (np.ones((N, 3)), "sample_weight has shape"),
        (-np.ones(N), "Negative values"),
        (np.full(N, np.nan), "sample_weight contains NaN"),
        (np.zeros(N), "sample_weight is zero"),
        (["a"] * N, "sample_weight must hold numbers"),
    ],
)
def test_wrong_weights_are_an_error(X, y, weights, message):
    refuses(make_tiny(), X, y, ValueError, message, sample_weight=weights)


def test_weights_must_leave_each_task_a_label(X, y):
    weights = np.column_stack([np.ones(N), np.zeros(N)])
    message = "'area' has no label with a positive sample_weight: leave"
    refuses(make_tiny(), X, y, ValueError, message, sample_weight=weights)


def test_weights_must_leave_each_task_two_classes(X, y):
    message = "Among the labels with a positive sample_weight: Target 'tall' has 1 class only"
    refuses(make_tiny(), X, y, ValueError, message, sample_weight=y["tall"].astype(float))


# -- values of NumPy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"class_weight": {"tall": {np.int64(5): 1}}}, "names [5], but"),
        ({"class_weight": {"tall": {np.True_: np.float64(-1)}}}, "is -1.0 for True: it"),
        ({"task_weights": {"tall": np.float64(-1)}}, "of task 'tall' is -1.0: it"),
        ({"task_weights": {np.str_("zz"): 1}}, "names ['zz'], but"),
        ({"n_specific_experts": [np.int64(-1), 1]}, "is -1: it"),
        ({"depends_on": {"tall": np.str_("zz")}}, "names ['zz'], but"),
        ({"task_types": {"area": ("quantile", [np.float64(2)])}}, "not [2.0]."),
        ({"task_types": {"area": ("huber", np.float32(2), np.int8(1))}}, "('huber', 2.0, 1), but"),
        ({"categorical_features": np.array(["zz"])}, "names ['zz'], which"),
    ],
)
def test_messages_show_values_of_numpy_as_those_of_python(X, y, params, message):
    refuses(make_tiny(**params), X, y, ValueError, re.escape(message))


# -- training that diverges -----------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_loss_that_is_not_finite_ends_training_with_a_warning(X, y, early_stopping):
    params = {"optimizer": "sgd", "early_stopping": early_stopping, "max_epochs": 50}
    with pytest.warns(ConvergenceWarning, match=r"loss of \[.*'area'.*\] is not finite in epoch"):
        fitted = make_tiny(learning_rate=1e6, **params).fit(X, y)
    assert fitted.n_iter_ < 50
    assert np.isfinite(fitted.predict(X)["area"]).all()
    assert all(p.isfinite().all() for p in fitted.module_.parameters())
