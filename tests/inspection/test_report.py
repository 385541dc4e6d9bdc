"""The report's numbers are scikit-learn's, and its page is whole, plain and safe."""

import importlib
import re
import sys
import warnings
from collections import Counter
from html import escape
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from browser import WIDTHS, look_at, needs_browser
from makers import TINY, make_table
from scipy import sparse, stats
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score, roc_curve
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ple
from sklearn_ple import (
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
)
from sklearn_ple.inspection import (
    Comparison,
    GateUtilizationDisplay,
    ImportanceDisplay,
    MultiTaskImportance,
    MultiTaskReport,
    TrainingHistoryDisplay,
    multitask_importance,
)
from sklearn_ple.metrics import expected_calibration_error, multitask_scores
from sklearn_ple.tasks import Regression


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table()
    return PLEClassifierRegressor(**TINY).fit(X, y), *make_table(seed=1)


@pytest.fixture(scope="module")
def twin():
    return SingleTaskClassifierRegressor(**TINY).fit(*make_table())


@pytest.fixture(scope="module")
def report(fitted, twin):
    return MultiTaskReport.from_estimator(
        *fitted, single_task=twin, n_bootstrap=20, random_state=0
    )


def observed(model, X, y):
    """Labels and predictions of every task, on the rows that have its label."""
    predicted, proba = model.predict(X), model.predict_proba(X)
    for k, task in enumerate(y):
        there = y[task].notna().to_numpy()
        p = None if proba[k] is None else proba[k][there]
        yield task, y[task][there].to_numpy(), predicted[task][there].to_numpy(), p


def naive_score(task, labels, predicted, proba):
    if task == "price":
        return r2_score(labels, predicted)
    if task == "late":
        return roc_auc_score(labels == "yes", proba[:, 1])
    return roc_auc_score(labels, proba, multi_class="ovr", labels=["low", "mid", "top"])


# -- numbers --------------------------------------------------------------------------------------


def test_scores_are_those_of_scikit_learn(report, fitted):
    assert report.scores.columns.tolist() == [
        *["task", "kind", "metric", "labels", "score", "low", "high"]
    ]
    assert report.scores["kind"].tolist() == ["binary", "regression", "multiclass"]
    assert report.scores["metric"].tolist() == ["roc_auc", "r2", "mean_one_vs_rest_auc"]
    for row, parts in zip(report.scores.itertuples(), observed(*fitted), strict=True):
        assert row.task == parts[0] and row.labels == len(parts[1])
        assert row.score == pytest.approx(naive_score(*parts))


def test_consoles_and_notebooks_show_the_scores(report, fitted):
    lines = repr(report).splitlines()
    assert lines[0] == "Scores of PLEClassifierRegressor on 120 rows, with 95 % intervals:"
    for line, row in zip(lines[4:], report.scores.itertuples(), strict=False):
        assert line.split()[:3] == [row.task, row.kind, row.metric]
        assert line.split()[4:] == [f"{value:.3f}" for value in (row.score, row.low, row.high)]
    more = "report.gain, report.importance, report.plot(), report.to_html(path)"
    assert lines[-1] == f"More: {more}."
    html = report._repr_html_()
    assert lines[0][:-1] in html and all(f"<th>{task}</th>" in html for task in fitted[2])
    model, X, y = fitted
    alone = MultiTaskReport.from_estimator(
        make_pipeline(None, model), X, y, n_bootstrap=2, importance=False
    )
    assert repr(alone).startswith("Scores of PLEClassifierRegressor")
    assert repr(alone).endswith("More: report.plot(), report.to_html(path).")


def test_intervals_are_those_of_a_naive_bootstrap(report, fitted, twin):
    model, X, y = fitted
    rng = np.random.RandomState(0)
    rows = zip(
        report.scores.itertuples(),
        report.gain.gains.itertuples(),
        observed(model, X, y),
        observed(twin, X, y),
        strict=True,
    )
    for row, gain, (task, labels, *both), (_, _, *alone) in rows:
        scores = []
        for _ in range(20):
            drawn = rng.randint(0, len(labels), size=len(labels))
            pair = [
                naive_score(task, labels[drawn], *(p if p is None else p[drawn] for p in parts))
                for parts in (both, alone)
            ]
            scores.append(pair)
        scores = np.array(scores)
        expected = np.quantile(scores[:, 0], [0.025, 0.975])
        np.testing.assert_allclose([row.low, row.high], expected)
        expected = np.quantile(scores[:, 0] - scores[:, 1], [0.025, 0.975])
        np.testing.assert_allclose([gain.low, gain.high], expected)
        difference = naive_score(task, labels, *both) - naive_score(task, labels, *alone)
        assert gain.mean == pytest.approx(difference)


def test_intervals_cover_the_score_of_many_rows_as_often_as_they_should(seed):
    # An estimator whose error is zero in the mean of many rows.
    class Unbiased(BaseEstimator):
        task_names_, classes_, tasks_ = ["y"], [None], [Regression()]

        def fit(self, X, y):
            return self

        def predict(self, X):
            return X[:, 0]

        def __sklearn_is_fitted__(self):
            return True

    def mean_error(labels, predicted):
        return np.mean(predicted - labels)

    rng = np.random.RandomState(seed)
    options = {"metrics": {"y": mean_error}, "n_bootstrap": 40, "confidence": 0.8}
    covered = []
    for _ in range(100):
        X = rng.normal(size=(60, 1))
        y = X[:, 0] + rng.normal(size=60)
        report = MultiTaskReport.from_estimator(
            Unbiased(), X, y, random_state=rng, importance=False, **options
        )
        ((low, high),) = report.scores[["low", "high"]].values
        covered.append(low <= 0 <= high)
    assert 0.65 <= np.mean(covered) <= 0.92


def test_tasks_are_scored_by_the_metrics_asked_for(fitted):
    metrics = {"late": "accuracy", "price": mean_absolute_error}
    report = MultiTaskReport.from_estimator(
        *fitted, metrics=metrics, n_bootstrap=2, importance=False
    )
    assert report.scores["metric"].tolist()[:2] == ["accuracy", "mean_absolute_error"]
    (_, *late), (_, *price), _ = observed(*fitted)
    assert report.scores["score"][0] == accuracy_score(*late[:2])
    assert report.scores["score"][1] == pytest.approx(mean_absolute_error(*price[:2]))


class Price(Regression):
    """A kind of the user's own."""

    kind = "price"
    words = "what it costs"
    metric = "neg_mean_absolute_error"


@pytest.mark.usefixtures("unpainted")
def test_a_kind_of_the_users_own_brings_its_words_and_metric(tmp_path):
    X, y = make_table()
    model = PLEClassifierRegressor(**TINY, task_types={"price": Price()}).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=3, importance=False)
    assert report.scores["kind"].tolist() == ["binary", "price", "multiclass"]
    assert report.scores["metric"][1] == "neg_mean_absolute_error"
    text = Page(write(report, tmp_path)).text
    assert "what it costs" in text and "neg mean absolute error" in text


def measured_gain(confidence):
    """Return a gain that was measured elsewhere: late gains, price loses."""
    gains = pd.DataFrame(
        [["ple", "late", 0.1, 0.05, 0.2], ["ple", "price", -0.1, -0.2, -0.05]],
        columns=["model", "task", "mean", "low", "high"],
    )
    return Comparison(pd.DataFrame(), gains, "single_task", confidence, "5 seeds")


def test_a_measured_gain_is_kept(fitted):
    gain = measured_gain(0.95)
    report = MultiTaskReport.from_estimator(
        *fitted, single_task=gain, n_bootstrap=2, importance=False
    )
    assert report.gain is gain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_bootstrap": 0}, "'n_bootstrap' parameter .* Got 0"),
        ({"confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"importance": "yes"}, "'importance' parameter .* Got 'yes'"),
        ({"metrics": {"early": "r2"}}, "metrics names .'early'., but the tasks are"),
    ],
)
def test_wrong_arguments_are_named(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiTaskReport.from_estimator(*fitted, **arguments)


def test_a_gain_of_other_tasks_is_an_error(fitted):
    gains = pd.DataFrame({"task": ["early"], "model": "ple", "mean": 0, "low": 0, "high": 0})
    gain = Comparison(pd.DataFrame(), gains, "single_task", 0.95, "5 seeds")
    with pytest.raises(ValueError, match="single_task names .'early'."):
        MultiTaskReport.from_estimator(*fitted, single_task=gain)


@pytest.mark.parametrize("names", [["price"], ["price", "late", "grade"]])
def test_a_twin_of_other_tasks_is_an_error_that_names_it(fitted, names):
    X, y = make_table()
    twin = SingleTaskClassifierRegressor(**TINY).fit(X, y[names])
    message = f"single_task was fitted with the tasks {names}, but the estimator with ['late', "
    with pytest.raises(ValueError, match=re.escape(message)):
        MultiTaskReport.from_estimator(*fitted, single_task=twin)


def test_a_model_or_twin_that_is_not_fitted_is_an_error(fitted):
    with pytest.raises(NotFittedError):
        MultiTaskReport.from_estimator(PLEClassifierRegressor(), *fitted[1:])
    with pytest.raises(NotFittedError):
        MultiTaskReport.from_estimator(*fitted, single_task=SingleTaskClassifierRegressor())


def test_the_columns_that_matter_are_measured(report, fitted):
    rng = np.random.RandomState(0)
    for _, labels, *_ in observed(*fitted):
        # The report has drawn its resamples first.
        for _ in range(20):
            rng.randint(0, len(labels), size=len(labels))
    wanted = multitask_importance(*fitted, n_repeats=3, random_state=rng)
    np.testing.assert_array_equal(report.importance.importances, wanted.importances)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X,
        lambda X: sparse.coo_array(X.to_numpy()),
        pa.Table.from_pandas,
        pa.RecordBatch.from_pandas,
    ],
    ids=["frame", "coo", "table", "batch"],
)
def test_a_thousand_rows_do_for_the_columns(convert):
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(1500, 2)), columns=["a", "b"])
    model = PLERegressor(**TINY).fit(X[:200], X[:200] @ [[1, 0], [0, 2]])
    seen = []
    predict = model.predict
    model.predict = lambda X: seen.append(X.shape[0]) or predict(X)
    X, y = convert(X), X.to_numpy()
    if hasattr(X, "schema"):
        y = convert(pd.DataFrame(y, columns=["y0", "y1"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=1, random_state=0)
    assert seen == [1500] + [1000] * (1 + 2 * 3)
    assert report.importance.importances.shape == (2, 2, 3)


def test_columns_are_measured_where_asked_for(fitted):
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(30, 101)))
    X.columns = [f"c{k}" for k in range(101)]
    y = X["c0"].rename("y")
    model = PLERegressor(**TINY).fit(X, y)
    assert MultiTaskReport.from_estimator(model, X, y, n_bootstrap=1).importance is None
    report = MultiTaskReport.from_estimator(*fitted, n_bootstrap=1, importance=False)
    assert report.importance is None
    found = multitask_importance(*fitted, n_repeats=1, groups_of_columns={"g": ["a", "b"]})
    report = MultiTaskReport.from_estimator(*fitted, n_bootstrap=1, importance=found)
    assert report.importance is found


def test_importances_of_other_tasks_are_an_error(fitted):
    found = MultiTaskImportance(["a"], ["early"], np.zeros((1, 1, 1)), {"early": 0.5})
    with pytest.raises(ValueError, match="importance names .'early'."):
        MultiTaskReport.from_estimator(*fitted, importance=found)


# -- pictures -------------------------------------------------------------------------------------


def test_every_task_has_a_row_of_pictures(report, fitted):
    assert report.plot() is report
    assert report.axes_.shape == (3, 2)
    assert [ax.get_title() for ax in report.axes_.flat] == [
        *["late: ROC curve", "late: Calibration"],
        *["price: Predicted and actual", "price: Residuals"],
        *["grade: ROC curve", "grade: Calibration"],
    ]
    (_, late, _, p_late), (_, price, predicted, _), _ = observed(*fitted)
    false, true, _ = roc_curve(late == "yes", p_late[:, 1])
    np.testing.assert_allclose(report.axes_[0, 0].lines[0].get_data(), [false, true])
    # Ten groups of equal size, of naive means.
    points = np.array(report.axes_[0, 1].lines[-1].get_data()).T
    groups = np.array_split(np.argsort(p_late[:, 1]), 10)
    expected = [(p_late[g, 1].mean(), np.mean(late[g] == "yes")) for g in groups]
    np.testing.assert_allclose(points[:, 0], [p for p, _ in expected], atol=0.02)
    dots = np.sort(report.axes_[1, 0].collections[0].get_offsets(), axis=0)
    np.testing.assert_allclose(dots, np.column_stack([np.sort(predicted), np.sort(price)]))
    dots = np.sort(report.axes_[1, 1].collections[0].get_offsets()[:, 1])
    np.testing.assert_allclose(dots, np.sort(price - predicted))
    labels = [line.get_label() for line in report.axes_[2, 0].lines]
    assert len(labels) == 4 and sum(label.startswith("class ") for label in labels) == 3


def test_names_of_classes_are_shown_as_they_are():
    X, y = make_table()
    y = y[["grade"]].replace("low", "$_$")
    model = PLEClassifier(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False).plot()
    report.figure_.canvas.draw()
    texts = [text.get_text() for text in report.axes_[0, 0].get_legend().get_texts()]
    assert sum(text.startswith("class $_$") for text in texts) == 1


def test_the_package_is_imported_without_matplotlib(hide, monkeypatch):
    hide("matplotlib")
    for name in [name for name in sys.modules if name.startswith("sklearn_ple.inspection")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sklearn_ple, "inspection", sklearn_ple.inspection)
    assert importlib.import_module("sklearn_ple.inspection").MultiTaskReport is not MultiTaskReport


def test_without_matplotlib_the_error_says_how_to_install_it(report, tmp_path, hide):
    hide("matplotlib")
    with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[plots\]'"):
        report.plot()
    with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[plots\]'"):
        report.to_html(tmp_path / "report.html")


# -- page -----------------------------------------------------------------------------------------

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Reads a page: what it loads, its ids, images and headings; tags must be balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.loads, self.alts = Counter(), [], [], [], []
        self.open, self.words = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags[tag] += 1
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if "href" in attrs else []
        self.loads += [attrs[name] for name in ("src", "srcset", "data") if name in attrs]
        self.alts += [attrs.get("alt")] if tag == "img" else []
        assert not any(name.startswith("on") for name in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def write(report, path, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        report.to_html(path / "report.html", **kwargs)
    return (path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(report, tmp_path_factory):
    return write(report, tmp_path_factory.mktemp("page"))


@pytest.mark.usefixtures("unpainted")
def test_a_page_that_cannot_be_written_leaves_the_earlier_one(report, tmp_path):
    earlier = tmp_path / "report.html"
    earlier.write_text("earlier")
    with pytest.raises(UnicodeEncodeError):
        report.to_html(earlier, title="half a character: \ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"]


def test_the_page_holds_everything(html):
    page = Page(html)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.loads and all(src.startswith("data:image/svg+xml,") for src in page.loads)
    # A picture cannot load anything.
    bare = re.sub('src="[^"]*"', "", html)
    assert "@import" not in bare and "url(" not in bare and "http" not in bare
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert all(page.alts) and len(page.alts) == 6 + 1 + 1 + 1
    assert page.tags["h1"] == page.tags["title"] == page.tags["main"] == 1


def test_the_page_tells_the_numbers(html, report, fitted):
    page = Page(html)
    text = page.text
    for row in report.scores.itertuples():
        assert f"{row.task}" in text
        assert f"{row.score:.3f}".replace("-", "−") in text
        bounds = f"{row.low:.3f} to {row.high:.3f}".replace("-", "−")
        assert bounds in text
    assert "120 rows with 4 columns to predict from (numbers: 3, categories: 1)." in text
    assert "late 90 30 (25 %)" in text and "price 80 40 (33.3 %)" in text
    (_, *late), (_, *price), _ = observed(*fitted)
    assert f"{mean_absolute_error(*price[:2]):.2f}" in text
    assert f"right for {round(100 * accuracy_score(*late[:2]), 1):g} %" in text
    for phrase in ("max_epochs 2 'auto'", "Python 3", "negative transfer", "joint loss"):
        assert phrase in text or phrase in " ".join(page.alts)
    weights = fitted[0].gate_weights(fitted[1])[0]["late"].mean()
    assert f"late 1: {round(100 * weights['late 1'], 1):g} %" in text


def test_calibration_errors_are_those_of_a_naive_sum(html, fitted):
    (_, late, _, p_late), _, _ = observed(*fitted)
    edges = np.quantile(p_late[:, 1], np.arange(1, 10) / 10)
    bins = np.searchsorted(edges, p_late[:, 1])
    error = sum(
        np.mean(bins == b) * abs(p_late[bins == b, 1].mean() - np.mean(late[bins == b] == "yes"))
        for b in np.unique(bins)
    )
    text = Page(html).text
    section = text[text.index("Error in percentage points") :]
    assert re.search(r"late (\S+) 90", section)[1] == f"{100 * error:.1f}"


@pytest.mark.usefixtures("unpainted")
def test_tasks_that_lose_are_named(fitted, tmp_path):
    gain = measured_gain(0.9)
    report = MultiTaskReport.from_estimator(
        *fitted, single_task=gain, n_bootstrap=2, importance=False
    )
    text = Page(write(report, tmp_path)).text
    assert "Negative transfer: price." in text and "a 90 % interval from 5 seeds" in text
    assert "late +0.100 gains +0.050 to +0.200" in text
    assert "price −0.100 loses −0.200 to −0.050" in text


@pytest.mark.usefixtures("unpainted")
def test_columns_that_matter_are_named(fitted, tmp_path):
    drops = np.zeros((3, 3, 2))
    drops[0, 0], drops[1, 0], drops[2, 0] = [0.10, 0.11], [0.2, 0.21], [0.0, 0.5]
    tasks = ["late", "price", "grade"]
    scores = {"late": 0.8, "price": 0.5, "grade": np.nan}
    found = MultiTaskImportance(["<b>", "smoking", "age"], tasks, drops, scores)
    report = MultiTaskReport.from_estimator(*fitted, n_bootstrap=2, importance=found)
    html = write(report, tmp_path)
    text = Page(html).text
    # Half a width by scipy: the greatest first, and not what may be chance.
    half = stats.t.ppf(0.975, 1) * 0.005
    assert half == pytest.approx(0.0635, abs=1e-4)
    assert "late smoking: 0.205 (0.141 to 0.269), <b>: 0.105 (0.041 to 0.169) price" in text
    assert "price none with certainty grade not defined" in text
    assert "2 times for each column" in text and 'id="columns"' in html
    report.importance = None
    assert "Which columns matter" not in write(report, tmp_path)


@pytest.mark.usefixtures("unpainted")
def test_tasks_that_go_together_are_named(html, tmp_path):
    heading = "Which targets go together?"
    assert heading not in Page(html).text
    X, y = make_table()
    model = PLEClassifierRegressor(**TINY, early_stopping=True).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    model._deviations.copula.correlation[:] = [[1, -0.5, 0.1], [-0.5, 1, 0], [0.1, 0, 1]]
    text = Page(write(report, tmp_path)).text
    assert heading in text and 'Where it is "none", other labels do not help' in text
    assert "late and price: −0.50. Where one is higher than predicted, the other is lower" in text
    assert "late and grade" not in text


@pytest.mark.usefixtures("unpainted")
def test_names_are_escaped(tmp_path):
    X, y = make_table()
    evil = "<script>alert('1')</script> & \"$x$ $"
    y = y.rename(columns={"late": evil, "price": "a$\\frac$"})
    y["grade"] = y["grade"].replace("top", "<b>top</b>")
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2)
    html = write(report, tmp_path, title="<i>me & you</i>")
    page = Page(html)
    assert not {"script", "b", "i"} & set(page.tags)
    assert page.text.count(evil) > 3 and "<b>top</b>" in page.text
    assert f"<title>{escape('<i>me & you</i>')}</title>" in html
    report.plot().figure_.draw_without_rendering()


def test_all_letters_are_texts_that_the_browser_draws(tmp_path):
    X, y = make_table()
    X = X.rename(columns={"b": "身長 <b> $x$"})
    y = y[["late", "price"]].set_axis(["遅れ", "価格"], axis=1)
    y["遅れ"] = y["遅れ"].replace("yes", "はい")
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2)
    images = [unquote(src.split(",", 1)[1]) for src in Page(write(report, tmp_path)).loads]
    texts = {text for image in images for text in ElementTree.fromstring(image).itertext()}
    assert {"身長 <b> $x$", "遅れ", "価格", "class はい"} <= texts


@pytest.mark.usefixtures("unpainted")
def test_a_page_of_many_tasks_and_rows_can_be_sent_by_mail(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1000, 2)), columns=["a", "b"])
    y = pd.DataFrame({f"task {k}": X["a"] + rng.normal(size=1000) for k in range(25)})
    model = PLEClassifierRegressor(**TINY).fit(X[:50], y[:50])
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    assert len(write(report, tmp_path)) < 2e6


def test_control_characters_in_names_leave_the_pictures_valid(tmp_path):
    X, y = make_table()
    y = y[["late", "price"]].set_axis(["la\x0bte", "pri\x00ce"], axis=1)
    y["la\x0bte"] = y["la\x0bte"].replace("yes", "\ufffe\uffff yes")
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    for src in Page(write(report, tmp_path)).loads:
        ElementTree.fromstring(unquote(src.split(",", 1)[1]))


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("metrics", [None, "accuracy"])
def test_labels_of_unknown_classes_are_scored_as_the_rest(tmp_path, metrics):
    X, y = make_table()
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    y["late"] = y["late"].where(np.arange(len(y)) % 5 > 0, "who knows")
    metrics = {"late": metrics}
    report = MultiTaskReport.from_estimator(
        model, X, y, metrics=metrics, n_bootstrap=2, importance=False
    )
    found = report.scores.set_index("task")["score"]
    assert found.to_dict() == pytest.approx(multitask_scores(model, X, y, metrics))
    known = y["late"].isin(["yes", "no"])
    proba = model.predict_proba(X[known])[0]
    error = expected_calibration_error(y["late"][known], proba, strategy="quantile")
    assert f"late {100 * error:.1f} " in Page(write(report, tmp_path)).text


@pytest.mark.usefixtures("unpainted")
def test_bools_may_be_numbers(tmp_path):
    X, y = make_table()
    y = pd.DataFrame({"late": y["late"] == "yes", "price": y["price"]})
    model = PLEClassifierRegressor(**TINY, task_types={"late": "regression"}).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    assert "late 120 none 0 to 1.00, median 0" in Page(write(report, tmp_path)).text


@pytest.mark.usefixtures("unpainted")
def test_classes_may_be_fractions(tmp_path):
    X, y = make_table()
    doses = y["grade"].map({"low": 0.5, "mid": 1.5, "top": 2.5})
    model = PLEClassifier(**TINY, task_types="multiclass").fit(X, doses)
    report = MultiTaskReport.from_estimator(model, X, doses, n_bootstrap=2, importance=False)
    right = np.mean(model.predict(X) == doses)
    text = Page(write(report, tmp_path)).text
    assert f"The predicted class is right for {100 * right:.1f} % of the rows" in text


# Those of the other tasks.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.usefixtures("unpainted")
def test_undefined_scores_are_shown_as_such(fitted, tmp_path):
    model, X, y = fitted
    y = y.copy()
    y["late"] = y["late"].where(y["late"] == "no")
    y["grade"] = None
    y.loc[1:, "price"] = np.nan
    y.loc[0, "price"] = 1.0
    with pytest.warns(UndefinedMetricWarning, match="Task 'late' has no score"):
        report = MultiTaskReport.from_estimator(model, X, y, single_task=model, n_bootstrap=3)
    assert report.scores[["score", "low", "high"]].isna().all(axis=None)
    assert report.scores["labels"].tolist() == [y["late"].notna().sum(), 1, 0]
    text = Page(write(report, tmp_path)).text
    assert text.count("not defined") >= 6
    assert "All labels" not in text and "Not defined: the task's labels" in text
    report.plot()
    shown = [text.get_text() for ax in report.axes_.flat for text in ax.texts]
    assert shown[0] == "All labels are of one class: there is no curve."
    assert shown[1:] == ["There are no labels to compare with."] * 2


@pytest.fixture(scope="module")
def timed():
    """A model of times that b shortens; three of ten are censored."""
    X, _ = make_table()
    rng = np.random.RandomState(2)
    times = np.ceil(100 * rng.exponential(size=len(X)) * np.exp(-X["b"]))
    y = pd.DataFrame({"days": np.where(rng.uniform(size=len(X)) < 0.3, -times, times)})
    kinds = {"days": "survival"}
    return PLEClassifierRegressor(task_types=kinds, **TINY | {"max_epochs": 20}).fit(X, y), X, y


@pytest.mark.usefixtures("unpainted")
def test_of_censored_times_curves_by_prediction_are_shown(timed, tmp_path):
    model, X, y = timed
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    assert report.scores["metric"].tolist() == ["concordance_index"]
    page = Page(write(report, tmp_path))
    days = y["days"].to_numpy()
    share = round(100 * np.mean(days < 0), 1)
    assert f"{np.abs(days).max():,.0f}, {share:g} % censored" in page.text
    assert f"The event happened in {(days > 0).sum()} of 120 rows" in page.text
    assert (
        "Residuals" not in page.text
        and "mean absolute error" not in page.text.partition("Training")[0]
    )
    middle, shares = np.median(np.abs(days)), []
    for rows in np.array_split(model.predict(X)["days"].to_numpy().argsort(kind="stable"), 3):
        own, alive = days[rows], 1.0
        for time in np.unique(own[(own > 0) & (own <= middle)]):
            alive *= 1 - (own == time).sum() / (np.abs(own) >= time).sum()
        shares.append(f"{alive:.0%}")
    first, middle, last = shares
    (alt,) = (alt for alt in page.alts if alt.startswith("Survival of days."))
    assert f"{first} (shortest), {middle} (middle), {last} (longest)" in alt


@pytest.mark.usefixtures("unpainted")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("labels", [[-3.0, -2.0], [np.nan, np.nan], [4.0, np.nan]])
def test_times_of_which_too_little_is_known_are_in_the_report(timed, tmp_path, labels):
    model, X, _ = timed
    y = pd.DataFrame({"days": labels})
    report = MultiTaskReport.from_estimator(model, X.head(2), y, n_bootstrap=2)
    assert "not defined" in Page(write(report, tmp_path)).text


def test_resamples_without_a_class_do_not_count():
    X, y = make_table()
    model = PLEClassifier(**TINY).fit(X[y["late"].notna()], y["late"].dropna())
    X, y = X[:12], pd.Series(["yes"] + ["no"] * 11, name="late")
    report = MultiTaskReport.from_estimator(
        model, X, y, n_bootstrap=50, importance=False, random_state=0
    )
    assert report.scores[["score", "low", "high"]].notna().all(axis=None)


@pytest.mark.parametrize(("kind", "usual"), [("count", 0), ("tweedie", 1), ("hurdle", 1)])
def test_resamples_of_one_value_alone_do_not_count(kind, usual):
    X, _ = make_table()
    rare = np.arange(len(X)) % 8 == 0
    y = pd.DataFrame({"rare": np.where(rare, 2, usual), "late": rare})
    model = PLEClassifierRegressor(task_types={"rare": kind}, **TINY).fit(X, y)
    X, y = X[:16], y[:16]
    report = MultiTaskReport.from_estimator(
        model, X, y, n_bootstrap=50, importance=False, random_state=0
    )
    assert report.scores[["score", "low", "high"]].notna().all(axis=None)


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("n_tasks", [1, 25])
def test_letters_of_wide_pictures_are_large_enough(report, fitted, tmp_path, n_tasks):
    tasks = [f"task {k}" for k in range(n_tasks)]
    found = MultiTaskImportance(["a"], tasks, np.zeros((1, n_tasks, 1)), dict.fromkeys(tasks, 0.5))
    html = write(MultiTaskReport(*fitted, report.scores, importance=found), tmp_path)
    # Two thirds of the pixels that browsers draw for an inch, for importances, losses and gates.
    displays = [ImportanceDisplay(found).plot(), TrainingHistoryDisplay.from_estimator(fitted[0])]
    displays.append(GateUtilizationDisplay.from_estimator(*fitted[:2]))
    wanted = [f"{64 * display.figure_.get_figwidth():.0f}" for display in displays]
    assert re.findall(r'style="--least: (\d+)px"', html) == wanted


@pytest.mark.usefixtures("unpainted")
def test_each_of_twelve_tasks_has_a_section(tmp_path):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 4))
    y = X @ rng.normal(size=(4, 12))
    model = PLERegressor(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    page = Page(write(report, tmp_path))
    assert {f"task-{k}" for k in range(1, 13)} <= set(page.ids)
    assert all(f"y{k}" in page.text for k in range(12))
    assert len(set(page.ids)) == len(page.ids)
    assert "ROC" not in page.text and "Are the probabilities right" not in page.text


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("form", ["1-D", "sparse", "objects", "polars", "list"])
def test_the_page_is_written_for_data_of_any_form(form, tmp_path):
    X, y = make_table()
    X, y = X[["b", "c"]], y["grade"]
    if form == "sparse":
        X = sparse.csr_matrix(X.to_numpy())
    elif form == "objects":
        X = X.assign(d=["x", "y"] * 60).to_numpy(dtype=object)
    elif form == "polars":
        pl = pytest.importorskip("polars")
        X, y = pl.DataFrame(X.to_dict("list")), pl.Series("grade", y.tolist())
    elif form == "list":
        X, y = X.to_numpy().tolist(), y.tolist()
    else:
        X, y = X.to_numpy(), y.to_numpy()
    model = PLEClassifier(**TINY).fit(X, y)
    text = Page(write(MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2), tmp_path)).text
    expected = (
        "(numbers: 2, text: 1)."
        if form == "objects"
        else "2 columns to predict from (numbers: 2)."
    )
    assert expected in text and "One model predicts one target" in text
    # Nothing is said of a single task that only several can have.
    assert "How well the task is predicted" in text
    for part in ("each task", "Task by task", "for that task", "tasks share", "joint"):
        assert part not in text


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("searched", [False, True])
def test_the_report_shows_the_steps_of_pipelines_and_searches(searched, tmp_path):
    X, y = make_table()
    X = X[["b", "c"]]
    model = make_pipeline(StandardScaler(), PLEClassifierRegressor(**TINY))
    if searched:
        model = GridSearchCV(model, {"pleclassifierregressor__n_levels": [1]}, cv=2)
    report = MultiTaskReport.from_estimator(model.fit(X, y), X, y, n_bootstrap=2, importance=False)
    text = Page(write(report, tmp_path)).text
    assert "StandardScaler()" in text and "What the tasks share" in text and "max_epochs 2" in text


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("convert", [list, pd.Series])
def test_texts_have_no_columns(convert, tmp_path):
    _, y = make_table()
    texts = convert([f"text {row % 7}" for row in range(len(y))])
    model = make_pipeline(CountVectorizer(), PLEClassifierRegressor(**TINY)).fit(texts, y)
    report = MultiTaskReport.from_estimator(model, texts, y, n_bootstrap=2)
    assert report.importance is None
    assert "The data 120 rows to predict from. A label" in Page(write(report, tmp_path)).text


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("unit", "wanted"), [(2e-9, "2.00e−09 to 1.20e−08"), (2e20, "2.00e+20 to 1.20e+21")]
)
def test_numbers_of_any_unit_can_be_read(unit, wanted, tmp_path):
    X, _ = make_table()
    y = pd.DataFrame({"size": np.tile([1.0, 2.0, 4.0, 6.0], 30) * unit})
    model = PLERegressor(**TINY).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    text = Page(write(report, tmp_path)).text
    assert f"size 120 none {wanted}, median" in text
    assert "0.000000" not in text


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("n_tasks", [2, 12])
def test_of_many_tasks_each_is_opened_by_a_click(n_tasks, tmp_path):
    X, y = make_table(60)
    y = pd.DataFrame({f"t{k}": X["b"] + k * X["c"] for k in range(n_tasks)})
    model = SharedBottomClassifierRegressor(**TINY).fit(X[["b", "c"]], y)
    report = MultiTaskReport.from_estimator(
        model, X[["b", "c"]], y, n_bootstrap=2, importance=False
    )
    report.to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert text.count("<details>") == text.count("</details>") == (n_tasks if n_tasks > 8 else 0)
    assert text.count("<summary>t") + text.count("<h3>t") == n_tasks


@pytest.mark.usefixtures("unpainted")
def test_a_single_task_shares_nothing(tmp_path):
    X, y = make_table()
    model = PLEClassifierRegressor(**TINY).fit(X, y[["late"]])
    report = MultiTaskReport.from_estimator(model, X, y[["late"]], n_bootstrap=2, importance=False)
    assert "What the tasks share" not in Page(write(report, tmp_path)).text


@pytest.mark.usefixtures("unpainted")
def test_the_page_says_nothing_of_gates_validation_or_a_twin_that_are_not_there(tmp_path):
    X, y = make_table()
    model = SharedBottomClassifierRegressor(**TINY, early_stopping=True).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=2, importance=False)
    assert report.gain is None
    text = Page(write(report, tmp_path)).text
    assert "What the tasks share" not in text and "negative transfer" not in text
    assert "Validation uses rows that are left out" in text


# -- in a browser ---------------------------------------------------------------------------------

# What the browser makes of the page.
LOOK = """(inner, page) => {
  const images = [...page.images];
  return {
    width: inner.innerWidth,
    room: page.documentElement.clientWidth,
    scroll: page.documentElement.scrollWidth,
    broken: images.filter(image => !image.complete || !image.naturalWidth).length,
    images: images.length,
    loaded: inner.performance.getEntriesByType("resource")
      .map(entry => entry.name).filter(name => !name.startsWith("data:")),
    ground: inner.getComputedStyle(page.body).backgroundColor,
    card: inner.getComputedStyle(page.querySelector(".card")).backgroundColor,
  };
}"""


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_whole_page_at_any_width(html, tmp_path, dark):
    page = tmp_path / "report.html"
    page.write_text(html, encoding="utf-8")
    [of_widths] = look_at([page], LOOK, tmp_path, dark)
    for width, seen in zip(WIDTHS, of_widths, strict=True):
        assert seen["width"] == width and seen["scroll"] <= seen["room"] <= width
        assert seen["images"] == 9 and seen["broken"] == 0 and seen["loaded"] == []
        assert seen["card"] == "rgb(255, 255, 255)"
        assert (seen["ground"] == "rgb(255, 255, 255)") is not dark


def test_axes_of_positive_numbers_learnt_by_logarithms_are_logarithmic(tmp_path):
    X, y = make_table()
    costs = pd.DataFrame({"price": y["price"], "cost": np.exp(y["price"].fillna(0))})
    model = PLERegressor(**TINY, task_types={"cost": "log"}).fit(X, costs)
    report = MultiTaskReport.from_estimator(model, X, costs, n_bootstrap=2, importance=False)
    axes = report.plot().axes_
    scales = [[(ax.get_xscale(), ax.get_yscale()) for ax in row] for row in axes]
    assert scales == [[("linear", "linear")] * 2, [("log", "log"), ("log", "log")]]
    residuals = axes[1, 1].collections[0].get_offsets()
    expected = costs["cost"] / model.predict(X)["cost"].to_numpy()
    np.testing.assert_allclose(residuals[:, 1], expected, rtol=1e-6)
    low, high = np.quantile(expected, [0.05, 0.95])
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"between {low:.3g} and {high:.3g} times as predicted" in page
