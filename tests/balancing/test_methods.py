"""What all ways to balance promise, and each beside a naive loop of its paper's equations."""

import sys
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize
from sklearn.model_selection import GridSearchCV

from sklearn_ple import (
    AsymmetricSharingClassifierRegressor,
    PLEClassifierRegressor,
    PLERegressor,
    export,
)
from sklearn_ple.balancing import (
    BALANCERS,
    FAMO,
    GRADIENT_METHODS,
    Batch,
    GradientBalancer,
    Representation,
    UncertaintyWeighting,
    cut_below,
    make_balancer,
)
from sklearn_ple.nn import PLE, SharedBottom
from sklearn_ple.tasks import Binary, Regression, Survival
from sklearn_ple.training.checkpoint import Progress

# How they weigh the tasks does not depend on the size of the losses.
WITHOUT_SIZE = {"geometric", "famo", "imtl_g"}


def named(names):
    """Names as parameters of a test; those that take TorchJD are skipped without it."""
    needs = pytest.mark.skipif(
        "not __import__('importlib.util').util.find_spec('torchjd')", reason="takes TorchJD"
    )
    return [
        pytest.param(name, marks=needs) if name in GRADIENT_METHODS else name for name in names
    ]


ALL = named(BALANCERS)
OF_GRADIENTS = named(GRADIENT_METHODS)
# Equal gradients make the system that these solve singular, so rounding decides on its solution.
SOLVING = {"aligned_mtl", "imtl_g"}


def make(name, n_tasks=3, n_members=1, every=1):
    """A balancer in double precision, for a class task among numbers."""
    own = FAMO(every=every) if name == "famo" else name
    kinds = [{"has_classes": k == 1, "censored": False} for k in range(n_tasks)]
    tasks = [SimpleNamespace(name=f"y{k}", **own) for k, own in enumerate(kinds)]
    balancer = make_balancer(own, tasks, n_members).double()
    balancer.begin_epoch()
    return balancer


def step(balancer, gradients, values=None, labelled=None, after=None):
    """Take a step with losses of given values and gradients; return weights and the step.

    All tasks read one representation, of members on the first axis: its gradient is the step.
    """
    gradients = torch.as_tensor(gradients, dtype=torch.float64)
    n_members, n_tasks, n = gradients.shape
    values = torch.ones(n_members, n_tasks) if values is None else torch.as_tensor(values)
    labelled = torch.ones_like(values) if labelled is None else torch.as_tensor(labelled)
    shared = torch.zeros(n_members, n, dtype=torch.float64, requires_grad=True)
    read = shared.repeat_interleave(n_tasks, dim=0).unsqueeze(1)
    reads = balancer.reads_representation
    cut = Representation(read, n_members, False, range(n_tasks)) if reads else None
    by_task = (read if cut is None else cut.above).view(n_members, n_tasks, n)
    losses = (values.double() + (gradients * by_task).sum(dim=2)) * labelled
    batch = Batch(losses, labelled.double(), lambda: after * labelled, cut)
    weights = balancer.backward(batch)
    if after is not None:
        balancer.after_step(batch)
    return weights, shared.grad * n_members


@pytest.fixture
def conflict(seed):
    """Gradients of three tasks, of which two conflict, whatever the order; of two members."""
    rng = np.random.RandomState(seed)
    # Where two are nearly opposite, methods that solve for weights lose digits.
    angles = np.cumsum(np.deg2rad(rng.uniform([0, 100], [360, 140], (2, 2))), axis=1)
    gradients = np.zeros((2, 3, 5))
    gradients[:, :2, :2] = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    gradients[:, 2, 2:] = direction(torch.from_numpy(rng.randn(2, 3)))
    return gradients * rng.uniform(0.7, 1.4, (2, 3, 1))


def direction(vectors):
    return vectors / vectors.norm(dim=-1, keepdim=True)


# -- what all promise -------------------------------------------------------------------------


@pytest.mark.parametrize("name", named([name for name in BALANCERS if name != "uncertainty"]))
def test_one_task_is_plain_training(name, conflict):
    balancer = make(name, 1, 2)
    for scale in (1.0, 7.0):
        alone = scale * conflict[:, :1]
        _, found = step(balancer, alone, [[scale], [2 * scale]], after=torch.full((2, 1), scale))
        np.testing.assert_allclose(found, alone[:, 0], rtol=1e-6)


@pytest.mark.parametrize("name", named([name for name in BALANCERS if name not in SOLVING]))
def test_equal_tasks_are_treated_alike(name, conflict):
    balancer = make(name, 3, 2)
    if name == "uncertainty":
        balancer.factors.fill_(1.0)
    alike = np.repeat(conflict[:, :1], 3, axis=1)
    values = torch.tensor([[2.0] * 3, [0.3] * 3])
    for _ in range(3):
        balancer.begin_epoch()
        weights, _ = step(balancer, alike, values, after=values / 2)
        weights = torch.ones(2, 3) if weights is None else weights
        np.testing.assert_allclose(weights, weights[:, :1].expand(-1, 3), rtol=1e-5)
        values = values / 2


@pytest.mark.parametrize("name", ALL)
def test_permuting_tasks_permutes_weights(name, conflict, seed):
    order = [2, 0, 1]
    values = torch.from_numpy(np.random.RandomState(seed).uniform(0.1, 2, (4, 2, 3)))
    balancers = make(name, 3, 2), make(name, 3, 2)
    if name == "uncertainty":
        balancers[1].factors.copy_(balancers[0].factors[order])
    for now, after in pairwise(values):
        steps = []
        for balancer, places in zip(balancers, ([0, 1, 2], order), strict=True):
            balancer.begin_epoch()
            parts = conflict[:, places], now[:, places]
            steps.append(step(balancer, *parts, after=after[:, places]))
            descend(balancer)
        (weights, found), (permuted, other) = steps
        np.testing.assert_allclose(found, other, rtol=1e-5, atol=1e-6)
        if weights is not None:
            np.testing.assert_allclose(weights[:, order], permuted, rtol=1e-5, atol=1e-6)


def descend(balancer, rate=0.1):
    """What a balancer learns follows its gradient."""
    with torch.no_grad():
        for parameter in balancer.parameters():
            parameter -= rate * parameter.grad
            parameter.grad = None


@pytest.mark.parametrize("name", ALL)
def test_members_are_balanced_apart(name, conflict, seed):
    values = torch.from_numpy(np.random.RandomState(seed).uniform(0.1, 2, (4, 2, 3)))
    together, apart = make(name, 3, 2), [make(name, 3, 1) for _ in range(2)]
    for now, after in pairwise(values):
        together.begin_epoch()
        _, found = step(together, conflict, now, after=after)
        for member, balancer in enumerate(apart):
            own = slice(member, member + 1)
            balancer.begin_epoch()
            _, alone = step(balancer, conflict[own], now[own], after=after[own])
            np.testing.assert_allclose(found[own], alone, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_a_task_without_a_label_is_left_out(name, conflict):
    # The product of the first two is not 1, so that their geometric mean is not that of all.
    values = torch.tensor([[0.5, 3.0, 2.0]] * 2)
    there = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    _, found = step(make(name, 3, 2), conflict, values, there)
    _, two = step(make(name, 2, 1), conflict[:1, :2], values[:1, :2])
    _, three = step(make(name, 3, 1), conflict[1:], values[1:])
    np.testing.assert_allclose(found, torch.cat([two, three]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_a_task_whose_gradient_is_zero_is_left_out(name, conflict):
    _, found = step(make(name, 3, 2), conflict * np.array([1.0, 1.0, 0.0])[:, None])
    _, two = step(make(name, 2, 2), conflict[:, :2])
    np.testing.assert_allclose(found, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["uncertainty", "famo"])
def test_a_task_without_a_label_keeps_its_weight(name, conflict):
    balancer = make(name, 3, 2)
    optimizer = torch.optim.Adam(balancer.parameters(), 0.1) if name == "uncertainty" else None
    labels = torch.ones(2, 3), torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])

    names = {"uncertainty": "kept", "famo": "xi"}
    missing, states = [False, True, True, False, False], []
    for none in missing:
        values = torch.tensor([[0.5, 2.0, 3.0]] * 2)
        after = values * torch.tensor([0.5, 0.6, 0.9])
        step(balancer, conflict, values, labels[none], after=after)
        states.append(getattr(balancer, names[name]).clone())
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad()
    # What uncertainty weighting keeps is what it had in the step, FAMO what it has next.
    before = 0 if name == "uncertainty" else 1
    for i, none in enumerate(missing[before : len(missing) - 1 + before], start=before):
        now, then = states[i + 1 - before], states[i - before]
        assert (now[0, 1] == then[0, 1]) == none
        assert (now[1] != then[1]).all()


@pytest.mark.parametrize("name", named(sorted(WITHOUT_SIZE)))
def test_a_thousand_times_a_loss_changes_nothing(name, conflict):
    factors = np.array([1.0, 1000.0, 1e-3])
    values = torch.tensor([[0.5, 2.0, 3.0]] * 2).double()
    _, found = step(make(name, 3, 2), conflict, values)
    _, scaled = step(
        make(name, 3, 2), conflict * factors[:, None], values * torch.from_numpy(factors)
    )
    np.testing.assert_allclose(direction(found), direction(scaled), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_extreme_losses_have_finite_weights(name, conflict):
    cases = [([0.0, 1.0, 1.0], 1.0), ([1e-38, 1.0, 1e30], [1e-25, 1.0, 1e25]), ([0.0] * 3, 0.0)]
    cases += [([1.0] * 3, [1.0, -1.0, 0.0])]
    for values, factors in cases:
        balancer = make(name, 3, 2)
        gradients = conflict * np.reshape(factors, (-1, 1)) * np.ones((3, 1))
        if factors == [1.0, -1.0, 0.0]:
            gradients = np.repeat(conflict[:, :1], 3, axis=1) * np.reshape(factors, (3, 1))
        values = torch.tensor([values] * 2).double()
        for _ in range(2):
            balancer.begin_epoch()
            weights, found = step(balancer, gradients, values, after=values * 0.5)
            assert found.isfinite().all()
            assert weights is None or weights.isfinite().all()


@pytest.mark.parametrize("name", named(["aligned_mtl", "imtl_g"]))
def test_weights_of_a_loss_that_is_not_finite_leave_it_to_end_training(name, conflict):
    weights, _ = step(make(name, 3, 2), conflict * np.array([np.nan, 1, 1])[:, None])
    assert (weights == 1).all()
    # Members apart: the other one is balanced as ever.
    expected, _ = step(make(name, 3, 2), conflict)
    # In float32 the first one's gradients are infinite.
    weights, _ = step(make(name, 3, 2), conflict * np.array([[[1e300]], [[1.0]]]))
    assert (weights[0] == 1).all()
    np.testing.assert_allclose(weights[1], expected[1], atol=2e-5)


# -- each beside its paper's equations --------------------------------------------------------


def test_uncertainty_weighting_is_kendalls(conflict):
    balancer, values = make("uncertainty", 2), torch.tensor([[0.7, 3.0]])
    logs = np.zeros(2)
    for _ in range(5):
        weights, _ = step(balancer, conflict[:1, :2], values, [[1.0, 0.5]])
        descend(balancer)
        # L / (2 s^2) + log s of the number, L / s^2 + log s of the classes: a term a label.
        scale = np.exp(logs / 2)
        np.testing.assert_allclose(weights[0], [0.5, 1] / scale**2, rtol=1e-6)
        number = -0.7 / (2 * scale[0] ** 2) + 1 / 2
        classes = -0.5 * 3.0 / scale[1] ** 2 + 0.5 / 2
        logs = logs - 0.1 * np.array([number, classes])


def test_uncertainty_weighting_halves_only_losses_of_uncensored_numbers():
    balancer = UncertaintyWeighting()
    balancer.start([Regression(), Binary(), Survival()], n_members=1)
    losses, shares = torch.ones(1, 3, requires_grad=True), torch.ones(1, 3)
    weights = balancer.backward(Batch(losses, shares, lambda: losses, None))
    assert weights.tolist() == [[0.5, 1.0, 1.0]]


def test_famo_follows_the_fall_of_the_logarithms(conflict):
    balancer, rng = make("famo"), np.random.RandomState(0)
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.025, weight_decay=1e-3)
    for _ in range(20):
        before, after = torch.from_numpy(rng.uniform(0.1, 2, (2, 3)))
        weights, _ = step(balancer, conflict[:1], before[None], after=after[None])
        shares = logits.softmax(dim=0)
        expected = shares / before / (shares / before).sum() * 3
        np.testing.assert_allclose(weights[0], expected.detach(), rtol=1e-6)
        adam.zero_grad()
        (shares * (before.log() - after.log())).sum().backward()
        adam.step()
    assert (logits.detach().abs() > 0.01).all()


def test_famo_is_updated_in_every_few_steps(conflict):
    balancer = make("famo", every=3)
    seen = []
    for _ in range(6):
        step(balancer, conflict[:1], torch.ones(1, 3), after=torch.tensor([[0.9, 0.5, 0.7]]))
        seen.append(balancer.n_updates[0, 0].item())
    assert seen == [1, 1, 1, 2, 2, 2]
    for n_updates in (3, 4):
        # The first step of an epoch updates them too.
        balancer.begin_epoch()
        step(balancer, conflict[:1], torch.ones(1, 3), after=torch.ones(1, 3))
        assert balancer.n_updates[0, 0] == n_updates


def test_famo_forgets_a_step_after_which_a_loss_is_not_finite(conflict):
    balancer = make("famo", every=1)
    for last in (0.5, np.inf, 0.5):
        step(balancer, conflict[:1], torch.ones(1, 3), after=torch.tensor([[0.9, 0.7, last]]))
    assert balancer.xi.isfinite().all() and (balancer.n_updates == 2).all()


def test_the_geometric_mean_is_differentiated(conflict):
    values = torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64, requires_grad=True)
    (3 * values.prod() ** (1 / 3)).backward()
    weights, _ = step(make("geometric"), conflict[:1], values.detach()[None])
    np.testing.assert_allclose(weights[0], values.grad, rtol=1e-6)


def aligned_mtl(J):
    """Scale the gradients' principal components to the length of the shortest."""
    left, lengths, right = np.linalg.svd(J, full_matrices=False)
    return len(J) * lengths.min() * ((left @ right).sum(axis=0) / len(J))


def imtl_g(J):
    """Solve for weights, of sum one, by which the step's projections are alike."""
    units = J / np.linalg.norm(J, axis=1, keepdims=True)
    D, U = J[0] - J[1:], units[0] - units[1:]
    others = J[0] @ U.T @ np.linalg.inv(D @ U.T)
    weights = np.append(1 - others.sum(), others)
    return len(J) * weights @ J


NAIVE = [aligned_mtl, imtl_g]


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_gradient_methods_are_those_of_their_papers(name, conflict):
    (naive,) = [own for own in NAIVE if own.__name__ == name]
    _, found = step(make(name, 3, 2), conflict)
    expected = np.stack([naive(J) for J in conflict])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-6)


def test_an_aggregator_of_torchjd_takes_the_step_of_its_own_method(conflict):
    aggregation = pytest.importorskip("torchjd.aggregation")
    _, found = step(make(aggregation.MGDA(), 3, 2), conflict)
    # The shortest weighted mean of the gradients.
    for J, own in zip(conflict, found, strict=True):
        options = {"bounds": [(0, 1)] * 3, "constraints": LinearConstraint(np.ones(3), 1, 1)}
        weights = minimize(lambda w, J=J: ((w @ J) ** 2).sum(), np.ones(3) / 3, **options).x
        np.testing.assert_allclose(own, weights @ J, atol=1e-2)


# -- where gradients meet ---------------------------------------------------------------------


def make_shared(*args, **options):
    """Make a network whose tasks all read the same expert."""
    return PLE(*args, n_specific_experts=0, tower_hidden_units=(), **options)


@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.parametrize("make_body", [SharedBottom, PLE, make_shared])
def test_gradients_below_the_towers_are_weighed(make_body, dependent, seed):
    torch.manual_seed(seed)
    bodies = [make_body(4, [1, 1], n_members=2).double() for _ in range(2)]
    bodies[1].load_state_dict(bodies[0].state_dict())
    inputs = torch.randn(2, 10, 4, dtype=torch.float64)

    def losses_of(body):
        outputs = body(inputs)
        if dependent:
            outputs = torch.stack([outputs[..., 0], outputs.sum(dim=-1)], dim=-1)
        return ((outputs - torch.tensor([1.0, -2.0])) ** 2).mean(dim=1)

    pytest.importorskip("torchjd")
    balancer = make("imtl_g", 2, 2)
    with cut_below(bodies[0].towers, 2, dependent, range(2)) as cuts:
        losses = losses_of(bodies[0])
    weights = balancer.backward(Batch(losses, torch.ones(2, 2), None, *cuts))
    assert (weights - 1).abs().max() > 1e-3
    losses = losses_of(bodies[1])
    towers = list(bodies[1].towers.parameters())
    below = [p for p in bodies[1].parameters() if not any(p is own for own in towers)]
    plain = torch.autograd.grad(losses.sum(1).mean(), towers, retain_graph=True)
    weighed = torch.autograd.grad((weights * losses).sum(1).mean(), below)
    expected = dict(zip([*towers, *below], [*plain, *weighed], strict=True))
    for found, twin in zip(bodies[0].parameters(), bodies[1].parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected[twin])


def test_representations_of_several_widths_are_an_error():
    parts = [torch.zeros(1, 3, width) for width in (2, 4)]
    with pytest.raises(ValueError, match="several widths"):
        Representation(parts, 1, False, range(2)).gradients(torch.zeros(1, 2))


@pytest.mark.parametrize("name", ["geometric", "famo"])
def test_negative_losses_have_no_logarithm(name, conflict):
    balancer = make(name, 3, 2)
    values = torch.tensor([[0.5, -1e-9, 3.0]] * 2).double()
    for lowest in (-1e-9, -0.1, -1e-9):
        values[1, 1] = lowest
        step(balancer, conflict, values, after=values)
    with pytest.raises(ValueError, match=r"\['y1'\] are negative.*add a constant"):
        balancer.begin_epoch()
    step(balancer, conflict, values.abs(), after=values)
    balancer.begin_epoch()


# -- in an estimator --------------------------------------------------------------------------


def test_asymmetric_sharing_takes_gradients_with_a_fusion_of_one_width():
    pytest.importorskip("torchjd")
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = AsymmetricSharingClassifierRegressor(
        balancing="imtl_g", n_members=1, max_epochs=1, random_state=0
    )
    with pytest.raises(ValueError, match='several widths: .* fusion="sum" or fusion="average"'):
        model.fit(X, X[:, :2])
    for fusion in ("sum", "average"):
        assert len(model.set_params(fusion=fusion).fit(X, X[:, :2]).history_) == 1


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = rng.randn(80, 3)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.randn(80)])
    y[:20, 0] = np.nan
    return X, y


def model(balancing, **params):
    defaults = {"n_members": 1, "max_epochs": 4, "batch_size": 20, "random_state": 0}
    defaults |= {"early_stopping": False}
    return PLEClassifierRegressor(balancing=balancing, **(defaults | params))


@pytest.mark.parametrize("name", ["uncertainty", "famo"])
def test_a_fit_that_is_broken_off_goes_on_as_it_was(name, table, tmp_path, monkeypatch):
    whole = model(name).fit(*table)
    write = Progress._write

    def broken(progress, net):
        write(progress, net)
        if progress.n_epochs == 3:
            raise RuntimeError("broken off")

    monkeypatch.setattr(Progress, "_write", broken)
    with pytest.raises(RuntimeError, match="broken off"):
        model(name, checkpoint_dir=tmp_path).fit(*table)
    monkeypatch.undo()
    again = model(name, checkpoint_dir=tmp_path).fit(*table)
    for part in ("balancing_weights", "task_losses"):
        assert [e[part] for e in again.history_] == [e[part] for e in whole.history_]
    assert len(again.history_) == 4


@pytest.mark.parametrize("name", ["uncertainty", "famo"])
def test_warm_start_goes_on_with_what_was_learnt(name, table):
    fitted = model(name, warm_start=True, max_epochs=3).fit(*table)
    before = {n: part.clone() for n, part in fitted.net_.criterion_.state_dict().items()}
    fitted.set_params(max_epochs=1, learning_rate=1e-9).fit(*table)
    after = fitted.net_.criterion_.state_dict()
    kept = {"uncertainty": "log_variances", "famo": "n_updates"}[name]
    assert (before[kept] != 0).any()
    if name == "uncertainty":
        torch.testing.assert_close(after[kept], before[kept], atol=1e-6, rtol=0)
    else:
        assert (after[kept] > before[kept]).all()
    # Another way to balance starts anew.
    fitted.set_params(balancing="equal").fit(*table)


def test_searches_take_names_and_objects(table):
    pytest.importorskip("torchjd")
    X, y = table[0], np.column_stack([table[0][:, 0], table[1][:, 1]])
    choices = ["equal", "uncertainty", FAMO(every=1), GradientBalancer("imtl_g")]
    estimator = PLERegressor(n_members=1, max_epochs=1)
    search = GridSearchCV(estimator, {"balancing": choices}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("balancing", ["famo", FAMO(every=2), GradientBalancer("imtl_g")])
def test_balanced_models_are_saved(balancing, table, tmp_path):
    if isinstance(balancing, GradientBalancer):
        pytest.importorskip("torchjd")
    fitted = model(balancing, max_epochs=1).fit(*table)
    export.save(fitted, tmp_path / "model.safetensors")
    twin = export.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(twin.predict(table[0]), fitted.predict(table[0]))
    twin.partial_fit(*table)


@pytest.mark.parametrize("name", sorted(GRADIENT_METHODS))
def test_torchjd_is_asked_for_by_its_extra(name, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(ImportError, match=rf"'{name}'.*sklearn-ple\[balancing\]"):
        model(name, max_epochs=1).fit(*table)


def test_aggregators_of_torchjd_are_taken(table):
    aggregation = pytest.importorskip("torchjd.aggregation")
    by_name = model("imtl_g", max_epochs=2).fit(*table)
    by_object = model(aggregation.IMTLG(), max_epochs=2).fit(*table)
    weights, half = (m.history_[1]["balancing_weights"] for m in (by_name, by_object))
    # A name's weights are those of a sum, TorchJD's those of a mean.
    np.testing.assert_allclose(np.divide(weights, half), 2.0, rtol=0.1)
    fitted = model(aggregation.PCGrad(), max_epochs=1, n_members=2).fit(*table)
    assert np.isfinite(fitted.history_[0]["balancing_weights"]).all()
    X, y = table
    with pytest.raises(ValueError, match="The 'balancing' parameter"):
        model(aggregation.ConFIG()).fit(X, y)


@pytest.mark.parametrize("n", [2, 3])
def test_preferences_of_an_aggregator_are_an_error(n, table):
    aggregation = pytest.importorskip("torchjd.aggregation")
    aggregator = aggregation.AlignedMTL(pref_vector=torch.ones(n))
    message = r"labels of 1 of the tasks \['y0', 'y1'\].* task_weights"
    with pytest.raises(ValueError, match=message):
        model(aggregator).fit(*table)


@pytest.mark.parametrize("value", [0, -1, "a", np.nan, np.inf, None])
def test_options_of_no_use_are_errors(value, table):
    for name in ("learning_rate", "every"):
        with pytest.raises(
            ValueError, match=f"{name}.* must be .*{value!r}|{name}={value!r} must be"
        ):
            model(FAMO(**{name: value})).fit(*table)


@pytest.mark.parametrize("name", sorted(WITHOUT_SIZE))
def test_task_weights_without_effect_are_told(name, table, recwarn):
    if name in GRADIENT_METHODS:
        pytest.importorskip("torchjd")
    for weights in (None, [2.0, 2.0], [0.0, 2.0]):
        model(name, task_weights=weights, max_epochs=1).fit(*table)
    assert not recwarn.list
    message = f"task_weights have next to no effect with balancing='{name}'"
    with pytest.warns(UserWarning, match=message):
        model(name, task_weights={"y0": 2.0}, max_epochs=1).fit(*table)


@pytest.mark.parametrize("name", named(sorted(set(BALANCERS) - WITHOUT_SIZE)))
def test_task_weights_with_effect_are_not_told(name, table, recwarn):
    model(name, task_weights={"y0": 2.0}, max_epochs=1).fit(*table)
    assert not recwarn.list


def test_famo_takes_whole_steps_and_no_negative_decay(table):
    with pytest.raises(ValueError, match="'every' parameter of FAMO must be .* Got True"):
        model(FAMO(every=True)).fit(*table)
    with pytest.raises(ValueError, match="'decay' parameter of FAMO must be .* Got -0.1"):
        model(FAMO(decay=-0.1)).fit(*table)
    model(FAMO(np.float32(0.1), decay=0, every=np.int64(1))).fit(*table)


def test_an_unknown_name_is_told_which_there_are(table):
    with pytest.raises(ValueError, match=r"(?=.*'famo')(?=.*'imtl_g').*'gradnorm'"):
        model("gradnorm").fit(*table)
    for method in ("gradnorm", 3):
        with pytest.raises(ValueError, match="does not weigh gradients: it must be one of"):
            model(GradientBalancer(method)).fit(*table)
