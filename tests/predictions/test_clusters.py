"""Clusters of tasks: what they hold, and that they agree with a dense computation."""

import numpy as np
import pytest
from latents import draw_labels, make_binary, make_classes, make_correlation, make_number

from sklearn_ple.predictions.clusters import choose_clusters, find_clusters
from sklearn_ple.predictions.copula import Copula
from sklearn_ple.predictions.propagation import infer, infer_clusters


def make_scattered(seed=0, sizes=(3, 4, 1)):
    """Return a correlation matrix of clusters whose tasks are in a random order, and these."""
    order = np.random.RandomState(seed).permutation(sum(sizes))
    clusters = np.split(order, np.cumsum(sizes)[:-1])
    correlation = np.eye(len(order))
    for tasks in clusters:
        correlation[np.ix_(tasks, tasks)] = make_correlation(seed, len(tasks))
    return correlation, clusters


def sort_clusters(clusters):
    return sorted(sorted(map(int, tasks)) for tasks in clusters)


@pytest.mark.parametrize("seed", range(5))
def test_clusters_are_found_again_from_the_correlations(seed):
    correlation, clusters = make_scattered(seed, (3, 4, 1, 1, 6))
    assert sort_clusters(find_clusters(correlation)) == sort_clusters(clusters)


@pytest.mark.parametrize("seed", range(5))
def test_tasks_that_depend_on_each_other_come_into_one_cluster(seed):
    rng = np.random.RandomState(seed)
    sizes = [5, 8, 3, 7, 2]
    order = rng.permutation(sum(sizes))
    groups = np.split(order, np.cumsum(sizes)[:-1])
    values = rng.normal(size=(400, len(order)))
    for tasks in groups:
        values[:, tasks] += 2 * rng.normal(size=(400, 1)) * rng.choice([-1, 1], len(tasks))
    surprises = [column[:, np.newaxis] for column in values.T]
    # The fourth task has classes; one of its columns goes with its group.
    surprises[3] = np.hstack([rng.normal(size=(400, 2)), surprises[3]])
    found = choose_clusters(surprises, most=8)
    assert sort_clusters([np.concatenate(found)]) == [list(range(len(order)))]
    assert max(map(len, found)) <= 8
    for tasks in groups:
        assert any(set(tasks) <= set(cluster) for cluster in found)


def test_few_tasks_are_one_cluster():
    surprises = list(np.random.RandomState(0).normal(size=(6, 30, 1)))
    assert sort_clusters(choose_clusters(surprises)) == [list(range(6))]


def test_tasks_without_labels_stay_alone():
    surprises = list(np.random.RandomState(0).normal(size=(6, 30, 1)))
    surprises[2] = np.zeros((30, 1))
    found = choose_clusters(surprises, most=4)
    assert [2] in sort_clusters(found)
    assert sorted(np.concatenate(found)) == list(range(6))


@pytest.mark.parametrize("seed", range(3))
def test_what_follows_is_that_of_a_dense_computation(seed, monkeypatch):
    # Several blocks of rows.
    monkeypatch.setattr("sklearn_ple.predictions.propagation._BLOCK", 150)
    correlation, _ = make_scattered(seed)
    n, rng = 50, np.random.RandomState(seed)
    margins = [m(n) for m in [make_number, make_binary, make_classes, make_binary] * 2]
    labels = draw_labels(margins, rng.multivariate_normal(np.zeros(8), correlation, n))
    labels[rng.rand(*labels.shape) < 0.5] = np.nan
    dense, _ = infer(correlation, margins, labels)
    mean, others = np.full((n, 8), np.nan), np.full((2, n, 8), np.nan)
    for rows, tasks, belief in infer_clusters(correlation, margins, labels):
        mean[rows, tasks] = belief.mean
        others[:, rows, tasks] = belief.others_mean, belief.others_variance
        covariance = dense.covariance[rows][:, tasks][:, :, tasks]
        np.testing.assert_allclose(
            np.broadcast_to(belief.covariance, covariance.shape), covariance, atol=5e-3
        )
    # Sweeps end by the greatest change of any task of the row.
    np.testing.assert_allclose(mean, dense.mean, atol=5e-3)
    np.testing.assert_allclose(others, [dense.others_mean, dense.others_variance], atol=5e-3)


def test_many_tasks_depend_within_clusters_and_gain():
    n, n_tasks, rng = 400, 120, np.random.RandomState(0)
    correlation, groups = make_scattered(0, (30,) * 4)
    margins = [make_number(n)] * n_tasks
    labels = draw_labels(margins, rng.multivariate_normal(np.zeros(n_tasks), correlation, n))
    labels[rng.rand(*labels.shape) < 0.3] = np.nan
    learnt = Copula.learn(margins, labels, np.ones_like(labels))
    assert max(map(len, find_clusters(learnt.correlation))) <= 64
    assert (learnt.gains > 0).all()
    assert np.isfinite(learnt.errors).all()
    for tasks in groups:
        (cluster,) = (c for c in find_clusters(learnt.correlation) if set(tasks) <= set(c))
        within = np.ix_(tasks, tasks)
        shrunk = correlation[within] * n / (n + 2 * len(cluster))
        np.fill_diagonal(shrunk, 1)
        assert np.abs(learnt.correlation[within] - shrunk).mean() < 0.06


def test_many_independent_tasks_do_not_gain():
    n, n_tasks = 300, 100
    margins = [make_number(n)] * n_tasks
    labels = np.random.RandomState(0).normal(size=(n, n_tasks))
    learnt = Copula.learn(margins, labels, np.ones_like(labels))
    assert not learnt.gains.any()
    np.testing.assert_array_equal(learnt.correlation, np.eye(n_tasks))
