"""NHEFS: the table, its tasks and features, against the codebook and published figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_ple.datasets import load_nhefs

TASKS = ["death", "wt82_71", "sbp", "dbp", "cholesterol", "exercise"]

AFTER_BASELINE = {
    "qsmk",
    "yrdth",
    "modth",
    "dadth",
    "wt82",
    "smkintensity82_71",
    "hightax82",
    "price82",
    "tax82",
    "price71_82",
    "tax71_82",
    "censored",
}


@pytest.fixture(scope="module")
def nhefs():
    return load_nhefs()


@pytest.fixture(scope="module")
def raw(nhefs):
    return pd.read_csv(nhefs.filename)


def test_the_file_equals_that_of_the_package_it_comes_from(raw):
    package = pytest.importorskip("causaldata").nhefs.load_pandas().data
    pd.testing.assert_frame_equal(raw, package.astype(float), check_dtype=False, rtol=1e-14)


def test_the_table_has_the_documented_shape_and_names(nhefs, raw):
    assert raw.shape == (1629, 67)
    assert nhefs.data.shape == (1629, 46)
    assert list(nhefs.data) == nhefs.feature_names
    assert list(nhefs.target) == nhefs.target_names == TASKS
    assert list(nhefs.frame) == nhefs.feature_names + TASKS


def test_every_column_is_accounted_for(nhefs, raw):
    left_out = AFTER_BASELINE | {"seqn", "id", "older"}
    assert set(nhefs.feature_names) == set(raw) - left_out - set(TASKS)


def test_as_many_labels_are_missing_as_documented(nhefs):
    assert nhefs.target.isna().sum().to_dict() == {
        "death": 0,
        "wt82_71": 63,
        "sbp": 77,
        "dbp": 81,
        "cholesterol": 16,
        "exercise": 0,
    }


def test_targets_have_the_documented_values(nhefs):
    target = nhefs.target
    assert target["death"].value_counts().to_dict() == {0: 1311, 1: 318}
    assert nhefs.target_classes == {"exercise": ["much", "moderate", "little"]}
    assert target["exercise"].value_counts().to_dict() == {
        "much": 317,
        "moderate": 677,
        "little": 635,
    }


@pytest.mark.parametrize(
    ("qsmk", "published"),
    [
        # Hernán and Robins, chapter 12: effect estimates and Table 12.1
        (1, {"wt82_71": 4.5, "age": 46.2, "wt71": 72.4, "smokeintensity": 18.6, "smokeyrs": 26.0}),
        (0, {"wt82_71": 2.0, "age": 42.8, "wt71": 70.3, "smokeintensity": 21.2, "smokeyrs": 24.1}),
    ],
)
def test_means_are_those_of_the_book(nhefs, raw, qsmk, published):
    seen = raw["wt82"].notna() & (raw["qsmk"] == qsmk)
    means = nhefs.frame.loc[seen, list(published)].mean()
    assert means.round(1).to_dict() == published


@pytest.mark.parametrize(
    ("column", "label", "quitters", "others"),
    [
        # Table 12.1, in percent
        ("sex", "male", 54.6, 46.6),
        ("race", "white", 91.1, 85.4),
        ("education", "college or more", 15.4, 9.9),
        ("exercise", "little", 40.7, 37.9),
        ("active", "inactive", 11.2, 8.9),
    ],
)
def test_shares_are_those_of_the_book(nhefs, raw, column, label, quitters, others):
    seen = raw["wt82"].notna()
    share = (nhefs.frame.loc[seen, column] == label).groupby(raw["qsmk"]).mean() * 100
    assert share.round(1).to_dict() == {1: quitters, 0: others}


def test_features_are_floats_or_categories(nhefs):
    kinds = nhefs.data.dtypes.astype(str).value_counts().to_dict()
    assert kinds == {"float64": 37, "category": 9}
    assert set(nhefs.categories) == {
        "sex",
        "race",
        "income",
        "marital",
        "education",
        "birthplace",
        "alcoholfreq",
        "alcoholtype",
        "active",
    }


def test_categories_follow_codes(nhefs, raw):
    for name, labels in nhefs.categories.items():
        known = nhefs.data[name].notna()
        order = raw.loc[known, name].rank(method="dense") - 1
        np.testing.assert_array_equal(nhefs.data.loc[known, name].cat.codes, order)
        assert all(not label.isdigit() for label in labels)


def test_birthplaces_follow_the_fips_codes(nhefs, raw):
    place = nhefs.data["birthplace"]
    fips = {1: "AL", 6: "CA", 36: "NY", 42: "PA", 48: "TX", 51: "VA", 56: "WY"}
    assert place.nunique() == 49
    for code, state in fips.items():
        assert (place[raw["birthplace"] == code] == state).all()


def test_unknown_codes_are_missing(nhefs, raw):
    assert nhefs.data["marital"].isna().sum() == 1
    assert nhefs.data["alcoholfreq"].isna().sum() == 5
    for flag in ("hbp", "diabetes", "pica", "hbpmed", "boweltrouble", "alcoholpy", "birthcontrol"):
        assert set(nhefs.data[flag].dropna()) == {0.0, 1.0}
        np.testing.assert_array_equal(nhefs.data[flag].isna(), raw[flag] == 2)


@pytest.mark.parametrize(
    ("tasks", "names"),
    [(None, TASKS), ("sbp", ["sbp"]), (["exercise", "death"], ["exercise", "death"])],
)
def test_tasks_that_are_chosen_are_the_targets(nhefs, tasks, names):
    X, y = load_nhefs(tasks=tasks, return_X_y=True)
    pd.testing.assert_frame_equal(X, nhefs.data)
    pd.testing.assert_frame_equal(y, nhefs.target[names])


def test_an_unknown_task_is_an_error():
    with pytest.raises(ValueError, match=r"\['weight'\]; existing tasks are \['death', 'wt82_71'"):
        load_nhefs(tasks=["death", "weight"])
    with pytest.raises(ValueError, match="'tasks' parameter of load_nhefs must be .* Got 2"):
        load_nhefs(tasks=2)
    with pytest.raises(ValueError, match=r"Unknown tasks: \[\['death', 'sbp'\]\]; existing"):
        load_nhefs(tasks=np.array([["death", "sbp"]]))


@pytest.mark.parametrize("tasks", [[], ["death", "death"]])
def test_no_task_or_one_twice_is_an_error(tasks):
    with pytest.raises(ValueError, match="one or more different names"):
        load_nhefs(tasks=tasks)


def test_arrays_equal_frame(nhefs):
    bunch = load_nhefs(as_frame=False)
    assert bunch.frame is None
    for array, frame, classes in [
        (bunch.data, nhefs.data, bunch.categories),
        (bunch.target, nhefs.target, bunch.target_classes),
    ]:
        assert array.dtype == np.float64
        assert array.shape == frame.shape
        for column, name in zip(array.T, frame, strict=True):
            if name in classes:
                codes = pd.Series(column).fillna(-1).astype(int)
                back = pd.Categorical.from_codes(codes, classes[name])
                pd.testing.assert_series_equal(pd.Series(back, name=name), frame[name])
            else:
                np.testing.assert_array_equal(column, frame[name])


def test_calls_share_nothing(nhefs):
    other = load_nhefs()
    other.data.loc[0, "age"] = -1.0
    assert load_nhefs().data.loc[0, "age"] == nhefs.data.loc[0, "age"] == 42.0


def test_the_description_names_source_and_licence(nhefs):
    assert "causaldata" in nhefs.DESCR
    assert "MIT" in nhefs.DESCR
    licence = Path(nhefs.filename).with_name("LICENSE-causaldata.txt").read_text(encoding="utf-8")
    assert "Nick Huntington-Klein" in licence
