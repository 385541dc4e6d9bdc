"""What is probably a mistake in X and y warns; what may be meant does not."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.inspection import multitask_importance
from sklearn_ple.metrics import multitask_scores

N = 40


def model():
    return PLEClassifierRegressor(n_members=1, max_epochs=1, random_state=0)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"], index=range(100, 100 + N))
    y = pd.DataFrame({"plan": np.where(X["a"] > 0, "gold", "basic"), "spend": X["b"]})
    return X, y


@pytest.fixture(autouse=True)
def _strict():
    """Every warning that a test does not expect is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def test_rows_in_another_order_warn(table):
    X, y = table
    with pytest.warns(UserWarning, match=r"same index in different orders.*y\.loc\[X\.index\]"):
        model().fit(X, y.sample(frac=1, random_state=0))
    with pytest.warns(UserWarning, match="same index in different orders"):
        model().fit(X, y["spend"].sample(frac=1, random_state=0))
    groups = np.arange(N) // 2
    with pytest.warns(UserWarning, match="same index in different orders"):
        model().fit(X.set_axis(groups), y.set_axis(groups[::-1]))


def test_other_arguments_in_another_order_warn(table):
    X, y = table
    fitted = model().fit(X, y)
    turned, ones = y[::-1], pd.Series(1.0, X.index)[::-1]
    proba = fitted.predict_proba_frame(X)
    calls = {
        r"y\.loc\[X": [
            lambda: fitted.score(X, turned),
            lambda: fitted.calibrate(X, turned),
            lambda: model().fit(X, y["plan"]).add_task(X, turned["spend"]),
            lambda: fitted.task_view("spend").score(X, turned["spend"]),
            lambda: multitask_scores(fitted, X, turned),
            lambda: multitask_importance(fitted, X, turned, n_repeats=1),
        ],
        r"sample_weight\.loc\[X": [
            lambda: model().fit(X, y, sample_weight=ones),
            lambda: fitted.score(X, y, sample_weight=ones),
        ],
        r"sample_weight\.loc\[y": [lambda: multitask_scores(fitted, X, y, sample_weight=ones)],
        r"groups\.loc\[X": [lambda: model().fit(X, y, groups=ones.cumsum())],
        r"y\.loc\[y_pred": [lambda: multitask_scores(proba, None, turned)],
    }
    for message, several in calls.items():
        for call in several:
            with pytest.warns(UserWarning, match=f"in different orders.*: pass {message}"):
                call()


def test_rows_in_one_order_do_not_warn(table):
    X, y = table
    model().fit(X, y)
    # The index of one of them was dropped.
    model().fit(X, y.reset_index(drop=True))
    model().fit(X.to_numpy(), y)
    # Some rows twice, and an index of two levels.
    model().fit(X.set_axis([0, 0, *range(2, N)]), y.set_axis(range(N)))
    model().fit(X.set_axis(pd.MultiIndex.from_product([[0], range(N)])), y)
    # Samples with repeated rows, which are others in X than in y.
    repeated = np.arange(N) // 2
    model().fit(X.set_axis(repeated), y.set_axis([0, *repeated[:-2], repeated[-1]]))
    # The same index of another type.
    model().fit(X.reset_index(drop=True), y.set_axis(np.arange(N), axis=0))


def test_labels_among_the_features_warn(table):
    X, y = table
    with pytest.warns(UserWarning, match=r"names of targets: \['spend'\].*X\.drop\(columns="):
        model().fit(X.assign(spend=y["spend"]), y)
    polars = pytest.importorskip("polars")
    with pytest.warns(UserWarning, match=r"names of targets: \['spend'\]"):
        model().fit(
            polars.from_pandas(X.assign(spend=y["spend"])),
            polars.from_pandas(y.reset_index(drop=True)),
        )
    # A column that is ignored is no target, and a column of an array has no name.
    ignoring = model().set_params(task_types={"spend": "ignore"})
    ignoring.fit(X.assign(spend=y["spend"]), y)
    model().fit(X.rename(columns={"a": "y0"}), y[["spend"]].to_numpy())


def test_names_instead_of_labels_are_refused(table):
    X, y = table
    for held in (X, X[["a"]].to_numpy(), X.join(y)):
        for names in (["plan"], ["plan", "spend"], "plan"):
            message = f"strings, .*'plan'.* but X has {N} rows: .* pass X.drop.* and X.y.; names"
            with pytest.raises(ValueError, match=message):
                model().fit(held, names)
    # A list of so many labels is one.
    model().fit(X.rename(columns={"a": "yes", "b": "no"}), ["yes", "no"] * (N // 2))


@pytest.mark.parametrize("text", ["", " ", "?", "None", "nan", "N/A"])
def test_missing_labels_as_text_warn(table, text):
    X, y = table
    y.loc[y.index[:5], "plan"] = text
    with pytest.warns(UserWarning, match=r"'plan' has classes that may stand for missing labels"):
        model().fit(X, y)


@pytest.mark.parametrize("form", ["{:.2f}", "{:.1e}", " {:+.0f}"])
def test_numbers_as_text_warn(table, form):
    X, y = table
    y["spend"] = [form.format(1000 * number) for number in y["spend"]]
    y.loc[y.index[0], "spend"] = "unknown"
    with pytest.warns(UserWarning, match=r"'spend' holds numbers as text.*pd\.to_numeric"):
        model().fit(X, y)


def test_ids_as_classes_warn(table):
    X, y = (pd.concat([own] * 3, ignore_index=True) for own in table)
    y["plan"] = [f"customer {number}" for number in range(len(y))]
    with pytest.warns(UserWarning, match=r"'plan' holds strings that are nearly all different"):
        model().fit(X, y)


def test_codes_and_stated_kinds_do_not_warn(table):
    X, y = table
    codes = y.assign(plan=[str(number % 4) for number in range(N)])
    model().fit(X, codes)
    many = y.assign(plan=[str(number % 20) for number in range(N)])
    model().set_params(task_types={"plan": "multiclass"}).fit(X, many)
    model().fit(X, many.astype({"plan": "category"}))


@pytest.mark.parametrize("outlier", [1e10, -1e300])
def test_outliers_that_make_all_other_numbers_equal_warn(table, outlier):
    X, y = table
    X.loc[105, "b"] = outlier
    with pytest.warns(UserWarning, match=r"'b' of X has outliers.* 90 % .* standard deviations"):
        model().fit(X, y)
    with pytest.warns(UserWarning, match="'x1' of X has outliers"):
        model().fit(X.to_numpy(), y)
    model().fit(X.clip(-100, 100), y)


def test_columns_that_are_mostly_of_one_value_have_no_outliers(table):
    X, y = table
    X["rare"] = np.where(X.index == 105, 1e12, 0.0)
    X["none"] = np.nan
    model().fit(X, y)


NUMBERS = ["?", *(f"{1000 + 7 * number}" for number in range(N - 1))]


@pytest.mark.parametrize(
    ("values", "conversion"),
    [
        (NUMBERS, r"numbers as text.*: pd\.to_numeric\(X\['c'\], errors='coerce'\)\."),
        (
            [f" -{number},5e3" for number in range(N)],
            r"numbers .* pd\.to_numeric\(X\['c'\]\.str\.replace\(',', '\.'\), errors='coerce'\)",
        ),
        # Whether the day or the month comes first cannot be told.
        (
            [f"{k % 12 + 1:02d}.{k % 11 + 1:02d}.2020" for k in range(N)],
            r"dates as text.*pd\.to_datetime\(X\['c'\], dayfirst=True\), or False",
        ),
    ],
)
@pytest.mark.parametrize("n_copies", [1, 3])
def test_numbers_and_dates_as_text_in_features_warn(table, values, conversion, n_copies):
    X, y = (pd.concat([own] * n_copies) for own in table)
    X["c"] = [*values] * n_copies
    # A warning of strings that are nearly all different would be an error.
    with pytest.warns(UserWarning, match=f"Column 'c' of X holds {conversion}") as record:
        model().fit(X, y)
    assert len(record) == 1


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("customer {}", r"strings that are nearly all different and is left out.*Text and dates"),
        ("{}", r"numbers as text and is left out.*pd\.to_numeric"),
    ],
)
def test_a_column_that_is_left_out_warns_once(table, form, message):
    X, y = (pd.concat([own] * 3, ignore_index=True) for own in table)
    X["c"] = [form.format(number) for number in range(len(X))]
    with pytest.warns(UserWarning, match=f"Column 'c' of X holds {message}") as record:
        fitted = model().fit(X, y)
    assert len(record) == 1
    # Unknown values of what is not read are nothing to warn of.
    fitted.predict(X.assign(c="new"))


def test_declared_and_few_codes_in_features_do_not_warn(table):
    X, y = table
    X["c"] = NUMBERS
    model().fit(X.astype({"c": "category"}), y)
    model().set_params(categorical_features=["c"]).fit(X, y)
    X["c"] = [str(number % 20) for number in range(N)]
    model().fit(X, y)
    # A fifth of these are no numbers.
    X["c"] = [f"{k}" if k % 5 else f"{k} a" for k in np.arange(N) // 2]
    model().fit(X, y)
