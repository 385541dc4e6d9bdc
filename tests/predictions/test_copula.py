"""What known labels tell about others: closed forms, integration by draws, simulated tables."""

import numpy as np
import pytest
from latents import draw_labels, make_binary, make_classes, make_correlation, make_number
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from sklearn_ple.predictions.copula import Copula
from sklearn_ple.predictions.margins import FixedMargin, OrderedMargin
from sklearn_ple.predictions.propagation import draw_latents, infer


def test_numbers_follow_the_closed_form_of_normal_variables():
    correlation = make_correlation(0, 4)
    labels = np.array([[0.5, np.nan, -1.0, 0.2], [np.nan, np.nan, 1.0, np.nan], [np.nan] * 4])
    belief, _ = infer(correlation, [make_number(3)] * 4, labels)
    for row, values in enumerate(labels):
        for k in range(4):
            others = np.flatnonzero(np.isfinite(values) & (np.arange(4) != k))
            gain = correlation[k, others] @ np.linalg.pinv(correlation[np.ix_(others, others)])
            mean = gain @ values[others]
            variance = 1 - gain @ correlation[others, k]
            found = [part[row] for part in belief.of_others(k)]
            assert found == pytest.approx([mean, variance], abs=2e-3)


def test_two_classes_follow_the_integrals_of_the_normal_density():
    correlation = make_correlation(1, 3)
    margins = [make_binary(4, p) for p in (0.4, 0.7, 0.2)]
    bounds = [stats.norm.ppf(1 - p) for p in (0.4, 0.7, 0.2)]
    known = [(0, 0), (0, 1), (1, 0), (1, 1)]
    labels = np.array([(*pair, np.nan) for pair in known], dtype=float)
    belief, _ = infer(correlation, margins, labels)
    found = margins[2].expect(*belief.of_others(2))[:, 1]
    for row, pair in enumerate(known):
        # Turn "greater than" into "less than" by the sign of the variable.
        signs = np.array([1 if label == 0 else -1 for label in pair] + [-1])
        law = stats.multivariate_normal(cov=correlation * np.outer(signs, signs))
        both = law.cdf(signs * bounds)
        inner = stats.multivariate_normal(cov=law.cov[:2, :2]).cdf((signs * bounds)[:2])
        assert found[row] == pytest.approx(both / inner, abs=0.015)


def test_mixed_tasks_follow_frequencies_among_draws():
    n, correlation = 600_000, make_correlation(2, 3)
    make = [make_number, make_binary, make_classes]
    latents = np.random.RandomState(0).multivariate_normal(np.zeros(3), correlation, n)
    drawn = draw_labels([m(n) for m in make], latents)
    near = np.abs(drawn[:, 0] - 0.8) < 0.05
    for others in ((0, 1), (0, 2), (1, 2)):
        label = [0.8, 1.0, 2.0]
        rows = np.ones(n, dtype=bool)
        labels = np.full((1, 3), np.nan)
        for k in others:
            labels[0, k] = label[k]
            rows &= near if k == 0 else drawn[:, k] == label[k]
        (target,) = {0, 1, 2} - set(others)
        margins = [m(1) for m in make]
        belief, _ = infer(correlation, margins, labels)
        found, sample = margins[target].expect(*belief.of_others(target))[0], drawn[rows, target]
        expected = sample.mean() if target == 0 else np.bincount(sample.astype(int)) / len(sample)
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_draws_have_the_correlations_and_the_margins():
    correlation = make_correlation(3, 4)
    mean = np.zeros((50_000, 4))
    covariance = np.broadcast_to(correlation, (50_000, 4, 4))
    drawn = next(draw_latents(mean, covariance, np.random.RandomState(0)))
    np.testing.assert_allclose(np.cov(drawn.T), correlation, atol=0.02)


@pytest.fixture(scope="module")
def simulated():
    """Return margins, labels with gaps, and the correlations that they were drawn with."""
    n, correlation = 2000, make_correlation(4, 4)
    margins = [make_number(n), make_number(n), make_binary(n), make_classes(n)]
    rng = np.random.RandomState(1)
    # NumPy's own draws follow from singular vectors, whose signs depend on the version of LAPACK.
    latents = rng.standard_normal((n, 4)) @ np.linalg.cholesky(correlation).T
    labels = draw_labels(margins, latents)
    complete = labels.copy()
    labels[rng.rand(*labels.shape) < 0.3] = np.nan
    return margins, labels, complete, correlation


def test_correlations_are_found_from_labels_with_gaps(simulated):
    margins, labels, complete, correlation = simulated
    learnt = Copula.learn(margins, labels, np.ones_like(labels))
    of_all = Copula.learn(margins, complete, np.ones_like(labels))
    # The order of the classes is found, or its reverse.
    assert learnt.orders[3].tolist() in ([1, 2, 0], [0, 2, 1])
    sign = np.array([1, 1, 1, 1 if learnt.orders[3][0] == 1 else -1])
    found = sign * learnt.correlation * sign[:, np.newaxis]
    np.testing.assert_allclose(found, correlation, atol=0.12)
    assert of_all.orders[3].tolist() in ([1, 2, 0], [0, 2, 1])
    correlation = found
    np.testing.assert_allclose(np.abs(of_all.correlation), np.abs(correlation), atol=0.15)
    assert np.linalg.eigvalsh(learnt.correlation)[0] > 0
    assert (learnt.gains > 0).all()


def test_labels_of_other_rows_tell_nothing(simulated):
    margins, labels, _, _ = simulated
    rng = np.random.RandomState(0)
    shuffled = np.column_stack([rng.permutation(column) for column in labels.T])
    learnt = Copula.learn(margins, shuffled, np.ones_like(labels))
    assert not learnt.gains.any()
    np.testing.assert_array_equal(learnt.correlation, np.eye(4))


def test_rows_of_weight_0_teach_nothing(simulated):
    margins, labels, _, _ = simulated
    weights = np.ones_like(labels)
    weights[1::2] = 1e-12
    few = Copula.learn(margins, labels, weights).correlation
    half = np.arange(0, len(labels), 2)
    alone = Copula.learn([m.take(half) for m in margins], labels[half], weights[half])
    # Other rows are picked for the sample, so that they agree up to chance.
    assert np.abs(few - alone.correlation).mean() < 0.06


def test_tasks_without_known_errors_have_no_part(simulated):
    margins, labels, _, _ = simulated
    fixed = [*margins[:3], FixedMargin(np.zeros(len(labels)))]
    learnt = Copula.learn(fixed, labels, np.ones_like(labels))
    assert learnt.usable.tolist() == [True, True, True, False]
    assert learnt.gains[3] == 0
    np.testing.assert_array_equal(learnt.correlation[3], [0, 0, 0, 1])


def test_one_row_is_enough_for_no_dependence():
    margins = [make_number(1), make_binary(1)]
    learnt = Copula.learn(margins, np.array([[0.3, 1.0]]), np.ones((1, 2)))
    np.testing.assert_array_equal(learnt.correlation, np.eye(2))
    assert not learnt.gains.any()


def test_labels_that_were_thought_impossible_do_no_harm():
    n = 60
    rng = np.random.RandomState(0)
    sure = np.tile([1.0, 0.0, 0.0], (n, 1))
    margins = [make_number(n), OrderedMargin(sure, np.arange(3), is_free=True)]
    margins.append(OrderedMargin(sure[:, :2], np.arange(2)))
    labels = np.column_stack(
        [30 * rng.normal(size=n), rng.randint(3, size=n), rng.randint(2, size=n)]
    )
    learnt = Copula.learn(margins, labels, np.ones_like(labels))
    belief, _ = infer(learnt.correlation, margins, labels)
    assert np.abs(belief.mean).max() < 20
    assert np.abs(belief.others_mean).max() < 20
    assert (belief.others_variance <= 1).all()


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("is_over", "by"), [(lambda: True, "max_time"), (interrupt, "the user")])
def test_without_time_tasks_count_as_independent(simulated, is_over, by):
    margins, labels, _, _ = simulated
    with pytest.warns(ConvergenceWarning, match=f"ended by {by}: .* will not change"):
        learnt = Copula.learn(margins, labels, np.ones_like(labels), is_over)
    np.testing.assert_array_equal(learnt.correlation, np.eye(4))
    assert not learnt.gains.any()
    assert np.isfinite(learnt.errors[:, :2]).all()


def test_the_rounds_end_when_the_time_does(simulated):
    margins, labels, _, _ = simulated
    asked = []

    def is_over():
        asked.append(True)
        return len(asked) > 4

    with pytest.warns(ConvergenceWarning, match="ended by max_time"):
        Copula.learn(margins, labels, np.ones_like(labels), is_over)
    assert len(asked) == 5


@pytest.mark.parametrize("missing", [False, True])
def test_rows_are_inferred_together_as_each_alone(missing):
    correlation, labels = make_correlation(3, 4), np.random.RandomState(0).normal(size=(6, 4))
    if missing:
        labels[1, 2] = labels[4, 0] = np.nan
    together, _ = infer(correlation, [make_number(6)] * 4, labels)
    # Without a missing number, what is not known of a row is the same for all.
    assert len(together.covariance) == (6 if missing else 1)
    covariances = np.broadcast_to(together.covariance, (6, 4, 4))
    for row in range(6):
        alone, _ = infer(correlation, [make_number(1)] * 4, labels[[row]])
        assert_allclose(together.mean[row], alone.mean[0], atol=1e-9)
        assert_allclose(covariances[row], alone.covariance[0], atol=1e-9)
        for k in range(4):
            found, expected = together.of_others(k, [row]), alone.of_others(k)
            assert_allclose(found, expected, atol=1e-9)


def test_few_rounds_find_nearly_the_same_correlations_of_many_tasks(monkeypatch):
    n_rows, n_tasks = 400, 6
    latents = np.random.RandomState(0).multivariate_normal(
        np.zeros(n_tasks), make_correlation(4, n_tasks), n_rows
    )
    margins = [make_number(n_rows)] * n_tasks
    labels = draw_labels(margins, latents)
    labels[np.random.RandomState(1).rand(*labels.shape) < 0.3] = np.nan
    every = Copula.learn(margins, labels, np.ones_like(labels))
    # As with 750 tasks or more.
    monkeypatch.setattr("sklearn_ple.predictions.copula._ROUNDS_OF_TASKS", 0)
    some = Copula.learn(margins, labels, np.ones_like(labels))
    assert not np.array_equal(some.correlation, every.correlation)
    assert_allclose(some.correlation, every.correlation, atol=0.05)
    assert_allclose(some.gains.mean(), every.gains.mean(), rtol=0.05)
