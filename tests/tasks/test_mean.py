"""The mean of members, and how validation weighs them."""

import numpy as np
import pytest
import torch

from sklearn_ple.tasks import TASK_KINDS, Regression
from sklearn_ple.tasks.mean import MemberMean, relative_losses

LABELS = {
    "binary": [0, 1],
    "multiclass": [0, 1, 2],
    "ordinal": [0, 1, 2],
    "regression": [0.0, 2.0],
    "quantile": [0.0, 2.0],
    "count": [0.0, 2.0],
    "tweedie": [0.0, 2.0],
    "hurdle": [0.0, 2.0],
    "huber": [0.0, 2.0],
    "log": [1.0, 2.0],
    "survival": [1.0, -2.0, 2.0],
}


def make_task(kind):
    labels = np.array(LABELS[kind])
    return TASK_KINDS[kind]().fit(labels, np.ones(len(labels)), None)


def test_means_keep_the_tasks_apart():
    kinds = [*LABELS, *reversed(LABELS)]
    tasks = [make_task(kind) for kind in kinds]
    sizes = [task.n_outputs for task in tasks]
    rng = np.random.default_rng(1)
    members = torch.from_numpy(rng.normal(size=(2, 8, sum(sizes))))
    weights = torch.from_numpy(rng.dirichlet(np.ones(2), len(tasks)).T)
    mean = MemberMean(tasks, 2).double()
    mean.weights.copy_(weights)
    parts = zip(
        tasks,
        mean(members).split(sizes, dim=-1),
        members.split(sizes, dim=-1),
        weights.T,
        strict=True,
    )
    for task, part, own, weight in parts:
        np.testing.assert_allclose(part, task.average(own, weight[:, None, None]))
    assert torch.equal(MemberMean(tasks)(members[:1]), members[0])


@pytest.mark.parametrize(("n_labels", "power"), [(100, 4.0), (300, 6.0), (10**9, 8.0)])
def test_members_are_weighed_by_a_power_of_their_loss_that_grows_with_the_labels(n_labels, power):
    mean = MemberMean([make_task("regression") for _ in range(2)], 2).double()
    np.testing.assert_allclose(mean.weights, 0.5)
    # The second member's loss of the first task is four times the first one's.
    losses = torch.tensor([[1.0, 1.0], [4.0, 1.0]], dtype=torch.float64)
    mean.weigh(losses, torch.tensor([n_labels, 100]))
    np.testing.assert_allclose(mean.weights[1, 0] / mean.weights[0, 0], 4.0**-power, rtol=1e-5)
    np.testing.assert_allclose(mean.weights[:, 1], 0.5)
    np.testing.assert_allclose(mean.weights.sum(dim=0), 1.0)


def test_what_implies_another_event_is_weighed_like_that():
    mean = MemberMean([make_task("binary") for _ in range(2)], 2, dependent=[(1, 0)])
    mean.weigh(torch.tensor([[1.0, 7.0], [2.0, 1.0]]), torch.tensor([1000, 1000]))
    assert torch.equal(mean.weights[:, 0], mean.weights[:, 1])
    assert mean.weights[0, 0] > 0.99


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n_labels", [5, 1000])
def test_a_member_that_is_not_finite_does_not_count(bad, n_labels):
    mean = MemberMean([make_task("regression")], 3)
    mean.weigh(torch.tensor([[1.0], [bad], [1.0]]), torch.tensor([n_labels]))
    np.testing.assert_allclose(mean.weights[:, 0], [0.5, 0.0, 0.5], atol=1e-9)
    # Without any loss, as without a label, all count alike.
    mean.weigh(torch.zeros(3, 1), torch.tensor([0]))
    np.testing.assert_allclose(mean.weights, 1 / 3)


class Careless(Regression):
    """A task that forgets an axis in its mean."""

    def average(self, outputs, weights):
        return super().average(outputs, weights)[..., 0]


def test_a_mean_of_another_shape_is_an_error():
    task = Careless().fit(np.array([0.0, 2.0]), np.ones(2), None)
    expected = r"Careless.average returned .* \(5, 1\); expected .* \(5, 1, 1\)"
    with pytest.raises(ValueError, match=expected):
        MemberMean([task], 2)(torch.zeros(2, 5, 1))


def test_relative_losses_fit_the_comparisons_best_by_a_parabola():
    rng = np.random.default_rng(0)
    own, before = np.exp(rng.normal(size=(2, 5, 2)) / 2)
    # Just within the bounds of what counts.
    own[1, 0], before[1, 0] = np.exp([1.49, -1.49])
    numbers = np.linspace(0, 1, 5)
    # The parabola's steps from the member before, of the first one from the last.
    steps = [[a - b, a**2 - b**2] for a, b in zip(numbers, numbers[[4, 0, 1, 2, 3]], strict=True)]
    best = np.linalg.lstsq(np.array(steps), np.log(own / before), rcond=None)[0]
    expected = np.exp(np.outer(numbers, best[0]) + np.outer(numbers**2, best[1]))
    relative = relative_losses(torch.from_numpy(own), torch.from_numpy(before))
    np.testing.assert_allclose(relative, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("own", "before", "ratio"),
    [
        (0.0, 2.0, 1.0),
        (2.0, 0.0, 1.0),
        (np.nan, 2.0, 1.0),
        (np.inf, np.inf, 1.0),
        (np.inf, 2.0, np.exp(3)),
        (np.exp(5), 1.0, np.exp(3)),
        (1.0, np.exp(5), np.exp(-3)),
        (0.4, 0.1, 4.0),
    ],
)
def test_a_comparison_counts_within_bounds_and_not_at_all_without_a_loss(own, before, ratio):
    def relative(second, second_before):
        others = torch.tensor([[1.0, second, 3.0, 2.0], [2.0, second_before, 1.5, 3.0]]).double()
        return relative_losses(*others[..., None])

    np.testing.assert_allclose(relative(own, before), relative(ratio, 1.0), rtol=1e-9)
