"""Search spaces: valid in any combination, and the same for scikit-learn and Optuna."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from makers import make_body
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV

import sklearn_ple
from sklearn_ple import (
    CGCClassifierRegressor,
    CrossStitchClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    SluiceClassifierRegressor,
)

CLASSES = [getattr(sklearn_ple, name) for name in sklearn_ple.__all__ if name[0].isupper()]
SHARED = {
    "learning_rate",
    "dropout",
    "feature_dropout",
    "clip_numbers",
    "numeric_embedding",
    "tower_hidden_units",
}


class FakeTrial:
    """Suggests at random, as far as Optuna allows it."""

    def __init__(self, seed):
        self.rng = np.random.RandomState(seed)
        self.asked = {}

    def _once(self, name, value):
        assert name not in self.asked
        self.asked[name] = value
        return value

    def suggest_float(self, name, low, high, *, step=None, log=False):
        value = np.exp(self.rng.uniform(*np.log([low, high]))) if log else None
        return self._once(name, float(self.rng.uniform(low, high) if value is None else value))

    def suggest_int(self, name, low, high, *, step=1, log=False):
        return self._once(name, int(self.rng.randint(low, high + 1)))

    def suggest_categorical(self, name, choices):
        assert all(c is None or isinstance(c, (bool, int, float, str)) for c in choices)
        return self._once(name, choices[self.rng.randint(len(choices))])


def check(cls, point):
    """Validate parameters as fit does, and make the network without its numbers."""
    estimator = clone(cls(n_members=1, **point))
    estimator._validate_params()
    all_classes = cls.__name__ == "ESMMClassifier"
    tasks = [
        SimpleNamespace(name=name, n_outputs=n, has_classes=n > 1 or all_classes, added=False)
        for name, n in (("a", 1), ("b", 3))
    ]
    with torch.device("meta"):
        network = make_body(estimator, 7, tasks)
        assert network(torch.zeros(2, 7)).shape == (2, 4)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_point_is_valid(cls):
    for point in ParameterSampler(cls.search_space(), 3, random_state=0):
        check(cls, point)
    suggest, trial = cls.search_space("optuna"), FakeTrial(0)
    point = suggest(trial)
    assert list(point) == list(trial.asked) == list(cls.search_space())
    check(cls, point)


@pytest.mark.parametrize("cls", CLASSES)
def test_both_search_the_same_values(cls, seed):
    suggest, space = cls.search_space("optuna"), cls.search_space()
    suggested = [suggest(FakeTrial([number, seed])) for number in range(300)]
    for name, values in space.items():
        ours = [point[name] for point in suggested]
        if isinstance(values, list):
            assert set(ours) == set(values)
        else:
            low, high = values.support()
            assert low <= min(ours) and max(ours) <= high
            drawn = values.rvs(300, random_state=seed)
            # There are some hundred comparisons, of which none may fail by chance.
            assert stats.ks_2samp(ours, drawn).pvalue > 1e-7


def test_parameters_are_those_that_the_class_has():
    assert SHARED | {"bottom_hidden_units"} == set(SharedBottomClassifierRegressor.search_space())
    cgc = {"n_shared_experts", "n_specific_experts", "expert_hidden_units", "specific_share"}
    assert SHARED | cgc == set(CGCClassifierRegressor.search_space())
    assert SHARED | cgc | {"n_levels"} == set(PLEClassifierRegressor.search_space())
    stitch = {"hidden_units", "by_channel", "stitch_rate_factor"}
    assert SHARED | stitch == set(CrossStitchClassifierRegressor.search_space())
    sluice = {"hidden_units", "n_subspaces", "orthogonality", "mixing_rate_factor"}
    assert SHARED | sluice == set(SluiceClassifierRegressor.search_space())


def test_ends_and_scales(seed):
    space = PLEClassifierRegressor.search_space()
    rates = space["learning_rate"].rvs(20_000, random_state=seed)
    assert 3e-4 <= rates.min() < 3.3e-4 and 9e-3 < rates.max() <= 1e-2
    # Evenly on the logarithm's scale, on which the median's deviation is .012.
    np.testing.assert_allclose(np.median(rates), np.sqrt(3e-4 * 1e-2), rtol=0.1)
    assert set(space["n_levels"].rvs(200, random_state=seed)) == {1, 2, 3}
    dropout = space["dropout"].rvs(2000, random_state=seed)
    np.testing.assert_allclose([dropout.min(), dropout.max()], [0, 0.5], atol=0.01)


def test_a_space_is_the_callers_own():
    PLEClassifierRegressor.search_space()["numeric_embedding"].clear()
    assert PLEClassifierRegressor.search_space()["numeric_embedding"]


def test_a_random_search_takes_it():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 3)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] * 3.5])
    search = RandomizedSearchCV(
        PLEClassifierRegressor(n_members=1, max_epochs=1, random_state=0),
        PLEClassifierRegressor.search_space(),
        n_iter=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert set(search.best_params_) == set(PLEClassifierRegressor.search_space())


def test_the_best_trial_of_optuna_has_the_best_parameters():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    suggest = PLEClassifierRegressor.search_space("optuna")
    points = []

    def objective(trial):
        points.append(suggest(trial))
        return points[-1]["dropout"]

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=5)
    assert suggest(study.best_trial) == min(points, key=lambda point: point["dropout"])


def test_another_backend_is_refused():
    with pytest.raises(ValueError, match="'backend' parameter .* Got 'hyperopt'"):
        PLEClassifierRegressor.search_space("hyperopt")
