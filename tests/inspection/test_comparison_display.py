"""The gains' picture holds the gains' numbers, and its texts do not overlap."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import CenteredNorm

from sklearn_ple.inspection import Comparison, ComparisonDisplay


def make_gains(n_systems=3, n_tasks=2, seed=0):
    rng = np.random.RandomState(seed)
    rows = []
    for system, task in itertools.product(range(n_systems), range(n_tasks)):
        mean, half = rng.normal(scale=0.02), rng.uniform(0.001, 0.02)
        rows.append([f"some_system_{system}", f"longer_task_{task}", mean, mean - half])
        rows[-1].append(mean + half)
    return pd.DataFrame(rows, columns=["model", "task", "mean", "low", "high"])


def test_names_are_shown_as_they_are():
    gains = make_gains(2)
    gains["model"] = gains["model"].replace("some_system_0", "_$_$")
    gains["task"] = gains["task"].replace("longer_task_0", "$^$")
    display = ComparisonDisplay(gains, reference="$_$").plot()
    display.figure_.canvas.draw()
    ax = display.ax_
    assert [label.get_text() for label in ax.get_xticklabels()] == ["_$_$", "some_system_1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$^$", "longer_task_1"]
    assert ax.get_title().startswith("gain over $_$\n")


@pytest.mark.parametrize("n_tasks", [1, 2, 12])
def test_heat_map_holds_the_gains(n_tasks):
    gains = make_gains(n_systems=4, n_tasks=n_tasks)
    display = ComparisonDisplay(gains, reference="alone").plot()
    values = gains["mean"].to_numpy().reshape(4, n_tasks).T
    decided = ((by_hand := display.gains)["low"] > 0) | (by_hand["high"] < 0)
    drawn = np.asarray(display.image_.get_array())
    decided = decided.to_numpy().reshape(4, n_tasks).T
    np.testing.assert_array_equal(drawn[decided], values[decided])
    # The others have a colour, too, but a pale one.
    pale = drawn[~decided] / values[~decided]
    assert (pale > 0.1).all() and (pale < 0.5).all()
    reach = np.abs(values).max()
    assert display.image_.get_clim() == (-reach, reach)
    excludes_zero = decided.ravel().tolist()
    for text, value, without_zero in zip(
        display.texts_.flat, values.flat, excludes_zero, strict=True
    ):
        assert text.get_text().endswith("*") == without_zero
        assert float(text.get_text().rstrip("*").replace("−", "-")) == pytest.approx(
            value, abs=0.05 * reach
        )
    ax = display.ax_
    assert [label.get_text() for label in ax.get_xticklabels()] == list(gains["model"].unique())
    assert [label.get_text() for label in ax.get_yticklabels()] == list(gains["task"].unique())
    assert ax.get_title() == "gain over alone\n(* 95 % interval without zero; others pale)"


SCALES = [(1000.0, "+1000*"), (1e-4, "+0.00010*"), (0, "+0.0"), (-5e6, "−5.0e+06*")]


@pytest.mark.parametrize(("scale", "text"), SCALES)
def test_numbers_have_two_digits_at_least(scale, text):
    gains = pd.DataFrame(
        [["s", "t", scale, 0.5 * scale, 2 * scale]],
        columns=["model", "task", "mean", "low", "high"],
    )
    assert ComparisonDisplay(gains).plot().texts_[0, 0].get_text() == text


def test_undefined_gains_are_left_blank():
    gains = make_gains()
    gains.loc[0, ["mean", "low", "high"]] = np.nan
    gains.loc[1, ["low", "high"]] = np.nan
    display = ComparisonDisplay(gains).plot()
    display.figure_.draw_without_rendering()
    texts = [text.get_text() for text in display.texts_.T.flat]
    assert texts[0] == "–"
    assert not texts[1].endswith("*")


@pytest.mark.parametrize(("n_systems", "n_tasks"), [(3, 2), (10, 12)])
def test_texts_do_not_overlap(n_systems, n_tasks):
    display = ComparisonDisplay(make_gains(n_systems, n_tasks)).plot()
    display.figure_.draw_without_rendering()
    ax, room = display.ax_, display.figure_.bbox
    texts = [text for text in (*ax.texts, ax.title, *ax.get_yticklabels()) if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    assert all(room.x0 <= box.x0 and box.x1 <= room.x1 for box in boxes)
    for position, box in enumerate(boxes):
        assert box.count_overlaps(boxes[position + 1 :]) == 0


@pytest.mark.parametrize("length", [20, 60, 200])
def test_long_names_leave_room_for_the_numbers(length):
    gains = make_gains(2, 4)
    gains["task"] = gains["task"].map(lambda name: ("How satisfied? " * 20)[:length] + name[-2:])
    display = ComparisonDisplay(gains).plot()
    display.figure_.draw_without_rendering()
    height = display.ax_.get_position().height * display.figure_.get_figheight()
    assert height > 0.3 * 2
    boxes = [text.get_window_extent() for text in display.texts_.flat]
    assert not any(box.count_overlaps(boxes[k + 1 :]) for k, box in enumerate(boxes))


def test_gains_are_a_frame_with_all_columns():
    gain = Comparison(pd.DataFrame(), make_gains(), "r", 0.95, "5 seeds")
    with pytest.raises(TypeError, match="DataFrame first, not a Comparison: use the plot method"):
        ComparisonDisplay(gain).plot()
    with pytest.raises(ValueError, match=r"gains lacks the columns \['low'\]: add them"):
        ComparisonDisplay(gain.gains.drop(columns="low")).plot()


def test_given_axes_are_drawn_into():
    figure, (left, right) = plt.subplots(1, 2)
    display = Comparison(pd.DataFrame(), make_gains(), "r", 0.95, "5 seeds").plot(ax=right)
    assert display.ax_ is right and display.figure_ is figure
    assert not left.images


def test_keywords_reach_the_image():
    image = ComparisonDisplay(make_gains(n_tasks=3)).plot(cmap="PuOr", vmax=1).image_
    assert image.get_cmap().name == "PuOr" and image.get_clim()[1] == 1
    image = ComparisonDisplay(make_gains(n_tasks=3)).plot(norm=CenteredNorm(halfrange=2)).image_
    assert image.get_clim() == (-2, 2)
