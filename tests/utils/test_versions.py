"""What is said when a model comes from other versions."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

from sklearn_ple import PLERegressor, predictor
from sklearn_ple.utils import versions

X = np.random.default_rng(0).normal(size=(40, 2))


@pytest.fixture(scope="module")
def model():
    return PLERegressor(n_members=1, max_epochs=1, random_state=0).fit(X, X[:, 0])


def test_the_same_versions_say_nothing(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = pickle.loads(pickle.dumps(model))
        copy.deepcopy(model), clone(model)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert vars(other).keys() == vars(model).keys()


@pytest.mark.parametrize("package", ["sklearn-ple", "scikit-learn", "torch"])
@pytest.mark.parametrize("fitted", [True, False])
def test_another_version_is_named(model, monkeypatch, package, fitted):
    now = versions.versions()
    monkeypatch.setattr(predictor, "versions", lambda: now | {package: "0.0.7"})
    written = pickle.dumps(model if fitted else clone(model))
    monkeypatch.undo()
    message = f"PLERegressor was saved with {package} 0.0.7 (now {now[package]}): "
    with pytest.warns(InconsistentVersionWarning, match=re.escape(message)) as caught:
        other = pickle.loads(written)
    assert len(caught) == 1
    warning = caught[0].message
    assert (warning.estimator_name, warning.original_sklearn_version) == (
        "PLERegressor",
        "0.0.7" if package == "scikit-learn" else now["scikit-learn"],
    )
    if fitted:
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_all_versions_that_differ_are_in_one_warning(model, monkeypatch):
    monkeypatch.setattr(predictor, "versions", lambda: {"torch": "1.0", "scikit-learn": "1.1"})
    written = pickle.dumps(model)
    monkeypatch.undo()
    message = "sklearn-ple of an unknown .*, scikit-learn 1.1 \\(now .*, torch 1.0 \\(now"
    with pytest.warns(InconsistentVersionWarning, match=message):
        pickle.loads(written)


def test_a_model_that_says_no_version_is_older(model):
    state = dict(vars(model))
    with pytest.warns(InconsistentVersionWarning, match="with sklearn-ple of an unknown version"):
        clone(model).__setstate__(state)


def test_versions_are_those_of_the_packages():
    import sklearn
    import torch

    import sklearn_ple

    assert versions.versions() == {
        "sklearn-ple": sklearn_ple.__version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__.split("+")[0],
    }
