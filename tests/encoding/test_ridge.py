"""Where the linear path starts, against ridge regression written out."""

import numpy as np
import pytest
import torch
from makers import learn, make_tasks
from scipy import sparse

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.encoding import encoder, ridge

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)


def learn_coefficients(numbers, targets, weights, tasks, task_weights=1.0, clip_numbers=3.0):
    """Return the start of a single member."""
    task_weights = np.broadcast_to(task_weights, len(tasks))
    starts = ridge.learn_coefficients(numbers, targets, weights, tasks, task_weights, clip_numbers)
    return None if starts is None else starts[0]


def written_out(x, y, weights, penalty):
    """Coefficients of weighted ridge regression with an intercept that is not penalised."""
    x, y = (part - np.average(part, axis=0, weights=weights) for part in (x, y))
    gram = (weights[:, None] * x).T @ x + penalty * np.eye(x.shape[1])
    return np.linalg.solve(gram, (weights[:, None] * x).T @ y)


def gcv_error(x, y, penalty):
    """Generalized cross-validation, by the matrix that takes labels to predictions."""
    predict = np.array(
        [x @ written_out(x, unit, np.ones(len(x)), penalty) for unit in np.eye(len(x))]
    )
    hat = predict.T - predict.T.mean(axis=0) + 1 / len(x)
    return np.mean((y - hat @ y) ** 2) / (1 - np.trace(hat) / len(x)) ** 2


@pytest.fixture
def random(seed):
    return np.random.RandomState(seed)


@pytest.mark.parametrize(("n_rows", "scale"), [(6, 1), (4, 5)])
def test_of_few_rows_the_penalty_has_the_least_error(random, n_rows, scale):
    tasks, weights = make_tasks("regression"), np.ones((n_rows, 1))
    for _ in range(40):
        x = scale * random.normal(size=(n_rows, 4)).astype(np.float32)
        y = x @ [1.0, -2.0, 0.0, 0.5] + 3 * random.normal(size=n_rows)
        start = learn_coefficients(x, y[:, None], weights, tasks, clip_numbers=None)
        best = min(PENALTIES, key=lambda penalty: gcv_error(x, y, penalty))
        expected = written_out(x, y, weights[:, 0], best)
        np.testing.assert_allclose(start[0], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("noise", "limit"), [(0.1, 3.0), (3.0, None), (30.0, 0.5)])
def test_the_penalty_has_the_least_generalized_cross_validation_error(random, noise, limit):
    x = random.normal(size=(60, 4)).astype(np.float32)
    y = x @ [1.0, -2.0, 0.0, 0.5] + noise * random.normal(size=60)
    tasks = make_tasks("regression")
    start = learn_coefficients(x, y[:, None], np.ones((60, 1)), tasks, clip_numbers=limit)
    clipped = x / np.sqrt(1 + (x / limit) ** 2) if limit else x
    best = min(PENALTIES, key=lambda penalty: gcv_error(clipped, y, penalty))
    expected = written_out(clipped, y, np.ones(60), best)
    np.testing.assert_allclose(start, expected[None], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_numbers", [3, 30, 121])
def test_a_weight_is_as_many_rows(random, n_numbers):
    x, weights = random.normal(size=(20, n_numbers)), random.randint(1, 5, size=20)
    y, tasks = x[:, :2], make_tasks("regression", "regression")
    start = learn_coefficients(x, y, weights.repeat(2).reshape(20, 2).astype(float), tasks)
    rows = np.arange(20).repeat(weights)
    repeated = learn_coefficients(x[rows], y[rows], np.ones((len(rows), 2)), tasks)
    np.testing.assert_allclose(repeated, start, rtol=1e-6, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-9, 0.05, 1e9])
def test_only_how_rows_weigh_beside_each_other_counts(random, factor):
    x, y, weights = random.normal(size=(20, 30)), random.normal(size=(20, 1)), random.rand(20, 1)
    start = learn_coefficients(x, y, weights, make_tasks("regression"))
    # Where the highest penalty is the best, all are small.
    assert start.all()
    scaled = learn_coefficients(x, y, factor * weights, make_tasks("regression"))
    np.testing.assert_allclose(scaled, start, atol=1e-6 * abs(start).max())


def test_rows_without_a_label_take_no_part(random):
    x, y, weights = random.normal(size=(40, 3)), random.normal(size=(40, 2)), np.ones((40, 2))
    weights[25:, 0], y[25:, 0] = 0, 1e6
    tasks = make_tasks("regression", "regression")
    start = learn_coefficients(x, y, weights, tasks)
    alone = learn_coefficients(x[:25], y[:25, :1], weights[:25, :1], tasks[:1])
    np.testing.assert_allclose(start[:1], alone)


@pytest.mark.parametrize("n_numbers", [3, 30])
def test_each_member_learns_from_its_own_rows_alone(random, n_numbers):
    x, weights = random.normal(size=(20, n_numbers)), random.normal(size=(20, 2)).clip(0)
    y, tasks = x[:, :2] + 0.1 * random.normal(size=(20, 2)), make_tasks("regression", "regression")
    trained_on = np.ones((3, 20), dtype=bool)
    trained_on[0, :8] = trained_on[1, 4:12] = False
    starts = ridge.learn_coefficients(x, y, weights, tasks, np.ones(2), 3.0, trained_on)
    for start, rows in zip(starts, trained_on, strict=True):
        alone = learn_coefficients(x[rows], y[rows], weights[rows], tasks)
        assert alone.any()
        np.testing.assert_allclose(start, alone, rtol=1e-6, atol=1e-6 * abs(alone).max())


def test_as_many_coefficients_as_rows_leave_no_error_to_compare(recwarn):
    # A single distinct row leaves none free.
    start = learn_coefficients(
        np.ones((4, 1)), np.zeros((4, 1)), np.ones((4, 1)), make_tasks("regression")
    )
    np.testing.assert_array_equal(start, np.zeros((1, 1)))
    assert not recwarn.list


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        (np.ones((5, 2)), "multiclass"),
        (np.ones((5, 0)), "regression"),
        (sparse.csr_matrix(np.eye(5)), "regression"),
    ],
)
def test_nothing_to_start_from(numbers, kind):
    assert learn_coefficients(numbers, np.ones((5, 1)), np.ones((5, 1)), make_tasks(kind)) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_labels", [1, 2, 3])
def test_few_labels_are_enough(random, n_labels):
    weights = np.zeros((9, 1))
    weights[:n_labels] = 1
    x, y = random.normal(size=(9, 20)), random.normal(size=(9, 1))
    start = learn_coefficients(x, y, weights, make_tasks("regression"))
    assert np.isfinite(start).all()
    assert start.any() == (n_labels > 1)


@pytest.mark.parametrize("limit", [None, 3.0, 0.5])
def test_the_regression_reads_the_numbers_that_the_network_reads(random, limit):
    x = random.standard_t(2, size=(80, 3))
    y = x @ [1.0, 2.0, 0.0]
    learnt = learn(PLERegressor(clip_numbers=limit, n_members=2), x, y)
    network = learnt.make_module().eval()
    # Where it starts, the linear path is the fitted regression, up to a constant.
    numbers = torch.from_numpy(learnt.numbers)
    codes = torch.empty(80, 0, dtype=torch.int64)
    outputs = network.member_outputs(numbers, codes)[0, :, 0].detach()
    torch.nn.init.zeros_(network.linear.layer.weight)
    added = outputs - network.member_outputs(numbers, codes)[0, :, 0].detach()
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    clipped = standard / np.sqrt(1 + (standard / limit) ** 2) if limit else standard
    label = (y - y.mean()) / y.std()
    best = min(PENALTIES, key=lambda penalty: gcv_error(clipped, label, penalty))
    expected = clipped @ written_out(clipped, label, np.ones(80), best)
    np.testing.assert_allclose(added.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_members_start_with_less_and_less_of_it(random):
    x = random.normal(size=(80, 3))
    y = np.column_stack([x @ [1.0, 2.0, 0.0], random.normal(size=80) > 0])
    network = learn(PLEClassifierRegressor(n_members=3), x, y).make_module()
    weights = 0.3 * network.linear.layer.weight.detach().numpy()
    scale = y[:, 0].std() / x.std(axis=0)
    np.testing.assert_allclose(weights[0, 0] * scale, [1, 2, 0], atol=0.3)
    np.testing.assert_allclose(weights[1], weights[0] / 2)
    assert not weights[2].any()
    assert not weights[:, 1].any()


def test_beyond_the_range_of_training_what_is_linear_goes_on(random, seed):
    x = random.normal(size=(400, 4))
    slopes = np.array([1.0, -1.0, 2.0, 0.5])
    y = x @ slopes
    inside = y < np.quantile(y, 0.8)
    options = {"random_state": seed, "max_epochs": 15, "early_stopping": False}
    error = {}
    for linear_path in (True, False):
        estimator = PLERegressor(linear_path=linear_path, **options).fit(x[inside], y[inside])
        error[linear_path] = np.mean((estimator.predict(x[~inside]) - y[~inside]) ** 2)
    assert error[True] < 0.7 * error[False]


def test_far_beyond_the_range_of_training_only_unclipped_numbers_go_on(random, seed):
    x, far = random.uniform(-2, 2, size=(600, 1)), np.array([[5.0], [10.0], [30.0]])
    predicted = {
        limit: PLERegressor(clip_numbers=limit, n_members=2, max_epochs=20, random_state=seed)
        .fit(x, 2 * x[:, 0])
        .predict(far)
        for limit in (None, 3.0)
    }
    np.testing.assert_allclose(predicted[None], 2 * far[:, 0], rtol=0.3)
    assert (predicted[3.0] < [7.5, 8.5, 9.0]).all()


def test_far_beyond_the_range_of_training_the_slope_is_nearly_the_same(random, seed):
    x, slopes = random.normal(size=(600, 4)), np.array([1.0, -1.0, 2.0, 0.5])
    y = x @ slopes + 0.3 * random.normal(size=600)
    far = 10 * random.normal(size=(500, 4))
    model = PLERegressor(clip_numbers=None, n_members=2, random_state=seed).fit(x, y)
    slope, _ = np.polyfit(far @ slopes, model.predict(far), deg=1)
    assert 0.8 < slope < 1.0


def test_without_linear_path_no_regression_is_learnt(random, monkeypatch):
    monkeypatch.setattr(encoder, "learn_coefficients", None)
    x, y = random.normal(size=(30, 2)), random.normal(size=30)
    PLERegressor(linear_path=False, max_epochs=1).fit(x, y)
    with pytest.raises(TypeError):
        PLERegressor(linear_path=True, max_epochs=1).fit(x, y)


def test_a_member_starts_from_the_columns_that_it_reads(random):
    x, tasks = random.normal(size=(30, 5)), make_tasks("regression")
    y, weights = x[:, :1] - x[:, 4:] + random.normal(size=(30, 1)), np.ones((30, 1))
    trained_on = np.arange(30) % 3 != np.arange(2)[:, None]
    read_by = np.array([[True, True, False, False, True], [True, False, True, True, False]])
    arguments = y, weights, tasks, np.ones(1), None
    found = ridge.learn_coefficients(x, *arguments, trained_on, read_by)
    for member, read in enumerate(read_by):
        alone = ridge.learn_coefficients(x[:, read], *arguments, trained_on[[member]])
        np.testing.assert_allclose(found[member][:, read], alone[0])
        assert not found[member][:, ~read].any()


def test_tasks_with_the_same_rows_learn_what_each_learns_alone(random):
    x = random.normal(size=(60, 4)).round()
    y = np.column_stack([x[:, 0], random.normal(size=60), x[:, 1] + random.normal(size=60)])
    weights, tasks = np.ones((60, 3)), make_tasks(*["regression"] * 3)
    together = learn_coefficients(x, y, weights, tasks)
    alone = [learn_coefficients(x, y[:, [k]], weights[:, [k]], tasks[:1])[0] for k in range(3)]
    np.testing.assert_allclose(together, alone)
