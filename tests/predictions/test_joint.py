"""Predictions with known labels, draws and joint intervals of fitted estimators."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from makers import make_table
from scipy.stats import norm
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.utils import assert_all_finite

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.encoding.prerequisites import Prerequisites
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from sklearn_ple.predictions.errors import StandardisedErrors
from sklearn_ple.predictions.intervals import Deviations
from sklearn_ple.predictions.joint import (
    Distributions,
    Joint,
    find_joint_ends,
    learn_copula,
    split_level,
)
from sklearn_ple.tables.labels import read_targets
from sklearn_ple.tasks import Binary

N = 900
TRAIN, NEW = np.arange(600), np.arange(600, N)


def make_dependent(seed=0):
    """Make a table whose tasks share an error that X does not explain."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=["a", "b", "c"])
    shared, own = rng.normal(size=N), rng.normal(size=(N, 4))
    level = np.digitize(X["c"] + 2 * shared + own[:, 3], [-1.0, 1.0])
    y = pd.DataFrame(
        {
            "height": 10 + X["a"] + 2 * shared + 0.5 * own[:, 0],
            "weight": 70 + X["b"] - 4 * shared + own[:, 1],
            "tall": np.where(X["a"] + 2 * shared + 0.5 * own[:, 2] > 0, "yes", "no"),
            "level": pd.Categorical.from_codes(level, ["low", "mid", "high"]),
        },
        index=X.index,
    )
    return X, y


def hide(y, share=0.5, seed=0):
    return y.mask(np.random.RandomState(seed).rand(*y.shape) < share)


@pytest.fixture(scope="module")
def network():
    X, y = make_dependent()
    model = PLEClassifierRegressor(n_members=4, max_epochs=12, random_state=0)
    return model.fit(X.iloc[TRAIN], hide(y.iloc[TRAIN], 0.2))


@pytest.fixture(scope="module")
def blend():
    """Models per task, as the only part of a blend."""
    X, y = make_dependent()
    linear = PerTaskClassifierRegressor(LogisticRegression(), LinearRegression())
    model = BlendClassifierRegressor([("linear", linear)], random_state=0)
    return model.fit(X.iloc[TRAIN], hide(y.iloc[TRAIN], 0.2))


@pytest.fixture(scope="module", params=["network", "blend"])
def model(request):
    return request.getfixturevalue(request.param)


def new_rows():
    X, y = make_dependent()
    return X.iloc[NEW], y.iloc[NEW]


def test_without_any_known_label_predictions_are_as_always(model):
    X, y = new_rows()
    nothing = y.mask(y.notna())
    pd.testing.assert_frame_equal(model.predict(X, known=nothing), model.predict(X))
    pairs = zip(model.predict_proba(X, known=nothing), model.predict_proba(X), strict=True)
    for told, untold in pairs:
        np.testing.assert_equal(told, untold)
    told, untold = (model.predict_interval(X, 0.8, **k) for k in ({"known": nothing}, {}))
    for one, other in zip(told, untold, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_known_labels_are_returned_and_sure(model):
    X, y = new_rows()
    known = hide(y)
    filled, certainty = model.complete(X, known, return_certainty=True)
    for task in y:
        there = known[task].notna()
        assert filled[task].dtype == y[task].dtype
        assert (filled.loc[there, task] == y.loc[there, task]).all()
        sure = 1.0 if task in ("tall", "level") else 0.0
        assert (certainty.loc[there, task] == sure).all()
        assert (certainty.loc[~there, task] != sure).all()
    assert_all_finite(certainty)
    pd.testing.assert_frame_equal(filled, model.predict(X, known=known))
    low, high = model.predict_interval(X, known=known)
    there = known["height"].notna()
    np.testing.assert_array_equal(low.loc[there, "height"], y.loc[there, "height"])
    np.testing.assert_array_equal(high.loc[there, "height"], y.loc[there, "height"])
    assert (low.loc[~there, "height"] < high.loc[~there, "height"]).all()


def test_a_row_does_not_depend_on_the_rows_beside_it(model):
    X, y = new_rows()
    X, known = X.iloc[:40], hide(y).iloc[:40]
    together = model.predict_proba_frame(X, known=known)
    numbers = model.predict(X, known=known)[["height", "weight"]]
    for row in (0, 7, 39):
        alone = slice(row, row + 1)
        one = model.predict_proba_frame(X[alone], known=known[alone])
        np.testing.assert_allclose(one, together[alone], atol=1e-5)
        one = model.predict(X[alone], known=known[alone])[["height", "weight"]]
        np.testing.assert_allclose(one, numbers[alone], atol=1e-4)


def test_known_labels_improve_every_task(model):
    X, y = new_rows()
    for task in y:
        told = model.predict(X, known=y.drop(columns=task))[task]
        untold = model.predict(X)[task]
        if task in ("height", "weight"):
            assert r2_score(y[task], told) > r2_score(y[task], untold) + 0.4
        else:
            assert (told == y[task]).mean() > (untold == y[task]).mean() + 0.08


def test_any_tasks_may_be_known_in_any_order_and_form(model):
    X, y = new_rows()
    two = model.predict(X, known=y[["weight", "height"]])
    as_nan = y.assign(tall=None, level=None)
    pd.testing.assert_frame_equal(two, model.predict(X, known=as_nan))
    pd.testing.assert_frame_equal(
        model.predict(X, known=y["height"]), model.predict(X, known=y[["height"]])
    )
    pd.testing.assert_frame_equal(
        model.predict(X, known=y.astype(object).to_numpy()), model.predict(X, known=y)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y.rename(columns={"tall": "taller"}),
            r"known has the columns \['taller'\]",
        ),
        (lambda y: y.assign(tall="perhaps"), r"known: Target 'tall' holds the label 'perhaps'"),
        (lambda y: y.assign(height=np.inf), r"known: .*'height'"),
        (lambda y: y.assign(height="much"), r"known: Target 'height' holds text"),
        (lambda y: y.iloc[:-1], r"known has 299 rows, but X has 300"),
        (lambda y: y.to_numpy(dtype=object)[:, :2], r"known has the columns \['y0', 'y1'\]"),
    ],
)
def test_wrong_known_labels_are_named(model, change, message):
    X, y = new_rows()
    for method in (model.predict, model.predict_proba, model.predict_interval, model.sample_y):
        with pytest.raises(ValueError, match=message):
            method(X, known=change(y))


def test_draws_have_the_predicted_margins_and_the_dependence(model):
    X, y = new_rows()
    X = X.iloc[:5]
    drawn = model.sample_y(X, 4000, random_state=0)
    assert drawn.index.names == [None, "draw"]
    assert list(drawn.columns) == list(y)
    assert dict(drawn.dtypes) == dict(y.dtypes)
    probabilities = model.predict_proba_frame(X)
    for row in X.index:
        of_row = drawn.loc[row]
        for task in ("tall", "level"):
            shares = of_row[task].value_counts(normalize=True)
            np.testing.assert_allclose(
                shares.reindex(probabilities[task].columns, fill_value=0),
                probabilities.loc[row, task],
                atol=0.03,
            )
        predicted = model.predict(X).loc[row, "height"]
        assert of_row["height"].mean() == pytest.approx(predicted, abs=0.6)
        # Both numbers hold the same error, with opposite signs.
        assert np.corrcoef(of_row["height"], of_row["weight"])[0, 1] < -0.8
    again = model.sample_y(X, 4000, random_state=0)
    pd.testing.assert_frame_equal(drawn, again)
    known = hide(y).iloc[:5]
    some = model.sample_y(X, 3, known=known, random_state=0)
    for task in y:
        for row in known.index[known[task].notna()]:
            assert (some.loc[row, task] == known.loc[row, task]).all()


def test_joint_intervals_hold_for_all_tasks_of_a_row(model):
    X, y = new_rows()
    numbers = ["height", "weight"]

    def cover(known=None, **options):
        low, high = model.predict_interval(X, 0.9, tasks=numbers, known=known, **options)
        inside = (low <= y[numbers]) & (y[numbers] <= high)
        return inside.all(axis=1).mean(), (high - low).mean()

    joint, widths = cover(joint=True)
    separate, narrow = cover()
    assert 0.85 < joint < 0.96
    assert separate < joint
    assert (widths > narrow).all()
    # Bonferroni's correction makes no smaller region, since the two errors are nearly the same.
    low, high = model.predict_interval(X, 0.95, tasks=numbers)
    assert widths.prod() <= (high - low).mean().prod()
    told, _ = cover(known=y[["tall", "level"]], joint=True)
    assert 0.85 < told <= 1


def test_ends_of_joint_intervals_follow_closed_forms():
    rng = np.random.RandomState(0)
    independent = rng.normal(size=(100_000, 3)) * [1, 2, 3] + [0, 0, 5]
    low, high = find_joint_ends(independent, 0.9).T
    reach = norm.ppf((1 + 0.9 ** (1 / 3)) / 2)
    np.testing.assert_allclose((high - low) / [2, 4, 6], reach, rtol=0.02)
    np.testing.assert_allclose((high + low) / 2, [0, 0, 5], atol=0.1)
    assert split_level(0.9, 3) == pytest.approx(0.9 ** (1 / 3))
    # If one label determines the others, each interval is that of the task alone.
    same = np.exp(independent[:, :1]) * [1, 10]
    low, high = find_joint_ends(same, 0.9).T
    np.testing.assert_allclose(low / [1, 10], np.exp(norm.ppf(0.05)), rtol=0.02)
    np.testing.assert_allclose(high / [1, 10], np.exp(norm.ppf(0.95)), rtol=0.02)


def test_joint_ends_of_few_rows_hold_for_new_ones():
    rng, inside = np.random.RandomState(0), []
    for _ in range(60):
        errors = rng.standard_t(4, size=(1030, 10))
        low, high = find_joint_ends(errors[:30], 0.9).T
        inside.append(((low <= errors[30:]) & (errors[30:] <= high)).all(axis=1).mean())
    assert 0.88 < np.mean(inside) < 0.96


def test_joint_ends_are_those_of_a_loop_that_leaves_out_each_row():
    errors = np.random.RandomState(0).standard_t(3, size=(60, 3))
    middle = np.median(errors, axis=0)

    def reach(rows):
        ones = np.ones(len(rows))
        columns = [StandardisedErrors.standardise(error, ones, ones) for error in rows.T]
        return np.array([column.find_ends(0.8) for column in columns]).T - middle

    ratios = [
        ((errors[i] - middle) / reach(np.delete(errors, i, axis=0))).max() for i in range(60)
    ]
    factor = np.sort(ratios)[int(np.ceil(0.8 * 61)) - 1]
    assert factor > 1
    np.testing.assert_allclose(find_joint_ends(errors, 0.8).T, middle + factor * reach(errors))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_rows", [1, 2, 50])
def test_joint_ends_of_equal_errors_are_finite(n_rows):
    errors = np.zeros((n_rows, 2))
    assert (find_joint_ends(errors, 0.9) == 0).all()
    errors[-1] = 3, -1
    assert np.isfinite(find_joint_ends(errors, 0.9)).all()


def test_intervals_of_quantiles_are_as_wide_as_the_noise_of_their_row():
    rng = np.random.RandomState(0)
    noise = np.exp(rng.uniform(-2, 1, size=3000))
    errors = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=3000)
    y = pd.DataFrame({"u": noise * errors[:, 0], "v": errors[:, 1]})
    labels, form = read_targets(y)
    targets = TargetEncoder("quantile", None).fit(labels, form, np.ones(y.shape))
    # A network that has learnt the quantiles exactly.
    quantiles = np.array([-1.645, 0, 1.645])
    encode = [task.encode for task in targets.tasks]
    parts = [encode[0](np.outer(noise, quantiles)), encode[1](np.tile(quantiles, (3000, 1)))]
    deviations = Deviations(targets, np.ones((1, 2)))
    sizes = deviations.learn(np.hstack(parts)[np.newaxis], labels, np.ones(y.shape))
    distributions = Distributions(targets.predict(parts), sizes, deviations.errors, parts)
    low, high = distributions.bound(targets.tasks, 0.9)
    reach = 1.645 * noise
    np.testing.assert_allclose([low[0] / reach, high[0] / reach], [[-1] * 3000, [1] * 3000], 0.1)
    prerequisites, codes = Prerequisites(None, targets.tasks), y.to_numpy()
    copula = learn_copula(targets.tasks, distributions, prerequisites, codes, np.ones(y.shape))
    known = np.where([False, True], codes, np.nan)
    told = Joint(targets.tasks, distributions, copula, prerequisites, known).bound(
        (low, high), 0.9
    )
    middle = 0.8 * noise * errors[:, 1]
    there = np.abs(errors[:, 1]) < 2
    for side, bound in zip((-1, 1), told, strict=True):
        off = (bound[0] - middle - side * 0.6 * reach) / noise
        assert np.abs(off[there]).max() < 0.2
    inside = (told[0][0] <= y["u"]) & (y["u"] <= told[1][0])
    assert inside[noise < 0.5].mean() == pytest.approx(0.9, abs=0.02)
    assert inside[noise > 0.5].mean() == pytest.approx(0.9, abs=0.02)


def test_dependence_is_shown_by_task(model):
    _, y = new_rows()
    shown = model.dependence_
    assert list(shown.index) == list(shown.columns) == list(y)
    assert shown.loc["height", "weight"] < -0.7
    assert shown.loc["height", "tall"] > 0.5
    np.testing.assert_allclose(shown, shown.T)
    np.testing.assert_allclose(np.diag(shown), 1)


def test_shuffled_labels_show_no_leak(model):
    X, y = make_dependent()
    rng = np.random.RandomState(3)
    shuffled = pd.DataFrame({task: rng.permutation(y[task].to_numpy(object)) for task in y})
    shuffled = shuffled.astype(dict(y.dtypes))
    fitted = model.__class__(**model.get_params(deep=False)).fit(X, shuffled)
    assert np.abs(fitted.dependence_.to_numpy() - np.eye(4)).max() < 0.2
    pd.testing.assert_frame_equal(
        fitted.predict(X, known=shuffled[["height"]]).drop(columns="height"),
        fitted.predict(X).drop(columns="height"),
    )


def test_pickles_and_files_keep_the_dependence(model, tmp_path):
    X, y = new_rows()
    known, expected = hide(y), model.complete(X, hide(y))
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).complete(X, known), expected)
    if isinstance(model, PLEClassifierRegressor):
        export.save(model, tmp_path / "model.safetensors")
        loaded = export.load(tmp_path / "model.safetensors")
    else:
        loaded = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(loaded.complete(X, known), expected)
    pairs = zip(*(each.predict_interval(X, joint=True) for each in (loaded, model)), strict=True)
    for found, bound in pairs:
        pd.testing.assert_frame_equal(found, bound)


def test_files_may_hold_known_labels(network, tmp_path):
    X, y = new_rows()
    known = hide(y)[["height", "tall"]]
    X.join(known).to_parquet(tmp_path / "new.parquet")
    names = ["height", "tall"]
    expected = network.predict(X, known=known).reset_index(drop=True)
    blocks = list(network.predict(tmp_path / "new.parquet", known=names))
    pd.testing.assert_frame_equal(pd.concat(blocks), expected)
    to = tmp_path / "predicted.parquet"
    for method in ("predict", "predict_proba"):
        export.predict_to_parquet(
            network, tmp_path / "new.parquet", to, method=method, known=names
        )
        written = pd.read_parquet(to)
        if method == "predict":
            pd.testing.assert_frame_equal(written, expected, check_categorical=False)
        else:
            sure = written["tall=yes"][(known["tall"] == "yes").to_numpy()]
            assert (sure == 1).all()
    with pytest.raises(ValueError, match=r"^known: .* names \['taller'\]"):
        list(network.predict(tmp_path / "new.parquet", known=["taller"]))
    with pytest.raises(TypeError, match="^known: .* is of type DataFrame, but X is a dataset"):
        list(network.predict(tmp_path / "new.parquet", known=known))


def test_standard_deviations_shrink_with_known_labels(network):
    X, y = new_rows()
    y_told, told = network.predict(X, return_std=True, known=y.drop(columns="height"))
    _, untold = network.predict(X, return_std=True)
    assert (told["height"] < 0.8 * untold["height"]).mean() > 0.9
    assert (told["weight"] == 0).all()
    assert told["tall"].isna().all()
    error = np.abs(y["height"] - y_told["height"])
    assert 0.5 < np.sqrt((error**2).mean()) / np.sqrt((told["height"] ** 2).mean()) < 1.4


@pytest.mark.parametrize("method", ["predict", "predict_interval", "complete", "sample_y"])
def test_the_network_runs_once_for_known_labels(network, method):
    X, y = new_rows()
    runs = []
    hook = network.module_.body.register_forward_hook(lambda *_: runs.append(1))
    options = (y,) if method == "complete" else ()
    getattr(network, method)(X, *options, **({} if options else {"known": y}))
    hook.remove()
    assert len(runs) == 1


def test_models_without_rows_apart_say_what_is_missing():
    X, y = make_dependent()
    params = {"n_members": 1, "max_epochs": 1, "early_stopping": False}
    model = PLEClassifierRegressor(**params).fit(X, y)
    per_task = PerTaskClassifierRegressor(LogisticRegression(), LinearRegression()).fit(X, y)
    for fitted in (model, per_task):
        with pytest.raises(ValueError, match="BlendClassifierRegressor"):
            fitted.predict(X, known=y)
        with pytest.raises(ValueError, match="BlendClassifierRegressor"):
            fitted.sample_y(X)
        assert not hasattr(fitted, "dependence_")


def test_added_tasks_are_independent_of_frozen_ones(network):
    X, y = make_dependent()
    grown = pickle.loads(pickle.dumps(network))
    new = (y["height"] > 10).astype(int).rename("old")
    grown.add_task(X.iloc[TRAIN], new.iloc[TRAIN])
    shown = grown.dependence_
    np.testing.assert_array_equal(shown.iloc[:4, :4], network.dependence_)
    assert (shown["old"].iloc[:4] == 0).all()
    assert grown.complete(X, y).notna().all().all()


@pytest.mark.parametrize("form", ["array", "series", "polars"])
def test_draws_have_the_form_of_y(form):
    X, y = make_dependent()
    given = {"array": y[["height", "weight"]].to_numpy(), "series": y["height"]}
    if form == "polars":
        polars = pytest.importorskip("polars")
        given["polars"] = polars.DataFrame({"height": y["height"], "tall": y["tall"]})
    model = PLEClassifierRegressor(n_members=4, max_epochs=2, random_state=0)
    drawn = model.fit(X, given[form]).sample_y(X.iloc[:7], 3, random_state=0)
    if form == "polars":
        assert drawn.shape == (21, 2)
        assert drawn.columns == ["height", "tall"]
    else:
        assert drawn.shape == ((7, 2, 3) if form == "array" else (7, 3))
        assert len(np.unique(drawn)) == drawn.size


def test_all_kinds_of_tasks_tell_and_are_told():
    X, y = make_table(300)
    rng = np.random.RandomState(0)
    shared = rng.normal(size=300)
    y = pd.DataFrame(
        {
            "time": np.exp(shared + 0.2 * rng.normal(size=300)) * rng.choice([1, -1], 300),
            "count": rng.poisson(np.exp(shared)),
            "amount": np.maximum(shared, 0) * 3,
            "grade": pd.Categorical(np.digitize(shared, [-1, 1]), ordered=True),
            "range": shared + rng.normal(size=300),
            "robust": shared + rng.standard_t(2, size=300),
            "claims": np.maximum(shared + rng.normal(size=300), 0),
        }
    )
    kinds = {"time": "survival", "count": "count", "amount": "hurdle", "range": "quantile"}
    kinds |= {"robust": "huber", "claims": "tweedie", "grade": "ordinal"}
    model = PLEClassifierRegressor(
        n_members=4, max_epochs=6, task_types=kinds, random_state=0
    ).fit(X, y)
    for task in y:
        known = y.drop(columns=task)
        told = model.predict(X, known=known)
        pd.testing.assert_frame_equal(
            told[known.columns].astype(float), known.astype(float), check_dtype=False
        )
        assert told[task].notna().all()
    assert (model.predict(X, known=y.drop(columns="time"))["time"] > 0).all()
    drawn = model.sample_y(X.iloc[:20], 50, random_state=0)
    assert (drawn[["time", "count", "amount", "claims"]] >= 0).all().all()
    assert (drawn["count"] == drawn["count"].round()).all()
    assert (np.abs(model.dependence_.to_numpy()) > 0.3).sum() > 2 * y.shape[1]


# -- events that depend on each other ---------------------------------------------------------


def make_chain():
    """Return a chain of events and two that depend on the first, and probabilities."""
    names = ["view", "click", "buy", "like"]
    tasks = [Binary().fit(np.array([0, 1]), np.ones(2), None) for _ in names]
    for task, name in zip(tasks, names, strict=True):
        task.name = name
    depends = {"click": "view", "buy": "click", "like": "view"}
    return Prerequisites(depends, tasks), {"view": 0.6, "click": 0.5, "buy": 0.2, "like": 0.3}


def test_known_events_follow_the_sum_over_all_outcomes():
    prerequisites, given = make_chain()
    names, joint = list(given), dict(given)
    for name, other in (("click", "view"), ("buy", "click"), ("like", "view")):
        joint[name] = given[name] * joint[other]
    parts = [np.array([[1 - joint[name], joint[name]]]) for name in names]

    def mass(outcome):
        total = 1.0
        for name, other in (("view", None), ("click", "view"), ("buy", "click"), ("like", "view")):
            p = given[name] if other is None or outcome[other] else 0.0
            total *= p if outcome[name] else 1 - p
        return total

    outcomes = [dict(zip(names, bits, strict=True)) for bits in product([0, 1], repeat=4)]
    for known in product([0, 1, None], repeat=4):
        possible = [
            (o, mass(o))
            for o in outcomes
            if all(k is None or o[n] == k for n, k in zip(names, known, strict=True))
        ]
        total = sum(m for _, m in possible)
        if total == 0:
            continue
        codes = np.array([[np.nan if k is None else float(k) for k in known]])
        filled, weights = np.nan_to_num(codes), np.isfinite(codes).astype(float)
        prerequisites.complete(filled, weights)
        codes = np.where(weights > 0, filled, np.nan)
        conditional, told = prerequisites.condition(parts, codes)
        # Evidence of one task about another is that of the chain alone here.
        shown = [
            part if np.isnan(code) else np.array([[1 - code, code]])
            for part, code in zip(conditional, codes[0], strict=True)
        ]
        found = [part[0, 1] for part in prerequisites.join(shown)]
        expected = [sum(m * o[name] for o, m in possible) / total for name in names]
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert np.isnan(told[np.isnan(codes)]).all()


def test_no_draw_has_an_event_without_the_one_it_depends_on():
    X, label = make_classification(600, 4, n_informative=3, n_redundant=0, random_state=0)
    rng = np.random.RandomState(0)
    buys = label & (rng.rand(600) < 0.4)
    y = pd.DataFrame({"click": label, "buy": buys, "sum": X[:, 0] + buys + rng.normal(size=600)})
    model = PLEClassifierRegressor(
        n_members=4, max_epochs=4, depends_on={"buy": "click"}, random_state=0
    ).fit(X, y)
    drawn = model.sample_y(X, 20, random_state=0)
    assert not ((drawn["buy"] == 1) & (drawn["click"] == 0)).any()
    assert drawn["buy"].mean() == pytest.approx(
        model.predict_proba_frame(X)["buy"][1].mean(), abs=0.02
    )
    told = model.predict_proba_frame(X, known=pd.DataFrame({"buy": np.ones(600, dtype=int)}))
    assert (told["click"][1] == 1).all()
    told = model.predict_proba_frame(X, known=pd.DataFrame({"click": np.zeros(600, dtype=int)}))
    assert (told["buy"][1] == 0).all()
    before = model.predict_proba_frame(X)
    told = model.predict_proba_frame(X, known=pd.DataFrame({"buy": np.zeros(600, dtype=int)}))
    assert (told["click"][1] < before["click"][1]).all()
    with pytest.raises(ValueError, match="'buy' depends on 'click'"):
        model.predict(X, known=pd.DataFrame({"click": np.zeros(600), "buy": np.ones(600)}))
