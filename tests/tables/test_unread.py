"""Tables whose rows are elsewhere are refused wherever one is read, and never read in silence."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from makers import make_tiny

from sklearn_ple.ensemble import PerTaskClassifierRegressor
from sklearn_ple.inspection import multitask_importance
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import cross_val_predict, train_test_split

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["a", "b"])
Y = pd.DataFrame({"class": X["a"] > 0, "number": X["b"]})


def of_dask(table):
    return pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=3)


def array_of_dask(table):
    return pytest.importorskip("dask.array").from_array(table.to_numpy(float))


def lazy(table):
    return pytest.importorskip("polars").from_pandas(table).lazy()


def reader(table):
    return pa.Table.from_pandas(table).to_reader()


def relation(table):
    return pytest.importorskip("duckdb").from_arrow(pa.Table.from_pandas(table))


WAYS = {
    of_dask: r"compute\(\).*to_parquet.*map_partitions",
    array_of_dask: r"compute\(\)",
    lazy: r"collect\(\).*sink_parquet",
    reader: r"read_all\(\)",
    relation: r"to_arrow_table\(\).*to_parquet",
}


@pytest.fixture(scope="module")
def model():
    return make_tiny(early_stopping=True).fit(X, Y)


@pytest.mark.parametrize("make", WAYS)
def test_features_elsewhere_are_refused(model, make):
    far = make(X)
    trees = PerTaskClassifierRegressor()
    calls = [
        lambda: make_tiny().fit(far, Y),
        lambda: make_tiny().fit(X, Y, X_val=far, y_val=Y),
        lambda: model.predict(far),
        lambda: model.predict_proba(far),
        lambda: model.predict_interval(far),
        lambda: model.transform(far),
        lambda: model.score(far, Y),
        lambda: model.task_view("class").predict(far),
        lambda: multitask_scores(model, far, Y),
        lambda: train_test_split(far, Y),
        lambda: cross_val_predict(model, far, Y, cv=2),
        lambda: multitask_importance(model, far, Y),
        lambda: trees.fit(far, Y),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=f"no rows in memory: .*{WAYS[make]}"):
            call()


@pytest.mark.parametrize("make", WAYS)
def test_labels_elsewhere_are_refused(model, make):
    far = make(Y)
    calls = [
        lambda: make_tiny().fit(X, far),
        lambda: make_tiny().fit(X, Y, far),
        lambda: make_tiny().fit(X, Y, groups=far),
        lambda: make_tiny().fit(X, Y, X_val=X, y_val=far),
        lambda: model.predict(X, known=far),
        lambda: model.score(X, far),
        lambda: model.score(X, Y, far),
        lambda: model.calibrate(X, far),
        lambda: multitask_scores(model, X, far),
        lambda: multitask_scores(far, None, Y),
        lambda: train_test_split(X, far),
        lambda: PerTaskClassifierRegressor().fit(X, far),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=f"no rows in memory: .*{WAYS[make]}"):
            call()


def test_a_column_elsewhere_is_refused():
    number = Y["number"]
    with pytest.raises(TypeError, match="no rows in memory"):
        make_tiny().fit(X, of_dask(number))
    with pytest.raises(TypeError, match="no rows in memory"):
        make_tiny().fit(X, Y, of_dask(number))


def test_batches_of_a_query_are_predicted(model):
    expected = model.predict(X)
    batches = lazy(X)
    if not hasattr(batches, "collect_batches"):
        pytest.skip("this version of polars has no batches")
    found = [model.predict(batch) for batch in batches.collect_batches()]
    pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), expected)


def test_batches_of_duckdb_are_predicted(model):
    found = [model.predict(batch) for batch in relation(X).to_arrow_reader()]
    pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), model.predict(X))


@pytest.mark.parametrize(("make", "write"), [(lazy, "sink_parquet"), (relation, "to_parquet")])
def test_files_that_a_query_writes_are_learnt(make, write, tmp_path):
    path = tmp_path / "rows.parquet"
    getattr(make(X.join(Y)), write)(str(path))
    assert make_tiny().fit(path, ["class", "number"]).task_names_ == ["class", "number"]
