"""Tweedie tasks: the deviance between Poisson's and gamma's, and the powers that they take."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import d2_tweedie_score, mean_gamma_deviance, mean_poisson_deviance

from sklearn_ple import PLERegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.tasks import TaskLosses, Tweedie

LABELS = np.array([0.0, 1.0, 0.0, 7.0, 2.5])


def tweedie(*options, labels=LABELS):
    return Tweedie(*options).fit(labels, np.ones(len(labels)), None)


def losses_of(task, outputs, targets):
    return task.loss(torch.tensor(outputs)[:, None], torch.tensor(targets)).numpy()


@pytest.mark.parametrize("power", [1, 2, 0.5, 3.0, np.nan, "1.5", None, [1.5]])
def test_powers_that_are_none_are_an_error(power):
    with pytest.raises(ValueError, match="'power' parameter of Tweedie must be a float in"):
        Tweedie(power)


@pytest.mark.parametrize(
    ("power", "deviance"), [(1 + 1e-7, mean_poisson_deviance), (2 - 1e-7, mean_gamma_deviance)]
)
def test_at_its_ends_the_loss_is_poissons_and_gammas(power, deviance):
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=50), rng.gamma(2.0, size=50)
    expected = deviance(targets, np.exp(outputs)) / 2
    assert losses_of(tweedie(power), outputs, targets).mean() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("power", [1.05, 1.5, 1.9])
def test_of_all_constants_the_mean_has_the_least_loss(power):
    task = tweedie(power)
    targets = task.encode(LABELS)

    def loss(log_mean):
        return losses_of(task, np.full(5, log_mean), targets).mean()

    assert minimize_scalar(loss, bounds=(-3, 3)).x == pytest.approx(0.0, abs=1e-4)
    perfect = losses_of(task, np.log(targets[targets > 0]), targets[targets > 0])
    np.testing.assert_allclose(perfect, 0.0, atol=1e-12)


def test_powers_that_differ_are_not_mixed_up():
    tasks = [tweedie(1.2), tweedie(1.8)]
    outputs, targets = torch.tensor([[0.3, 0.3]]), torch.tensor([[2.0, 2.0]])
    sums = TaskLosses(tasks).sums(outputs, targets, torch.ones(1, 2))[0]
    expected = [task.loss(outputs[:, :1], targets[:, 0]) for task in tasks]
    torch.testing.assert_close(sums, torch.cat(expected))
    assert sums[0] != pytest.approx(sums[1])


def test_the_variance_is_a_power_of_the_mean():
    task = tweedie(1.6)
    low, high = task.variance(np.array([2.0, 6.0]))
    assert high / low == pytest.approx(3**1.6)


def test_an_estimator_learns_claims():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    claims = np.array([rng.gamma(2.0, size=n).sum() for n in rng.poisson(np.exp(X[:, 0]))])
    params = {"n_members": 1, "max_epochs": 20, "random_state": 0}
    model = PLERegressor(task_types=[("tweedie", 1.4)], **params).fit(X, claims)
    predicted = model.predict(X)
    expected = d2_tweedie_score(claims, predicted, power=1.4)
    assert multitask_scores(model, X, claims)["y"] == pytest.approx(expected)
    assert expected > 0.2
    assert predicted.mean() == pytest.approx(claims.mean(), rel=0.2)
