"""The training history's picture holds the history's numbers."""

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import PLERegressor
from sklearn_ple.inspection import TrainingHistoryDisplay


def fit(n_tasks=2, **parameters):
    X, y = make_regression(n_samples=60, n_features=4, n_targets=n_tasks, random_state=0)
    parameters = {"max_epochs": 4, "random_state": 0} | parameters
    return PLERegressor(**parameters).fit(X, y)


def drawn(lines):
    return [line.get_ydata().tolist() for line in lines]


@pytest.mark.parametrize("validated", [False, True])
def test_lines_hold_the_history(validated):
    model = fit(early_stopping=validated)
    display = TrainingHistoryDisplay.from_estimator(model)
    assert [ax.get_title() for ax in display.axes_] == ["joint loss", "y0", "y1"]
    parts = ["", "valid_"] if validated else [""]
    assert display.lines_.shape == (3, len(parts))
    for part, lines in zip(parts, display.lines_.T, strict=True):
        joint = [entry[f"{part}loss"] for entry in model.history_]
        of_tasks = np.array([entry[f"{part}task_losses"] for entry in model.history_])
        assert drawn(lines) == [joint, *of_tasks.T.tolist()]
        assert all(line.get_xdata().tolist() == [1, 2, 3, 4] for line in lines)


def test_best_epoch_is_marked():
    valid_losses = [3.0, 1.0, 2.0]
    history = [
        {"epoch": epoch, "loss": 5.0, "task_losses": [2.0, 3.0], "valid_loss": loss}
        | {"valid_task_losses": [loss, 0.0]}
        for epoch, loss in enumerate(valid_losses, start=1)
    ]
    display = TrainingHistoryDisplay(history, ["a", "b"]).plot()
    assert display.best_epoch_ == 2
    for ax in display.axes_:
        (mark,) = [line for line in ax.lines if line.get_label() == "best epoch (2)"]
        assert list(mark.get_xdata()) == [2, 2]


def test_without_validation_no_best_epoch_is_marked():
    display = TrainingHistoryDisplay.from_estimator(fit(early_stopping=False))
    assert display.best_epoch_ is None
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["training"]


def test_epochs_without_validation_leave_a_gap():
    model = fit(early_stopping=False, warm_start=True)
    X, y = make_regression(n_samples=60, n_features=4, n_targets=2, random_state=0)
    model.set_params(early_stopping=True).fit(X, y)
    display = TrainingHistoryDisplay.from_estimator(model)
    assert np.isnan(display.lines_[0, 1].get_ydata()).tolist() == [True] * 4 + [False] * 4
    assert display.best_epoch_ > 4


def test_validation_that_is_never_finite_has_no_best_epoch():
    entry = {"epoch": 1, "loss": np.nan, "task_losses": [np.nan]}
    history = [entry | {"valid_loss": np.nan, "valid_task_losses": [np.nan]}]
    assert TrainingHistoryDisplay(history, ["a"]).plot().best_epoch_ is None


def test_a_task_without_labels_has_no_line():
    X, y = make_regression(n_samples=60, n_features=4, n_targets=2, random_state=0)
    y[:20, 1] = np.nan
    model = fit()
    with pytest.warns(UserWarning, match="'y1' has no label among the validation rows"):
        model.fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20])
    display = TrainingHistoryDisplay.from_estimator(model)
    assert np.isfinite([line.get_ydata() for line in display.lines_[:2].flat]).all()
    training, validation = (line.get_ydata() for line in display.lines_[2])
    assert np.isfinite(training).all() and np.isnan(validation).all()
    # Further epochs may have no validation.
    history = [*model.history_, {"epoch": 9, "loss": 1.0, "task_losses": [1.0, 1.0]}]
    lines = TrainingHistoryDisplay(history, model.task_names_).plot().lines_
    assert np.isnan(lines[2, 1].get_ydata()).all()


def test_single_task_has_a_single_panel():
    display = TrainingHistoryDisplay.from_estimator(fit(n_tasks=1))
    assert [ax.get_title() for ax in display.axes_] == ["y"]


@pytest.mark.parametrize("n_tasks", [6, 12])
def test_panels_do_not_overlap(n_tasks):
    display = TrainingHistoryDisplay.from_estimator(fit(n_tasks=n_tasks))
    display.figure_.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in display.axes_]
    for position, box in enumerate(boxes):
        assert box.count_overlaps(boxes[position + 1 :]) == 0


def test_names_are_shown_as_they_are():
    history = [{"epoch": 1, "loss": 1.0, "task_losses": [1.0, 2.0]}]
    display = TrainingHistoryDisplay(history, ["x$_$y", "_b"]).plot()
    display.figure_.canvas.draw()
    assert [ax.get_title() for ax in display.axes_] == ["joint loss", "x$_$y", "_b"]


def test_keywords_reach_the_lines():
    display = TrainingHistoryDisplay.from_estimator(fit(early_stopping=True), linewidth=3)
    assert {line.get_linewidth() for line in display.lines_.flat} == {3}
    assert [line.get_linestyle() for line in display.lines_[0]] == ["-", "--"]
    lines = display.plot(ls=":", c="red").lines_.flat
    assert {(line.get_linestyle(), line.get_color()) for line in lines} == {(":", "red")}


def test_without_a_complete_epoch_the_panels_are_empty():
    display = TrainingHistoryDisplay([], ["a", "b"]).plot()
    assert [ax.get_title() for ax in display.axes_] == ["joint loss", "a", "b"]
    assert drawn(display.lines_.ravel()) == [[], [], []] and display.best_epoch_ is None


def test_a_pipeline_shows_its_last_step():
    X, y = make_regression(n_samples=60, n_features=4, n_targets=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), PLERegressor(n_members=1, max_epochs=2)).fit(X, y)
    display = TrainingHistoryDisplay.from_estimator(pipeline)
    assert drawn(display.lines_[0]) == [[entry["loss"] for entry in pipeline[-1].history_]]
    with pytest.raises(TypeError, match="LinearRegression has no attribute task_names_"):
        TrainingHistoryDisplay.from_estimator(LinearRegression().fit(X, y))


def test_without_matplotlib_the_error_says_how_to_install_it(hide):
    model = fit()
    hide("matplotlib")
    with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[plots\]'"):
        TrainingHistoryDisplay.from_estimator(model)
