"""Every warning points at the user's own line, whoever calls whom in between."""

import ast
import inspect
import pickle
import re
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor, PLERegressor, predictor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import MultiTaskKFold
from sklearn_ple.utils import versions

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
Y = X["a"].to_numpy()
TINY = {"n_members": 1, "max_epochs": 1, "random_state": 0}


def model(**params):
    return PLERegressor(**TINY, **params)


def words(text):
    return X.assign(word=text)


@pytest.fixture(scope="module")
def fitted():
    y = pd.DataFrame({"class": Y > 0, "number": Y})
    return PLEClassifierRegressor(**TINY).fit(words(["u", "v"] * 20), y)


def tell(fitted, kind):
    """Have a warning given; each on a line of its own."""
    y = pd.DataFrame({"class": Y > 0, "number": np.nan}).assign(number=[1.0] + [np.nan] * 39)
    if kind == "constant":
        model().fit(X, np.ones(40))
    elif kind == "constant in partial_fit":
        model().partial_fit(X, np.ones(40))
    elif kind == "constant in a pipeline":
        make_pipeline(StandardScaler(), model()).fit(X, np.ones(40))
    elif kind == "constant in a search":
        GridSearchCV(model(), {"dropout": [0.1]}, cv=2, error_score="raise").fit(X, np.ones(40))
    elif kind == "constant in cross-validation":
        cross_val_score(model(), X, np.ones(40), cv=2)
    elif kind == "whole numbers":
        PLEClassifierRegressor(**TINY).fit(X, np.arange(40))
    elif kind == "divergence":
        model(learning_rate=1e30, optimizer="sgd").fit(X, Y)
    elif kind == "no label to train on":
        model(validation_split="last", early_stopping=True).fit(X, np.c_[Y, y["number"][::-1]])
    elif kind == "text":
        PLERegressor(**TINY).fit(pd.DataFrame({"text": map(str, range(200))}), np.arange(200.0))
    elif kind == "unknown categories":
        fitted.predict(words("other"))
    elif kind == "unknown categories in a view":
        fitted.task_view("class").predict_proba(words("other"))
    elif kind == "undefined score":
        fitted.score(words("u"), y)
    elif kind == "undefined score of a metric":
        multitask_scores(fitted, words("u"), y)
    elif kind == "few labels of a class":
        list(MultiTaskKFold(3).split(X, pd.DataFrame({"class": Y[0] == Y})))
    elif kind == "another version":
        pickle.loads(fitted)
    elif kind == "another version from a file":
        joblib.load(fitted)


def kinds():
    """List the kinds that there are in `tell`."""
    tree = ast.parse(inspect.getsource(tell))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    return [
        node.comparators[0].value for node in compared if node.left.__dict__.get("id") == "kind"
    ]


def old(model, path):
    """Return what pickles of an earlier version hold, in memory and in a file."""
    now = versions.versions()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "versions", lambda: now | {"torch": "0.0.1"})
        joblib.dump(model, path)
        return pickle.dumps(model)


@pytest.mark.parametrize("kind", kinds())
def test_a_warning_points_at_the_users_line(fitted, kind, tmp_path):
    if kind.startswith("another version"):
        path = tmp_path / "model"
        written = old(fitted, path)
        fitted = path if kind.endswith("file") else written
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell(fitted, kind)
    assert caught
    for warning in caught:
        assert warning.filename == __file__, warning.message
        line = Path(__file__).read_text(encoding="utf-8").splitlines()[warning.lineno - 2]
        assert f'kind == "{kind}"' in line, warning.message


def test_a_line_is_warned_once_although_others_change_filters():
    for action, n_expected in (("ignore", 0), ("default", 1), ("always", 3)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            for _ in range(3):
                with warnings.catch_warnings():
                    pass
                PLEClassifierRegressor(**TINY).fit(X, np.arange(40))
        assert len(caught) == n_expected
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.filterwarnings("error", "Target 'y'", module=__name__)
        for _ in range(2):
            with pytest.raises(UserWarning, match="distinct integers"):
                PLEClassifierRegressor(**TINY).fit(X, np.arange(40))


def test_a_search_warns_once_although_folds_hold_different_numbers():
    y = np.minimum(np.arange(40), 35)
    search = GridSearchCV(PLEClassifierRegressor(**TINY), {"dropout": [0.1]}, cv=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        search.fit(X, y)
    assert [str(warning.message)[:40] for warning in caught] == [
        "Target 'y' holds more than 10 distinct i"
    ]


def test_all_of_the_package_warns_in_this_way():
    folder = Path(sklearn_ple.__file__).parent
    others = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "warnings.warn(" in path.read_text(encoding="utf-8")
    ]
    assert others == ["utils/warn.py"]


def test_the_pattern_of_deprecation_warns_and_works():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    names = {"__name__": "__contributing__"}
    exec(compile(block, sklearn_ple.__file__, "exec"), names)
    earlier = clone(names["Bottom"](hidden=(3,), **TINY))
    with pytest.warns(FutureWarning, match="Pass units instead of hidden") as caught:
        earlier.fit(X, Y)
    assert {Path(one.filename).name for one in caught} == {Path(__file__).name}
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        now = names["Bottom"](units=(3,), **TINY).fit(X, Y)
    np.testing.assert_array_equal(earlier.predict(X), now.predict(X))
    with pytest.warns(FutureWarning, match="Use `compare` instead"):
        names["sharing_gain"]({})
