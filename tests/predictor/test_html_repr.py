"""How estimators show themselves: scikit-learn's representation, and the network below it."""

import pytest
import sklearn
from makers import make_complete_table, make_tiny
from sklearn.base import BaseEstimator

import sklearn_ple
from sklearn_ple import PLEClassifier, PLERegressor

N = 40


@pytest.fixture(scope="module")
def data():
    return make_complete_table(N)


def plain(estimator):
    """scikit-learn's own part of a representation, less the number that it counts up."""
    return BaseEstimator._repr_html_inner(estimator).split("sk-text-repr-fallback")[1]


def representations(estimator):
    return [estimator._repr_html_(), estimator._repr_mimebundle_()["text/html"]]


def test_before_fit_it_is_scikit_learns():
    for page in representations(make_tiny()):
        assert "<svg xmlns" not in page
        assert "n_members" in page


def test_after_fit_the_network_is_below_scikit_learns(data):
    estimator = make_tiny().fit(*data)
    for page in representations(estimator):
        head, below = page.split('<div style="overflow-x:auto')
        assert len(head) > 0.9 * len(plain(estimator))
        assert "n_members" in head and "sk-container" in head
        assert below.count("<svg") == below.count("</svg>") == 1
        assert "<script" not in below


@pytest.mark.parametrize(
    "name", [name for name in sklearn_ple.__all__ if name[0].isupper() and "ESMM" not in name]
)
def test_every_estimator_draws_its_network(name, data):
    X, y = data
    y = {PLEClassifier: y["late"], PLERegressor: y["price"]}.get(getattr(sklearn_ple, name), y)
    estimator = make_tiny(getattr(sklearn_ple, name)).fit(X, y)
    assert f'aria-label="Network of {name}"' in estimator._repr_html_()


def test_text_is_shown_where_text_is_wanted(data):
    estimator = make_tiny().fit(*data)
    with sklearn.config_context(display="text"):
        assert not hasattr(estimator, "_repr_html_")
        assert list(estimator._repr_mimebundle_()) == ["text/plain"]
