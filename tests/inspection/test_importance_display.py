"""The picture holds the importances, the greatest on top, and can be read with many features."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm

from sklearn_ple import PLERegressor
from sklearn_ple.inspection import ImportanceDisplay, MultiTaskImportance, multitask_importance


def make_importance(n_features=6, n_tasks=3, scale=0.1, seed=0):
    rng = np.random.RandomState(seed)
    drops = rng.exponential(scale, size=(n_features, n_tasks, 1))
    drops = drops + rng.normal(0, scale / 2, size=(n_features, n_tasks, 4))
    tasks = [f"longer_task_{k}" for k in range(n_tasks)]
    features = [f"a_longer_column_{k}" for k in range(n_features)]
    return MultiTaskImportance(features, tasks, drops, dict.fromkeys(tasks, 0.5))


def number(text):
    return float(text.get_text().strip("()").replace("−", "-"))


@pytest.mark.parametrize("n_tasks", [2, 3, 12])
def test_cells_hold_the_means_by_their_order(n_tasks):
    importance = make_importance(n_tasks=n_tasks)
    display = ImportanceDisplay(importance).plot()
    table = importance.importances_mean
    means = table.iloc[np.argsort(-table["mean of tasks"].to_numpy())]
    # Many tasks are rows, so that the picture is not wider than a page.
    names, drawn = [list(means.index), list(table.columns)], means.clip(lower=0).to_numpy()
    if n_tasks == 12:
        names, drawn = names[::-1], drawn.T
        assert display.figure_.get_figwidth() < 9
    np.testing.assert_array_equal(display.image_.get_array(), drawn)
    numbers = np.vectorize(number)(display.texts_)
    np.testing.assert_allclose(numbers, means, atol=0.0005001)
    ax = display.ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == names[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == names[1]
    assert ax.get_xlabel() == ""


def test_what_may_be_chance_is_in_brackets():
    importance = make_importance(n_features=30)
    importance.importances[:3, 0] = [[-0.3, -0.31, -0.29, -0.3], [0.9, -0.3, 0.9, 0.9], [0.0] * 4]
    display = ImportanceDisplay(importance).plot(max_features=None)
    low, high = (
        importance.frame[end].to_numpy().reshape(30, 4)[importance.order]
        for end in ("low", "high")
    )
    in_brackets = np.vectorize(lambda text: text.get_text()[0] == "(")(display.texts_)
    np.testing.assert_array_equal(in_brackets, (low <= 0) & (high >= 0))
    assert 0 < in_brackets.sum() < in_brackets.size
    assert display.ax_.get_title() == "in brackets: 95 % interval includes zero"


def test_a_single_shuffle_has_no_interval():
    drops = np.array([[[0.3]], [[-0.1]]])
    display = ImportanceDisplay(MultiTaskImportance(["a", "b"], ["t"], drops, {"t": 0.5})).plot()
    assert [text.get_text() for text in display.texts_.flat] == ["0.300", "−0.100"]
    assert display.ax_.get_title() == ""


def test_of_many_features_the_first_are_drawn_and_the_rest_counted():
    importance = make_importance(n_features=50)
    display = importance.plot()
    assert display.texts_.shape == (20, 4)
    assert display.ax_.get_xlabel() == "not shown: 30 that matter less on the mean"
    means = importance.importances_mean["mean of tasks"]
    shown = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert shown == means.nlargest(20).index.tolist()
    assert ImportanceDisplay(importance).plot(max_features=None).texts_.shape == (50, 4)


SCALES = [(1000.0, "1000"), (1e-4, "0.000100"), (0, "0.00"), (3e8, "3.00e+08"), (2e-9, "2.00e−09")]


@pytest.mark.parametrize(("scale", "text"), SCALES)
def test_numbers_have_three_digits_at_least(scale, text):
    importance = MultiTaskImportance(["f"], ["t"], np.full((1, 1, 1), scale), {"t": 0.5})
    assert ImportanceDisplay(importance).plot().texts_[0, 0].get_text() == text


def test_units_of_tasks_may_differ():
    drops = np.array([[[0.05], [3e5]], [[0.01], [-2e4]]])
    importance = MultiTaskImportance(["a", "b"], ["auc", "mse"], drops, {"auc": 0.9, "mse": 5})
    texts = [
        [text.get_text() for text in row] for row in ImportanceDisplay(importance).plot().texts_
    ]
    assert [row[:2] for row in texts] == [["0.0500", "3.00e+05"], ["0.0100", "−2.00e+04"]]


def test_undefined_importances_are_left_blank():
    importance = make_importance()
    importance.importances[:, 1] = np.nan
    display = ImportanceDisplay(importance).plot()
    display.figure_.draw_without_rendering()
    assert {text.get_text() for text in display.texts_[:, 1]} == {"–"}
    assert all(np.isfinite(number(text)) for text in display.texts_[:, [0, 2, 3]].flat)
    importance.importances[:] = np.nan
    ImportanceDisplay(importance).plot().figure_.draw_without_rendering()


@pytest.mark.parametrize(("n_features", "n_tasks"), [(2, 1), (2, 3), (50, 6), (50, 12)])
def test_texts_neither_overlap_nor_leave_the_picture(n_features, n_tasks):
    display = ImportanceDisplay(make_importance(n_features, n_tasks)).plot()
    display.figure_.draw_without_rendering()
    ax, room = display.ax_, display.figure_.bbox
    bar = display.image_.colorbar.ax
    texts = [*display.texts_.flat, ax.title, ax.xaxis.label, bar.yaxis.label]
    texts += [*ax.get_yticklabels(), *ax.get_xticklabels()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    for box in boxes:
        assert room.x0 <= box.x0 and box.x1 <= room.x1
        assert room.y0 <= box.y0 and box.y1 <= room.y1
    # Labels that are turned have boxes that overlap, though they do not.
    level = boxes[: len(boxes) - len(ax.get_xticklabels())]
    for position, box in enumerate(level):
        assert box.count_overlaps(level[position + 1 :]) == 0


def test_names_are_taken_literally():
    names = [r"a$\frac$", "$x$"]
    importance = MultiTaskImportance(names, ["$t$"], np.ones((2, 1, 2)), {"$t$": 0.5})
    ImportanceDisplay(importance).plot().figure_.draw_without_rendering()


def test_given_axes_are_drawn_into_with_the_keywords():
    figure, (left, right) = plt.subplots(1, 2)
    options = {"cmap": "Greens", "vmax": 2}
    display = make_importance().plot(ax=right, **options)
    assert display.ax_ is right and display.figure_ is figure and not left.images
    assert display.image_.get_cmap().name == "Greens" and display.image_.get_clim() == (0, 2)
    assert isinstance(display.image_.norm, PowerNorm)
    # All cells are light on this scale.
    assert {text.get_color() for text in display.texts_.flat} == {"black"}


def test_from_estimator_measures_and_draws():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(40, 3)), columns=list("abc"))
    y = X[["a", "b"]].add_prefix("y ")
    model = PLERegressor(max_epochs=2, n_members=1, random_state=0).fit(X, 2 * y)
    options = {"n_repeats": 2, "random_state": 0, "groups_of_columns": {"ab": ["a", "b"]}}
    display = ImportanceDisplay.from_estimator(model, X, y, **options)
    wanted = multitask_importance(model, X, y, **options)
    np.testing.assert_array_equal(display.importance.importances, wanted.importances)
    assert display.texts_.shape == (1, 3)


def test_no_feature_to_draw_is_an_error():
    with pytest.raises(ValueError, match="'max_features' parameter .* Got 0"):
        ImportanceDisplay(make_importance()).plot(max_features=0)
