"""Target statistics, against loops over categories and rows."""

import numpy as np
import pandas as pd
import pytest
from credibility import credible
from makers import Recorder, learn, read_table
from multitab import MultiTabNetClassifierRegressor

from sklearn_ple import (
    ESMMClassifier,
    PLEClassifierRegressor,
    export,
)
from sklearn_ple.encoding import statistics
from sklearn_ple.encoding.statistics import TargetStatistics, find_many_categories
from sklearn_ple.tasks import TASK_KINDS

TINY = {"n_members": 1, "max_epochs": 2, "random_state": 0}
N_CODES = 12


def tasks_of(*kinds):
    labels = {"binary": [0, 1], "multiclass": list("abc"), "survival": [1.0, -2.0, 3.0]}
    tasks = []
    for kind in kinds:
        own = np.array(labels.get(kind, [0.5, 1.5, 4.0]))
        own = own.astype(object) if own.dtype.kind == "U" else own
        tasks.append(TASK_KINDS[kind]().fit(own, np.ones(len(own)), None))
    return tasks


@pytest.fixture
def rows(seed):
    """Codes of two columns, targets of three tasks of which some are missing, and weights."""
    random = np.random.RandomState(seed)
    codes = random.randint(N_CODES, size=(300, 2))
    effects = random.normal(size=N_CODES)[codes[:, 1]]
    targets = np.column_stack(
        [
            random.normal(size=300) < effects,
            random.randint(3, size=300),
            effects + random.normal(size=300),
        ]
    )
    weights = random.choice([0.0, 0.5, 2.0], size=targets.shape)
    return codes, np.where(weights > 0, targets, 7.0), weights


KINDS = ("binary", "multiclass", "regression")


def questions(targets, weights):
    """What means are taken of: the second of two classes, each of three, a number."""
    first, second, third = targets.T
    yield first == 1, weights[:, 0]
    for code in range(3):
        yield second == code, weights[:, 1]
    yield third, weights[:, 2]


def test_numbers_are_those_of_a_loop_over_categories(rows):
    codes, targets, weights = rows
    read = np.arange(300) % 5 > 0
    learnt = TargetStatistics([1])
    own = learnt.learn(codes, targets, weights, tasks_of(*KINDS), [N_CODES] * 2, read)
    part_of = statistics._draw_parts(300)
    assert learnt.n_numbers == own.shape[1] == 5
    for column, (labels, w) in enumerate(questions(targets, weights)):
        labels = labels.astype(float)
        expected = credible(codes[read, 1], labels[read], w[read], N_CODES)
        np.testing.assert_allclose(learnt.tables[0][:, column], expected, atol=1e-9)
        for row in range(0, 300, 4):
            source = read & (part_of < part_of[row]) if read[row] else read
            expected = credible(codes[source, 1], labels[source], w[source], N_CODES)
            assert own[row, column] == pytest.approx(expected[codes[row, 1]], abs=1e-9)
    np.testing.assert_array_equal(learnt.transform(codes)[~read], own[~read])


def test_a_rows_own_labels_never_change_its_numbers(rows, seed):
    codes, targets, weights = rows
    tasks = tasks_of(*KINDS)
    sizes = [N_CODES] * 2
    read = np.random.RandomState(seed).uniform(size=300) < 0.8
    before = TargetStatistics([0, 1]).learn(codes, targets, weights, tasks, sizes, read)
    changed = 0
    for row in range(0, 300, 7):
        other, its_weights = targets.copy(), weights.copy()
        other[row] = [1 - other[row, 0], (other[row, 1] + 1) % 3, other[row, 2] + 9]
        its_weights[row] = 1.0
        after = TargetStatistics([0, 1]).learn(codes, other, its_weights, tasks, sizes, read)
        np.testing.assert_array_equal(after[row], before[row])
        changed += (after != before).any()
        assert read[row] or (after == before).all()
    assert changed > 20


def test_means_within_a_category_do_not_fall_with_a_rows_own_label(seed):
    # Those of all other rows do, and a network with embeddings would find the label out.
    random = np.random.RandomState(seed)
    codes = random.randint(50, size=(20_000, 1))
    labels = random.normal(size=50)[codes[:, 0]] + random.normal(size=20_000)
    own = TargetStatistics([0]).learn(
        codes, labels[:, None], np.ones((20_000, 1)), tasks_of("regression"), [50]
    )
    frame = pd.DataFrame({"code": codes[:, 0], "own": own[:, 0], "label": labels})
    within = frame[["own", "label"]] - frame.groupby("code")[["own", "label"]].transform("mean")
    slope = (within["own"] * within["label"]).mean() / within["own"].var()
    deviation = within["label"].std() / within["own"].std() / np.sqrt(20_000)
    assert abs(slope) < 4.5 * deviation


def test_where_categories_do_not_differ_there_is_nothing_to_tell(seed):
    random = np.random.RandomState(seed)
    codes = np.arange(400)[:, None]
    labels, weights = random.randint(2, size=(400, 1)), np.ones((400, 1))
    learnt = TargetStatistics([0])
    # Each category has a label or two: none is more than chance.
    assert not learnt.learn(codes, labels, weights, tasks_of("binary"), [400]).any()
    assert not learnt.tables[0].any()
    # All alike: by rounding alone are means different.
    same = np.full((400, 1), 0.1)
    learnt.learn(codes % 7, same, weights, tasks_of("regression"), [7])
    assert not learnt.tables[0].any()
    # So it is with weights, whatever the label is.
    with np.errstate(all="raise"):
        for label in random.normal(size=100):
            same, weights = np.full((9, 1), label), random.uniform(1, 2, (9, 1))
            learnt.learn(codes[:9] % 2, same, weights, tasks_of("regression"), [2])
            assert not learnt.tables[0].any()


def test_censored_times_have_none(rows):
    codes, targets, weights = rows
    learnt = TargetStatistics([0])
    own = learnt.learn(codes, targets[:, 2:], weights[:, 2:], tasks_of("survival"), [N_CODES] * 2)
    assert own.shape == (300, 0)
    assert learnt.n_numbers == 0


def test_columns_like_ids_are_found():
    many = np.repeat(np.arange(2, 258), 2)
    codes = np.column_stack([many, np.minimum(many, 256), np.where(many == 2, 0, many)])
    assert find_many_categories(np.count_nonzero(codes, axis=0), [258, 257, 258]) == [0]


# -- in an estimator ----------------------------------------------------------------------------


def visits(n_rows, n_users, seed=0):
    random = np.random.RandomState(seed)
    user = random.randint(n_users, size=n_rows)
    X = pd.DataFrame({"age": random.normal(size=n_rows), "user": [f"u{u}" for u in user]})
    bought = random.normal(size=n_rows) < random.normal(size=n_users)[user]
    spent = random.normal(size=n_users)[user] + random.normal(size=n_rows)
    y = pd.DataFrame({"bought": bought * 1.0, "spent": spent})
    y.iloc[::3, 1] = np.nan
    return X, y


@pytest.fixture(scope="module")
def learnt():
    """What is learnt by default of many users."""
    return learn(PLEClassifierRegressor(), *visits(1200, 280))


def test_ids_have_statistics_by_default_and_few_categories_have_none(learnt):
    assert learnt.encoder.n_numbers == learnt.features.n_numbers_ + 2
    X, y = visits(600, 40)
    few = PLEClassifierRegressor(**TINY)
    assert learn(few, X, y).encoder.statistics is None
    without = PLEClassifierRegressor(**TINY, target_statistics=False).fit(X, y)
    few.fit(X, y)
    for one, two in zip(few.module_.parameters(), without.module_.parameters(), strict=True):
        assert (one == two).all()


def test_statistics_belong_to_their_column_in_networks_that_read_by_columns(learnt):
    # Two tasks of one statistic each; a column of numbers comes first.
    assert learnt.encoder.indicators == [1, 1]
    X, y = visits(100, 30)
    X.loc[::9, "age"] = np.nan
    given = []

    class Spy(MultiTabNetClassifierRegressor):
        def make_network(self, in_features, tasks, **towers):
            given.extend(towers["columns"])
            return super().make_network(in_features, tasks, **towers)

    Spy(**TINY, target_statistics=True).partial_fit(X, y)
    age, user = given
    assert (age.name, user.name) == ("age", "user")
    # Of four numbers, "age" has itself and whether it is missing. Each embedding comes after them.
    assert age.places[:2] == [0, 1]
    assert user.places[:2] == [2, 3]


def test_columns_may_be_chosen():
    X, y = visits(100, 30)
    X["kind"], X["town"] = (pd.Categorical(list("ab") * 50), pd.Categorical(list("aabb") * 25))
    chosen = {
        "True": True,
        "True of NumPy": np.True_,
        "False of NumPy": np.False_,
        "names": ["user", "town"],
        "positions": [3, 1],
        "mask": X.columns.isin(["user", "town"]),
    }
    columns = {}
    for name, choice in chosen.items():
        model = PLEClassifierRegressor(target_statistics=choice)
        statistics = learn(model, X, y).encoder.statistics
        columns[name] = [] if statistics is None else statistics.columns.tolist()
    assert columns.pop("True") == columns.pop("True of NumPy") == [0, 1, 2]
    assert columns.pop("False of NumPy") == []
    # Of kind, town and user: codes are in the order of names.
    assert all(found == [1, 2] for found in columns.values())
    for choice, message in {
        "age": "target_statistics names column 'age' of X, which holds no categories",
        "shop": r"target_statistics names \['shop'\], which are not columns",
    }.items():
        with pytest.raises(ValueError, match=message):
            PLEClassifierRegressor(**TINY, target_statistics=[choice]).fit(X, y)


@pytest.mark.filterwarnings("ignore:No value of column 'user'")
def test_unseen_categories_are_as_all_are_on_average(learnt):
    X, _ = visits(3, 280)
    numbers, codes = learnt.encoder.transform(X.assign(user="nobody"))
    assert codes.tolist() == [[1]] * 3
    assert not numbers[:, -2:].any()
    assert learnt.encoder.transform(X)[0][:, -2:].all()


def test_what_is_learnt_is_saved_bit_for_bit(tmp_path):
    X, y = visits(1200, 280)
    fitted = PLEClassifierRegressor(**TINY, early_stopping=True, refit=True).fit(X, y)
    export.save(fitted, tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    assert loaded.predict(X).equals(fitted.predict(X))
    # And goes on alike: it knows the rows again.
    recorder = Recorder()
    for model in (loaded, fitted):
        model.set_params(callbacks=[recorder]).partial_fit(X, y)
    one, other = (rows.array("numbers") for rows, *_ in recorder.trainings)
    np.testing.assert_array_equal(one, other)


def test_labels_of_validation_are_not_learnt_from():
    X, y = visits(1200, 280)
    held = np.arange(1200) % 4 == 0
    split = [(np.flatnonzero(~held), np.flatnonzero(held))]

    class Split:
        def split(self, X, y=None, groups=None):
            yield from split

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    def fit_means(model, *rows, **apart):
        """Fit a model, and return the means that it learns, by user."""
        encoder = model.fit(*rows, **apart)._encoder
        codes, table = encoder.features.columns_[0], encoder.statistics.tables[0]
        return pd.DataFrame(table[2:], index=codes.categories)

    model = PLEClassifierRegressor(**TINY, validation_split=Split(), refit=False)
    one = fit_means(model, X, y)
    other = y.copy()
    other[held] = 1 - y[held]
    # But for rounding: numbers are scaled by all labels first.
    pd.testing.assert_frame_equal(fit_means(model, X, other), one, rtol=0, atol=1e-9)
    refitted = fit_means(model.set_params(refit=True), X, y)
    assert (refitted - one).abs().max(axis=None) > 0.01
    apart = PLEClassifierRegressor(**TINY, target_statistics=True)
    of_train = fit_means(apart, X[~held], y[~held], X_val=X[held], y_val=other[held])
    pd.testing.assert_series_equal(of_train[0], one.loc[of_train.index, 0], rtol=1e-6)


def test_class_weights_have_no_part_in_what_is_learnt():
    X, y = visits(300, 30)
    params = {"target_statistics": True, "numeric_embedding": "bins"}
    encoders = [
        learn(PLEClassifierRegressor(**params, class_weight=own), X, y).encoder
        for own in (None, {"bought": {1.0: 9.0}})
    ]
    one, other = (encoder.statistics.tables[0] for encoder in encoders)
    np.testing.assert_array_equal(one, other)
    one, other = (encoder.maker.edges[0] for encoder in encoders)
    np.testing.assert_array_equal(one, other)


def test_training_goes_on_with_what_was_learnt_at_first():
    X, y = visits(1200, 280)
    model = PLEClassifierRegressor(**TINY, warm_start=True).partial_fit(X, y)
    encoder = model._encoder
    learnt, form = encoder.statistics.tables[0], encoder.targets.form
    encoded = encoder.apply(read_table(model, X, y, like=form))
    started, numbers = encoder.learn_from_labels(encoded)
    np.testing.assert_array_equal(started.statistics.tables[0], learnt)
    # The same rows are read without their own labels again, others by all that was learnt.
    np.testing.assert_array_equal(encoder.resume(encoded), numbers)
    assert (numbers != encoder.transform(X)[0]).any()
    more = visits(300, 280, seed=1)
    encoded = encoder.apply(read_table(model, *more, like=form))
    np.testing.assert_array_equal(encoder.resume(encoded), encoder.transform(more[0])[0])
    for train in (model.partial_fit, model.fit):
        for rows in ((X, y), more):
            assert train(*rows)._encoder.statistics.tables[0] is learnt


def test_training_goes_on_without_the_labels_that_were_left_out(rows):
    codes, targets, weights = rows
    read, tasks = np.arange(300) % 4 > 0, tasks_of(*KINDS)
    learnt = TargetStatistics([0, 1])
    numbers = learnt.learn(codes, targets, weights, tasks, [N_CODES] * 2, read)
    np.testing.assert_array_equal(learnt.resume(codes, targets, weights, tasks), numbers)


def test_rows_that_were_left_out_are_saved(tmp_path):
    X, y = visits(600, 280)
    model = PLEClassifierRegressor(**TINY, target_statistics=True, early_stopping=True)
    model.set_params(refit=False).fit(X, y)
    export.save(model, tmp_path / "model.safetensors")
    own, loaded = (
        m._encoder.statistics for m in (model, export.load(tmp_path / "model.safetensors"))
    )
    assert own.read.sum() == 540
    np.testing.assert_array_equal(loaded.read, own.read)
    assert loaded.n_tasks == own.n_tasks == 2


def test_training_goes_on_with_what_was_learnt_before_a_task_was_added():
    X, y = visits(1200, 280)
    model = PLEClassifierRegressor(**TINY, target_statistics=True).partial_fit(X, y)

    def numbers(labels):
        encoder = model._encoder
        table = read_table(model, X, labels, like=encoder.targets.form)
        return encoder.resume(encoder.apply(table))

    before = numbers(y)
    y["more"] = np.arange(1200) % 7 + 0.5
    model.add_task(X, y["more"])
    np.testing.assert_array_equal(numbers(y), before)


def test_random_labels_are_not_found_out():
    random = np.random.RandomState(0)
    X = pd.DataFrame({"user": [f"u{u}" for u in random.randint(700, size=1500)]})
    y = pd.DataFrame({"bought": random.randint(2, size=1500) * 1.0})
    model = PLEClassifierRegressor(**TINY, target_statistics=True, early_stopping=True)
    model.set_params(max_epochs=8).fit(X[:1000], y[:1000])
    # 500 rows are right by chance, 22 more or fewer two thirds of the time.
    assert abs(model.score(X[1000:], y[1000:]) - 0.5) < 0.1


def test_every_kind_of_task_and_dependence(seed):
    X, y = visits(200, 30, seed)
    y = pd.DataFrame({"click": y["bought"], "buy": y["bought"] * (X["age"] > 0)})
    model = ESMMClassifier(**TINY, target_statistics=["user"]).fit(X, y)
    assert np.isfinite(model.predict_proba(X)[1]).all()
    random = np.random.RandomState(seed)
    y = {kind: random.uniform(0.5, 4, size=200) for kind in TASK_KINDS}
    classes = random.randint(3, size=200)
    y |= {"binary": classes > 0, "multiclass": classes, "ordinal": classes, "count": classes}
    model = PLEClassifierRegressor(task_types={kind: kind for kind in y}, target_statistics=True)
    learnt = learn(model, X, pd.DataFrame(y))
    assert np.isfinite(learnt.encoder.transform(X)[0]).all()
    assert np.isfinite(learnt.numbers).all()
