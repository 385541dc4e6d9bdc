"""The seam of balancers: what they are given, and that a user's own trains the network."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.balancing import FAMO, Balancer, Batch, WeightedSum, make_balancer

N = 120
SEEN = []


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.randn(N)])
    y[: N // 2, 0] = np.nan
    return X, y


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


def model(cls=PLEClassifierRegressor, **params):
    defaults = {"n_members": 2, "max_epochs": 3, "batch_size": 20, "random_state": 0}
    return cls(**(defaults | params))


class Spy(WeightedSum):
    """The weighted sum, written down."""

    def start(self, tasks, n_members):
        assert [task.kind for task in tasks] == ["binary", "regression"]
        self.n_members = n_members

    def backward(self, batch):
        assert len(batch.losses) == self.n_members
        SEEN.append((batch.losses.detach().clone(), batch.shares.clone(), batch.again()))
        super().backward(batch)


class Learnt(Balancer):
    """Uncertainty weighting with a learnt number for each task."""

    def start(self, tasks, n_members):
        self.log_variances = nn.Parameter(torch.zeros(len(tasks)))

    def weigh(self, batch):
        return (-self.log_variances).exp().expand_as(batch.losses)

    def backward(self, batch):
        weights = self.weigh(batch)
        (batch.losses * weights + self.log_variances).sum(dim=1).mean().backward()
        return weights.detach()


class FirstTaskAlone(Balancer):
    def weigh(self, batch):
        return torch.tensor([1.0, 0.0]).expand_as(batch.losses)


class Forgetful(Balancer):
    def weigh(self, batch):
        return torch.ones_like(batch.losses)

    def backward(self, batch):
        batch.losses.sum()


def test_the_default_is_the_weighted_sum(table):
    default = model().fit(*table)
    for balancing in ("equal", WeightedSum(), Spy()):
        other = model(balancing=balancing).fit(*table)
        np.testing.assert_array_equal(other.predict(table[0]), default.predict(table[0]))
    assert isinstance(make_balancer("equal", [], 2), WeightedSum)
    assert "balancing_weights" not in default.history_[0]


def test_a_balancer_is_given_weighted_losses_and_zero_without_a_label(table):
    X, y = table
    y = y.copy()
    y[:, 0] = np.where(np.arange(N) < 114, np.nan, X[:, 0] > 0)
    weights = {"task_weights": [1.0, 3.0], "task_weight_decay": [1.0, 0.5]}
    fitted = model(balancing=Spy(), early_stopping=False, **weights).fit(X, y)
    losses, shares, again = (
        torch.stack(part).unflatten(0, (3, -1)) for part in zip(*SEEN, strict=True)
    )
    assert losses.shape[2:] == (2, 2)
    torch.testing.assert_close((losses > 0), shares > 0)
    assert (losses[..., 0] == 0).any() and (losses[..., 0] > 0).any()
    # Labels of the mean weight: every batch has all of the second task's, and over the epoch all.
    torch.testing.assert_close(shares.mean(dim=1), torch.ones(3, 2, 2))
    # Of the same rows, with the same units dropped.
    torch.testing.assert_close(again, losses)
    for epoch, own in zip(fitted.history_, losses, strict=True):
        expected = epoch["task_losses"][1] * 3.0 * 0.5 ** (epoch["epoch"] - 1)
        assert own[..., 1].mean().item() == pytest.approx(expected, rel=1e-5)


def test_members_without_their_folds_have_shares_of_their_own(table):
    model(balancing=Spy(), n_members=4, early_stopping=True).fit(*table)
    losses, shares, _ = map(torch.stack, zip(*SEEN, strict=True))
    assert (shares[:, 0] != shares[:, 1]).any()
    assert torch.equal(losses > 0, shares > 0)


def test_a_task_of_weight_zero_has_no_share(table):
    model(balancing=Spy(), task_weights=[0.0, 1.0], max_epochs=1).fit(*table)
    losses, shares, _ = map(torch.stack, zip(*SEEN, strict=True))
    assert not losses[..., 0].any() and not shares[..., 0].any()
    assert shares[..., 1].all()


def test_weights_that_a_balancer_returns_are_in_the_history(table):
    fitted = model(balancing=FirstTaskAlone()).fit(*table)
    assert [epoch["balancing_weights"] for epoch in fitted.history_] == [[1.0, 0.0]] * 3
    assert all("balancing_weights" not in epoch for epoch in model().fit(*table).history_)


def test_batches_without_a_label_of_a_task_do_not_count_in_its_recorded_weight(table):
    class Halves(Balancer):
        def weigh(self, batch):
            return torch.full_like(batch.losses, 0.5)

    X, y = table
    rare = y.copy()
    rare[:, 0] = np.nan
    # Of six batches, four or five have no label of it.
    rare[:2, 0] = [0.0, 1.0]
    fitted = model(balancing=Halves(), early_stopping=False, max_epochs=1).fit(X, rare)
    assert fitted.history_[0]["balancing_weights"] == [0.5, 0.5]


def test_a_users_own_trains_a_copy_of_itself(table):
    own = Learnt()
    estimator = model(balancing=own, optimizer="adam", learning_rate=0.05)
    fitted = clone(estimator).fit(*table)
    assert not list(own.parameters()) and estimator.balancing is own
    # What it learns is learnt with the network.
    assert fitted.net_.criterion_.log_variances.abs().min() > 0
    assert not np.array_equal(fitted.predict(table[0]), model().fit(*table).predict(table[0]))


def test_what_it_leaves_out_is_not_learnt(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(N, 2)
    options = {"n_shared_experts": 0, "linear_path": False, "numeric_embedding": None}
    options |= {"balancing": FirstTaskAlone(), "max_epochs": 40, "random_state": seed}
    predicted = model(PLERegressor, **options).fit(X, 3 * X).predict(X)
    assert np.corrcoef(predicted[:, 0], X[:, 0])[0, 1] > 0.8
    # Other labels of the second task, of the same mean and deviation, change nothing.
    other = model(PLERegressor, **options).fit(X, 3 * np.column_stack([X[:, 0], X[::-1, 1]]))
    np.testing.assert_allclose(other.predict(X), predicted, rtol=1e-4, atol=1e-5)


def test_no_gradient_flows_through_the_weights():
    class EqualSizes(Balancer):
        def weigh(self, batch):
            return 1 / batch.losses

    losses = torch.tensor([[2.0, 4.0], [0.5, 1.0]], requires_grad=True)
    weights = EqualSizes().backward(Batch(losses, torch.ones(2, 2), lambda: losses))
    torch.testing.assert_close(weights, 1 / losses.detach())
    # The mean over the members counts.
    torch.testing.assert_close(losses.grad, weights / 2)


def test_validation_and_history_use_the_weighted_sum_whatever_balances(table):
    fitted = model(balancing=Learnt(), task_weights=[2.0, 1.0], early_stopping=True).fit(*table)
    for epoch in fitted.history_:
        for part in ("", "valid_"):
            expected = np.dot([2.0, 1.0], epoch[f"{part}task_losses"])
            assert epoch[f"{part}loss"] == pytest.approx(expected, rel=1e-5)


def test_a_balancer_that_cannot_be_copied_is_an_error(table):
    balancer = FAMO()
    balancer.file = memoryview(b"")
    with pytest.raises(TypeError, match="^balancing: cannot pickle memoryview"):
        model(balancing=balancer).fit(*table)


def test_a_balancer_that_does_not_differentiate_is_an_error(table):
    with pytest.raises(ValueError, match="Forgetful.backward left the network without gradients"):
        model(balancing=Forgetful()).fit(*table)


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (None, "NoneType"),
        ([1.0, 0.0], "list"),
        (np.ones((2, 2)), "ndarray and shape .*"),
        (torch.ones(2), r"\(2,\)"),
        (torch.ones(2, 3), r"\(2, 3\)"),
    ],
)
def test_weights_that_are_no_tensor_of_members_and_tasks_are_an_error(weights, found, table):
    class Wrong(Balancer):
        def weigh(self, batch):
            return weights

    message = rf"Wrong.weigh returned .*{found}; expected a tensor of shape \(2, 2\)"
    with pytest.raises(ValueError, match=message):
        model(balancing=Wrong(), n_members=2).fit(*table)


@pytest.mark.parametrize(
    ("weights", "found"), [(torch.ones(5), r"\(5,\)"), (1.0, "float"), (torch.ones(2), r"\(2,\)")]
)
def test_weights_to_record_that_are_not_of_members_and_tasks_are_an_error(weights, found, table):
    class Wrong(FirstTaskAlone):
        def backward(self, batch):
            super().backward(batch)
            return weights

    message = rf"Wrong.backward returned .*{found}; expected a tensor of shape \(2, 2\)"
    with pytest.raises(ValueError, match=message):
        model(balancing=Wrong(), n_members=2).fit(*table)


def test_a_balancer_that_reads_the_representation_must_differentiate_below_it(table):
    class Halfway(FirstTaskAlone):
        reads_representation = True

    message = "Halfway.backward left the network below the towers without gradients: with reads"
    with pytest.raises(ValueError, match=message):
        model(balancing=Halfway()).fit(*table)


@pytest.mark.parametrize("balancing", ["even", None, WeightedSum])
def test_what_is_no_balancer_is_an_error(balancing, table):
    with pytest.raises(ValueError, match="The 'balancing' parameter"):
        model(balancing=balancing).fit(*table)


def test_a_balancer_without_a_step_cannot_be_made():
    class Idle(Balancer):
        pass

    with pytest.raises(TypeError, match="abstract method '?weigh"):
        Idle()


def test_a_warm_start_with_other_options_begins_a_balancer_anew(table):
    class Window(Balancer):
        def __init__(self, size, first=1.0):
            super().__init__()
            self.size, self.first = size, first

        def start(self, tasks, n_members):
            self.register_buffer("past", torch.full((self.size, n_members), self.first))

        def weigh(self, batch):
            self.past += 1
            return torch.ones_like(batch.losses)

    fitted = model(warm_start=True, max_epochs=1).set_params(balancing=Window(2)).fit(*table)
    n_steps = fitted.net_.criterion_.past[0, 0].item() - 1
    for balancer, start in ((Window(2), 1 + n_steps), (Window(3), 1), (Window(3, 9.0), 9)):
        fitted.set_params(balancing=balancer).fit(*table)
        assert fitted.net_.criterion_.past[0, 0].item() == start + n_steps


def test_repr_names_the_options():
    class Scaled(Balancer):
        # A parameter of the balancer has the name of a method, start.
        def __init__(self, scale, start=2):
            super().__init__()
            self.scale = scale

        def weigh(self, batch):
            return self.scale / batch.losses

    assert repr(Scaled(0.5)) == "Scaled(scale=0.5)"
    assert repr(FAMO(decay=0.1)) == "FAMO(learning_rate=0.025, decay=0.1, every=8)"
    assert repr(WeightedSum()) == "WeightedSum()"
    assert "balancing=Scaled(scale=3)" in repr(PLERegressor(balancing=Scaled(3)))
