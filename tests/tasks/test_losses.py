"""The tasks' losses against a double loop and scikit-learn; missing labels are inert."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import huber
from sklearn.metrics import (
    log_loss,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
    mean_tweedie_deviance,
)

from sklearn_ple import PLERegressor
from sklearn_ple.nn import PLE
from sklearn_ple.tasks import TASK_KINDS, Ordinal, Quantile, Regression, TaskLosses, group_tasks

KINDS = list(TASK_KINDS)


def make_task(kind, name="y", n_classes=3):
    """Fit a task of a kind; targets of numbers are to be taken as they are."""
    task = TASK_KINDS[kind]()
    task.name = name
    if kind == "binary":
        return task.fit(np.array([0, 1]), np.ones(2), None)
    if kind in ("multiclass", "ordinal"):
        return task.fit(np.arange(n_classes), np.ones(n_classes), None)
    several = {"survival": [1.0, -3.0, 2.0], "log": [1.0, np.exp(2.0)]}
    labels = np.array(several.get(kind, [0.0, 2.0]))
    return task.fit(labels, np.ones(len(labels)), None)


def draw_targets(rng, tasks, n_rows):
    columns = []
    for task in tasks:
        if task.has_classes:
            columns.append(rng.integers(0, len(task.classes), n_rows).astype(float))
        elif task.kind in ("count", "tweedie", "hurdle"):
            columns.append(rng.poisson(1.0, n_rows) / 2)
        elif task.kind == "survival":
            times = rng.uniform(0.1, 3.0, n_rows)
            columns.append(task.encode(np.where(rng.random(n_rows) < 0.5, times, -times)))
        else:
            columns.append(rng.normal(size=n_rows))
    return np.column_stack(columns)


def problem(seed, kinds, n_rows=8, share=0.6, n_classes=3):
    """Draw outputs, targets and weights; a label is there with a probability of ``share``."""
    rng = np.random.default_rng(seed)
    tasks = [make_task(kind, f"y{k}", n_classes) for k, kind in enumerate(kinds)]
    outputs = rng.normal(size=(n_rows, sum(task.n_outputs for task in tasks)))
    targets = draw_targets(rng, tasks, n_rows)
    weights = rng.uniform(0.5, 2.0, targets.shape) * (rng.random(targets.shape) < share)
    return tasks, outputs, targets, weights


def naive_loss(kind, output, target):
    """Compute one row's loss for one task."""
    if kind == "binary":
        probability = 1 / (1 + np.exp(-output[0]))
        return -np.log(probability if target == 1 else 1 - probability)
    if kind == "multiclass":
        return -np.log(np.exp(output[int(target)]) / np.exp(output).sum())
    if kind == "ordinal":
        probabilities = np.exp(output) / np.exp(output).sum()
        above = [probabilities[k + 1 :].sum() for k in range(len(output) - 1)]
        return -np.mean([np.log(p if target > k else 1 - p) for k, p in enumerate(above)])
    if kind == "quantile":
        losses = [
            (level if target > quantile else level - 1) * (target - quantile)
            for level, quantile in zip((0.05, 0.5, 0.95), output, strict=True)
        ]
        return 2 * np.mean(losses)
    if kind in ("regression", "log"):
        return (output[0] - target) ** 2
    if kind == "huber":
        return 2 * huber(1.345, output[0] - target)
    if kind == "tweedie":
        return mean_tweedie_deviance([target], [np.exp(output[0])], power=1.5) / 2
    if kind == "hurdle":
        probability = 1 / (1 + np.exp(-output[0]))
        if target == 0:
            return -np.log(1 - probability)
        return mean_gamma_deviance([target], [np.exp(output[1])]) / 2 - np.log(probability)
    if kind == "survival":
        # Of three outputs: two intervals and "later". Censored targets are three further.
        probabilities = np.exp(output) / np.exp(output).sum()
        if target < 3:
            return -np.log(probabilities[max(int(np.ceil(target)) - 1, 0)])
        survival = np.log([1.0, *(1 - probabilities.cumsum())[:2]])
        return -np.interp(target - 3, [0, 1, 2], survival)
    rate = np.exp(output[0])
    return rate - target + (target * np.log(target / rate) if target > 0 else 0.0)


def naive_task_losses(tasks, outputs, targets, weights):
    """Compute every task's mean loss by a double loop over tasks and rows."""
    losses, start = [], 0
    for k, task in enumerate(tasks):
        total = weight = 0.0
        for i in range(len(outputs)):
            if weights[i, k] > 0:
                own = outputs[i, start : start + task.n_outputs]
                total += weights[i, k] * naive_loss(task.kind, own, targets[i, k])
                weight += weights[i, k]
        losses.append(total / weight if weight else 0.0)
        start += task.n_outputs
    return np.array(losses)


def evaluate(tasks, outputs, targets, weights, task_weights=1.0):
    """Return the joint loss, the tasks' losses and the gradient of the outputs."""
    losses = TaskLosses(tasks)
    outputs = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    sums = losses.sums(outputs, torch.tensor(targets), torch.tensor(weights))
    task_losses = losses.means(sums)
    loss = (torch.as_tensor(task_weights) * task_losses).sum()
    loss.backward()
    return loss.item(), task_losses.detach().numpy(), outputs.grad.numpy()


ORDERS = [
    *([kind] for kind in KINDS),
    KINDS,
    ["binary", "regression", "binary", "multiclass"],
    ["multiclass", "binary", "multiclass", "multiclass", "count", "binary", "binary"],
    ["regression", "count", "regression", "regression"],
]


@pytest.mark.parametrize("kinds", ORDERS, ids=",".join)
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_the_joint_loss_is_a_double_loop_over_tasks_and_labels(kinds, share):
    tasks, outputs, targets, weights = problem(1, kinds, share=share)
    task_weights = np.linspace(0.5, 3.0, len(kinds))
    loss, task_losses, _ = evaluate(tasks, outputs, targets, weights, task_weights)
    expected = naive_task_losses(tasks, outputs, targets, weights)
    assert expected.all()
    np.testing.assert_allclose(task_losses, expected, rtol=1e-10)
    assert loss == pytest.approx(expected @ task_weights, rel=1e-10)


def test_sums_of_batches_add_up_to_those_of_all_rows():
    tasks, outputs, targets, weights = problem(2, KINDS)
    losses = TaskLosses(tasks)
    parts = [torch.tensor(part) for part in (outputs, targets, weights)]
    whole = losses.sums(*parts)
    halves = sum(losses.sums(*(p[rows] for p in parts)) for rows in (slice(3), slice(3, 8)))
    np.testing.assert_allclose(halves, whole, rtol=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "survival"])
def test_each_loss_is_scikit_learns(kind):
    tasks, outputs, targets, weights = problem(4, [kind], n_rows=50, share=1.0)
    task, weights_1d = tasks[0], weights[:, 0]
    _, task_losses, _ = evaluate(tasks, outputs, targets, weights)
    if kind in ("regression", "log"):
        expected = mean_squared_error(targets, outputs, sample_weight=weights_1d)
    elif kind == "count":
        rates = np.exp(outputs)
        expected = mean_poisson_deviance(targets, rates, sample_weight=weights_1d) / 2
    elif kind == "quantile":
        losses = [
            mean_pinball_loss(targets[:, 0], column, sample_weight=weights_1d, alpha=level)
            for level, column in zip(task.levels, outputs.T, strict=True)
        ]
        expected = 2 * np.mean(losses)
    elif kind == "huber":
        expected = np.average(2 * huber(1.345, targets - outputs), weights=weights)
    elif kind == "tweedie":
        deviance = mean_tweedie_deviance(
            targets, np.exp(outputs), sample_weight=weights_1d, power=1.5
        )
        expected = deviance / 2
    elif kind == "hurdle":
        some = targets[:, 0] > 0
        crosses = log_loss(some, 1 / (1 + np.exp(-outputs[:, 0])), sample_weight=weights_1d)
        amounts = np.exp(outputs[some, 1])
        deviance = mean_gamma_deviance(targets[some], amounts, sample_weight=weights_1d[some])
        expected = crosses + deviance / 2 * weights_1d[some].sum() / weights_1d.sum()
    elif kind == "ordinal":
        above = task.predict_proba(outputs)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        losses = [
            log_loss(targets[:, 0] > k, column, sample_weight=weights_1d)
            for k, column in enumerate(above.T)
        ]
        expected = np.mean(losses)
    else:
        probabilities = task.predict_proba(outputs)
        expected = log_loss(targets, probabilities, sample_weight=weights_1d)
    assert task_losses[0] == pytest.approx(expected, rel=1e-10)


def test_losses_stay_finite_for_extreme_logits():
    tasks = [make_task("binary"), make_task("multiclass")]
    outputs = np.array([[800.0, 800.0, -800.0, 0.0], [-800.0, 0.0, 0.0, 800.0]])
    targets = np.array([[0.0, 1.0], [1.0, 0.0]])
    _, task_losses, gradient = evaluate(tasks, outputs, targets, np.ones((2, 2)))
    np.testing.assert_allclose(task_losses, [800.0, 1200.0])
    assert np.isfinite(gradient).all()


def test_a_gradient_is_that_of_finite_differences():
    tasks, outputs, targets, weights = problem(5, [*KINDS, "binary"], n_rows=4)
    task_weights = np.linspace(0.5, 3.0, len(tasks))
    _, _, gradient = evaluate(tasks, outputs, targets, weights, task_weights)
    for place in np.ndindex(outputs.shape):
        step = np.zeros_like(outputs)
        step[place] = 1e-6
        above = naive_task_losses(tasks, outputs + step, targets, weights) @ task_weights
        below = naive_task_losses(tasks, outputs - step, targets, weights) @ task_weights
        assert gradient[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


kinds_strategy = st.lists(st.sampled_from(KINDS), min_size=1, max_size=5)


anything = st.sampled_from([0.0, 1.0, -1.0, 7.0, 1e30, np.nan, np.inf])


@given(kinds_strategy, st.integers(0, 10_000), anything)
def test_a_target_without_label_changes_no_loss_and_no_gradient(kinds, seed, value):
    tasks, outputs, targets, weights = problem(seed, kinds)
    changed = np.where(weights > 0, targets, value)
    before = evaluate(tasks, outputs, targets, weights)
    after = evaluate(tasks, outputs, changed, weights)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@given(st.integers(0, 10_000), st.integers(0, len(KINDS) - 1))
def test_features_of_a_row_without_label_do_not_change_that_tasks_loss(seed, task):
    tasks, _, targets, weights = problem(seed, KINDS)
    weights[0, task] = 0.0
    torch.manual_seed(seed)
    network = PLE(3, [t.n_outputs for t in tasks], expert_hidden_units=(4,)).double()
    losses = TaskLosses(tasks)

    def task_losses(inputs):
        sums = losses.sums(network(inputs), torch.tensor(targets), torch.tensor(weights))
        return losses.means(sums).detach().numpy()

    inputs = torch.randn(8, 3, dtype=torch.float64)
    changed = inputs.clone()
    changed[0] += 10.0
    before, after = task_losses(inputs), task_losses(changed)
    # Only the other rows' rounding may differ.
    assert after[task] == pytest.approx(before[task], rel=1e-12, abs=1e-12)
    for other in np.flatnonzero(weights[0]):
        assert after[other] != pytest.approx(before[other], rel=1e-9)


@given(kinds_strategy, st.integers(0, 10_000), st.data())
def test_a_batch_without_label_for_a_task_adds_nothing(kinds, seed, data):
    tasks, outputs, targets, weights = problem(seed, kinds)
    bare = data.draw(st.integers(0, len(kinds) - 1))
    weights[:, bare] = 0.0
    loss, task_losses, gradient = evaluate(tasks, outputs, targets, weights)
    assert task_losses[bare] == 0.0
    assert loss == pytest.approx(task_losses.sum(), rel=1e-12, abs=1e-15)
    assert np.isfinite(gradient).all()
    start = sum(task.n_outputs for task in tasks[:bare])
    assert not gradient[:, start : start + tasks[bare].n_outputs].any()


def test_tasks_of_a_users_class_do_not_share_what_they_have_learnt():
    class Scaled(Regression):
        kind = "scaled"

        def __init__(self, factor):
            # Without the __init__ of the base class.
            self.factor = factor

        def loss(self, outputs, targets):
            return self.factor * (outputs[..., 0] - targets) ** 2

    losses = TaskLosses([Scaled(1.0), Scaled(1000.0), Regression(), Regression()])
    assert [group.task.n_outputs for group in losses.groups] == [1, 1, 1]
    outputs, ones = torch.zeros(5, 4), torch.ones(5, 4)
    means = losses.means(losses.sums(outputs, ones, ones))
    assert means[:2].tolist() == [1.0, 1000.0]


def test_a_loss_may_not_be_finite_where_a_label_is_missing():
    class Ratio(Regression):
        kind = "ratio"

        def loss(self, outputs, targets):
            ratio = targets.log() - outputs[..., 0]
            return ratio.exp() - ratio - 1

    losses = TaskLosses([Ratio(), Regression()])
    outputs = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1.0, 0.5], [2.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    task_losses = losses.means(losses.sums(outputs, targets, weights))
    task_losses.sum().backward()
    assert task_losses[0].item() == pytest.approx((1 - np.log(2)) / 2)
    assert torch.isfinite(outputs.grad).all() and not outputs.grad[2, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e3, 1e30, np.inf, np.nan])
def test_a_loss_that_overflows_without_label_is_inert(kind, size, dtype):
    tasks = [make_task(kind), make_task("binary", "z")]
    outputs = torch.zeros(2, tasks[0].n_outputs + 1, dtype=dtype)
    outputs[0, 0] = size
    outputs.requires_grad_()
    weights = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=dtype)
    losses = TaskLosses(tasks)
    task_losses = losses.means(losses.sums(outputs, torch.zeros(2, 2, dtype=dtype), weights))
    task_losses.sum().backward()
    at_zero = {"binary": np.log(2), "multiclass": np.log(3), "regression": 0.0, "count": 1.0}
    # Of three classes the first is above itself by 2/3, above the second by 1/3: both are wrong.
    at_zero |= {"ordinal": np.log(3 / np.sqrt(2)), "quantile": 0.0, "huber": 0.0, "log": 0.0}
    at_zero |= {"tweedie": 2.0, "hurdle": np.log(2), "survival": np.log(3)}
    assert task_losses.tolist() == pytest.approx([at_zero[kind], np.log(2)], rel=1e-6)
    assert torch.isfinite(outputs.grad).all()
    assert not outputs.grad[0, :-1].any()


def test_a_loss_that_overflows_with_a_label_shows():
    tasks = [make_task("count")]
    loss, _, _ = evaluate(tasks, np.array([[1e3]]), np.zeros((1, 1)), np.ones((1, 1)))
    assert loss == np.inf


def test_multiclass_tasks_of_different_sizes_keep_their_columns():
    tasks = [make_task("multiclass", "a", 3), make_task("multiclass", "b", 5),
             make_task("multiclass", "c", 5), make_task("multiclass", "d", 2)]  # fmt: skip
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(6, 15)), draw_targets(rng, tasks, 6)
    _, task_losses, _ = evaluate(tasks, outputs, targets, np.ones((6, 4)))
    np.testing.assert_allclose(
        task_losses, naive_task_losses(tasks, outputs, targets, np.ones((6, 4))), rtol=1e-10
    )


def test_quantiles_and_orders_that_differ_are_not_mixed_up():
    labels, ones = np.array([0.0, 2.0]), np.ones(2)
    grades = np.array(["a", "b", "c"], dtype=object)
    tasks = [
        Quantile([0.1]).fit(labels, ones, None),
        Quantile([0.9]).fit(labels, ones, None),
        Ordinal().fit(grades, np.ones(3), ["a", "b", "c"]),
        Ordinal().fit(grades, np.ones(3), ["c", "a", "b"]),
    ]
    rng = np.random.default_rng(0)
    outputs, targets = torch.from_numpy(rng.normal(size=(6, 10))), draw_targets(rng, tasks, 6)
    sums = TaskLosses(tasks).sums(outputs, torch.from_numpy(targets), torch.ones(6, 4))
    parts = outputs.split([2, 2, 3, 3], dim=-1)
    for k, (task, part) in enumerate(zip(tasks, parts, strict=True)):
        alone = task.loss(part[:, None], torch.from_numpy(targets[:, [k]])).sum()
        assert sums[0, k].item() == pytest.approx(alone.item(), rel=1e-12)


def test_the_loss_of_several_networks_is_their_mean():
    tasks, outputs, targets, weights = problem(0, KINDS)
    rng = np.random.default_rng(1)
    members = torch.from_numpy(np.stack([outputs, rng.normal(size=outputs.shape)]))
    targets, weights = torch.from_numpy(targets), torch.from_numpy(weights)
    losses = TaskLosses(tasks)
    own = [losses.sums(member, targets, weights) for member in members]
    expected = torch.stack(own).mean(dim=0)
    np.testing.assert_allclose(losses.sums(members, targets, weights), expected)
    # With weights of each one's own, all of these are summed.
    every = torch.stack([weights, weights.roll(1, dims=0)])
    own = [losses.sums(*parts) for parts in zip(members, [targets] * 2, every, strict=True)]
    np.testing.assert_allclose(losses.sums(members, targets, every), sum(own))


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_of_one_kind_and_size_are_computed_together(kind):
    tasks = [make_task(kind), make_task(kind), make_task("binary", n_classes=2)]
    sizes = [group.positions for group in group_tasks(tasks)]
    assert sizes == ([slice(0, 3)] if kind == "binary" else [slice(0, 2), slice(2, 3)])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (torch.mean, r"Tensor and shape \(\)"),
        (torch.Tensor.numpy, r"ndarray and shape \(5, 1\)"),
        (lambda losses: None, "NoneType"),
    ],
)
def test_a_loss_of_another_shape_or_type_is_an_error(change, found):
    class Careless(Regression):
        def loss(self, outputs, targets):
            return change(super().loss(outputs, targets))

    task = Careless().fit(np.array([0.0, 2.0]), np.ones(2), None)
    parts = torch.zeros(5, 1), torch.zeros(5, 1), torch.ones(5, 1)
    message = (
        rf"Careless.loss returned a value of type {found}; expected a tensor of shape \(5, 1\)"
    )
    with pytest.raises(ValueError, match=message):
        TaskLosses([task]).sums(*parts)


def test_a_loss_of_other_rows_is_an_error_although_its_shape_is_right(seed):
    class LogCosh(Regression):
        def loss(self, outputs, targets):
            return torch.log(torch.cosh(outputs[:, 0] - targets))

    class Own(LogCosh):
        def loss(self, outputs, targets):
            return torch.log(torch.cosh(outputs[..., 0] - targets))

    class Centred(LogCosh):
        def loss(self, outputs, targets):
            own = outputs[..., 0]
            return (own - own.mean(dim=-2, keepdim=True) - targets) ** 2

    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    for n_members in (1, 2):
        wrong = PLERegressor(task_types=LogCosh(), n_members=n_members, max_epochs=1)
        with pytest.raises(
            ValueError, match=r"LogCosh.loss compares .* other rows: .*\[\.\.\., 0"
        ):
            wrong.fit(X, y)
    # Other rows may have an influence, too.
    for kind in (Own(), Centred()):
        PLERegressor(task_types=kind, n_members=2, max_epochs=1, random_state=seed).fit(X, y)


def test_rows_of_a_loss_are_checked_as_soon_as_two_have_labels():
    class FirstRow(Regression):
        def loss(self, outputs, targets):
            return (outputs[:1, ..., 0] - targets) ** 2

    losses = TaskLosses([FirstRow().fit(np.array([0.0, 2.0]), np.ones(2), None)])
    rng = np.random.default_rng(0)
    outputs, targets = torch.from_numpy(rng.normal(size=(2, 5, 1)))
    for n_labels in (0, 1):
        weights = (torch.arange(5) < n_labels).double().unsqueeze(1)
        assert losses.sums(outputs, targets, weights).isfinite().all()
    with pytest.raises(ValueError, match="outputs of other rows"):
        losses.sums(outputs, targets, torch.ones(5, 1))


@given(kinds_strategy, st.integers(0, 10_000), st.floats(0.1, 10))
def test_other_tasks_weights_change_no_tasks_loss(kinds, seed, factor):
    tasks, outputs, targets, weights = problem(seed, kinds)
    changed = weights.copy()
    changed[:, 0] *= factor
    before = evaluate(tasks, outputs, targets, weights)[1]
    after = evaluate(tasks, outputs, targets, changed)[1]
    # Its own neither: a mean does not know the scale of its weights.
    np.testing.assert_allclose(after, before, rtol=1e-12)


@given(kinds_strategy, st.integers(0, 10_000), st.floats(-50, 50))
def test_an_output_without_label_changes_no_loss_and_gets_no_gradient(kinds, seed, value):
    tasks, outputs, targets, weights = problem(seed, kinds)
    sizes = [task.n_outputs for task in tasks]
    labelled = np.repeat(weights > 0, sizes, axis=1)
    before = evaluate(tasks, outputs, targets, weights)
    after = evaluate(tasks, np.where(labelled, outputs, value), targets, weights)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert not after[2][~labelled].any()


@given(st.sampled_from(KINDS), st.integers(0, 10_000))
def test_labels_taken_away_leave_the_gradient_of_the_other_rows(kind, seed):
    tasks, outputs, targets, weights = problem(seed, [kind], share=1.0)
    weights[::2] = 0.0
    loss, _, gradient = evaluate(tasks, outputs, targets, weights)
    kept = slice(1, None, 2)
    alone = evaluate(tasks, outputs[kept], targets[kept], weights[kept])
    assert loss == pytest.approx(alone[0], rel=1e-12)
    np.testing.assert_allclose(gradient[kept], alone[2], rtol=1e-12)
    assert not gradient[::2].any()


@given(st.sampled_from(KINDS), st.integers(0, 10_000), st.integers(1, 4))
def test_a_weight_is_a_number_of_repetitions(kind, seed, times):
    tasks, outputs, targets, weights = problem(seed, [kind])
    weights = (weights > 0).astype(float)
    weights[0] = times
    rows = np.r_[np.zeros(times, dtype=int), 1:8]
    repeated = np.where(np.arange(len(rows))[:, None] < times, 1.0, weights[rows])
    loss = evaluate(tasks, outputs, targets, weights)[0]
    assert loss == pytest.approx(
        evaluate(tasks, outputs[rows], targets[rows], repeated)[0], rel=1e-12
    )
