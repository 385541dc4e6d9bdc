"""Which columns of numbers members read, where columns are many and rows are few."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import make_tasks, make_tiny
from scipy import stats
from sklearn.feature_selection import f_classif
from sklearn.metrics import r2_score

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.encoding.screening import compute_p_values, screen_columns
from sklearn_ple.export import load, save, to_onnx
from sklearn_ple.nn.axes import find_member_axes

N_ROWS, N_COLUMNS = 120, 300


def make_wide(n_rows=N_ROWS, n_columns=N_COLUMNS, seed=0):
    """Make a wide table: five columns for the number, two for the class; a gap, a date."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, n_columns))).add_prefix("x")
    noise = rng.normal(size=n_rows)
    rises = X["x5"] + X["x6"] + 0.5 * noise > 0
    y = pd.DataFrame({"sum": X.iloc[:, :5].sum(axis=1) + noise, "rises": rises})
    X.loc[::7, "x3"] = np.nan
    X["day"] = pd.date_range("2020-01-01", periods=n_rows)
    return X, y


@pytest.fixture(scope="module")
def wide():
    return make_wide()


@pytest.fixture(scope="module")
def model(wide):
    return make_tiny(n_members=4).fit(*wide)


def count_read(model):
    return model._encoder.features.read_by_.sum(axis=1)


def test_p_values_are_those_of_scipy_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    numbers, y = rng.normal(size=(30, 5)), rng.normal(size=30)
    numbers[:, 0] += y
    numbers[:, 4] = 1.0
    codes = rng.integers(0, 3, 30).astype(float)
    weights = np.ones((30, 2))
    weights[:7, 0] = 0.0
    tasks = make_tasks("regression", "multiclass")
    found = compute_p_values(numbers, np.column_stack([y, codes]), weights, tasks)
    expected = [stats.pearsonr(column, y[7:]).pvalue for column in numbers[7:, :4].T]
    np.testing.assert_allclose(found[0, :4], expected)
    for row, code in zip(found[1:], (1, 2), strict=True):
        np.testing.assert_allclose(row[:4], f_classif(numbers[:, :4], codes == code)[1])
    assert (found[:, 4] == 1).all()


def test_rows_with_a_weight_of_two_are_not_two_rows(seed):
    rng = np.random.default_rng(seed)
    numbers, targets = rng.normal(size=(2, 40, 1))
    tasks = make_tasks("regression")
    once, twice = (
        compute_p_values(numbers, targets, np.full((40, 1), weight), tasks) for weight in (1, 2)
    )
    np.testing.assert_allclose(once, twice)


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "n_read"), [(30, 64, None), (30, 65, 64), (300, 150, 100)]
)
def test_a_member_reads_a_third_as_many_columns_as_rows(n_rows, n_columns, n_read):
    rng = np.random.default_rng(0)
    numbers, targets = rng.normal(size=(n_rows, n_columns)), rng.normal(size=(n_rows, 1))
    owners, weights = np.arange(n_columns), np.ones((n_rows, 1))
    read = screen_columns(numbers, owners, targets, weights, make_tasks("regression"))
    assert n_read is None if read is None else read.sum() == n_read
    if read is not None:
        expected = [stats.pearsonr(column, targets[:, 0]).pvalue for column in numbers.T]
        assert set(np.argsort(expected)[:n_read]) == set(np.flatnonzero(read[0]))


def test_significant_columns_are_read_however_many_there_are():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(60, 1))
    for n_significant, n_read in (90, 90), (120, None):
        numbers = rng.normal(size=(60, 200))
        numbers[:, :n_significant] = targets + 0.1 * numbers[:, :n_significant]
        owners, weights = np.arange(200), np.ones((60, 1))
        read = screen_columns(numbers, owners, targets, weights, make_tasks("regression"))
        assert n_read is None if read is None else read[0, :n_significant].all()


def test_labels_of_rows_that_a_member_leaves_out_do_not_count(seed):
    rng = np.random.default_rng(seed)
    numbers, targets = rng.normal(size=(60, 200)), rng.normal(size=(60, 1))
    trained_on = np.ones((3, 60), dtype=bool)
    trained_on[1, :20] = trained_on[2, 20:40] = False
    changed = targets.copy()
    changed[:20] = rng.normal(size=(20, 1))
    rest = np.ones((60, 1)), make_tasks("regression"), trained_on
    before, after = (
        screen_columns(numbers, np.arange(200), labels, *rest) for labels in (targets, changed)
    )
    np.testing.assert_array_equal(before[1], after[1])
    assert (before[2] != after[2]).any()


def test_a_few_columns_among_many_are_learnt():
    X, y = make_wide(n_rows=700)
    fitted = PLERegressor(n_members=4, random_state=0).fit(X[:200], y["sum"][:200])
    assert r2_score(y["sum"][200:], fitted.predict(X[200:])) > 0.5


def test_a_fit_says_how_many_columns_are_read(wide, capsys):
    X, y = wide
    fitted = make_tiny(verbose=1).fit(X, y)
    n_read = 64 + fitted._encoder.features.scaler_.of_dates.sum()
    said = f"Members read {n_read} of {N_COLUMNS + n_read - 64} numeric columns."
    assert said in "".join(capsys.readouterr())


def test_members_do_not_respond_to_what_they_do_not_read(wide, model):
    X, _ = wide
    features = model._encoder.features
    assert features.read_by_.shape[0] == 4
    numbers, codes = model._encoder.transform(X)
    network = model.module_.eval()
    with torch.no_grad():
        before = network.member_outputs(torch.tensor(numbers), torch.tensor(codes))
        for column, read in enumerate(features.read_by_.T):
            moved = numbers.copy()
            moved[:, column] += 1.0
            after = network.member_outputs(torch.tensor(moved), torch.tensor(codes))
            changed = (before != after).any(dim=2).any(dim=1).numpy()
            np.testing.assert_array_equal(changed, read)
    assert find_member_axes(network)["inputs.read"] == 0


def test_dates_are_always_read(model):
    features = model._encoder.features
    assert features.zones_ == [None]
    assert features.read_by_[:, features.scaler_.of_dates].all()


def test_columns_that_no_member_reads_have_no_influence(wide, model):
    X, _ = wide
    features = model._encoder.features
    unread = np.setdiff1d(np.arange(X.shape[1]), features.number_positions_)
    assert len(unread) > 100
    changed = X.copy()
    changed.iloc[:, unread] = 1e6
    pd.testing.assert_frame_equal(model.predict(X), model.predict(changed))


def test_networks_as_published_read_all_columns(wide):
    X, y = wide
    fitted = PLERegressor.as_published(max_epochs=1).fit(X.drop(columns="day"), y["sum"])
    assert fitted._encoder.features.read_by_ is None
    assert fitted._encoder.features.n_columns_ == N_COLUMNS


@pytest.mark.parametrize("params", [{"n_members": 1}, {"n_members": 4, "early_stopping": False}])
def test_members_that_are_trained_on_the_same_rows_read_the_same_columns(wide, params):
    fitted = make_tiny(**params).fit(*wide)
    assert count_read(fitted).shape == (1,)
    assert fitted.module_.inputs.read is None
    fitted.predict(wide[0])


def test_separate_validation_rows_are_read_like_those_of_fit(wide):
    X, y = wide
    fitted = make_tiny(n_members=4).fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    assert count_read(fitted).tolist() == [64 + fitted._encoder.features.scaler_.of_dates.sum()]
    assert all(np.isfinite(epoch["valid_loss"]) for epoch in fitted.history_)


def test_training_that_goes_on_reads_the_same_columns(wide, model):
    X, y = wide
    other = make_tiny(n_members=4, warm_start_from=model).fit(X, y["sum"])
    np.testing.assert_array_equal(
        other._encoder.features.read_by_, model._encoder.features.read_by_
    )
    fitted = make_tiny(n_members=4).fit(X, y)
    read = fitted.module_.inputs.read.clone()
    fitted.partial_fit(X, y)
    fitted.add_task(X, pd.DataFrame({"more": X["x9"]}))
    assert (fitted.module_.inputs.read == read).all()
    assert fitted.predict(X).shape == (N_ROWS, 3)


def test_a_file_holds_which_columns_are_read(tmp_path, wide, model):
    save(model, tmp_path / "model.ple")
    loaded = load(tmp_path / "model.ple")
    pd.testing.assert_frame_equal(loaded.predict(wide[0]), model.predict(wide[0]))


@pytest.mark.nightly
def test_onnx_has_all_columns_as_inputs(tmp_path, wide, model):
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "model.onnx"
    to_onnx(model, path)
    session = ort.InferenceSession(path)
    assert len(session.get_inputs()) == wide[0].shape[1]


@pytest.mark.nightly
def test_two_jobs_train_the_same_members(wide):
    X, y = wide
    one, two = (
        PLEClassifierRegressor(n_members=4, max_epochs=2, n_jobs=n, random_state=0).fit(X, y)
        for n in (1, 2)
    )
    np.testing.assert_allclose(one.predict(X)["sum"], two.predict(X)["sum"], rtol=1e-3, atol=1e-3)
