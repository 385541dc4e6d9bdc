"""The gates' picture holds the gates' numbers, and a warning names what is not used."""

import warnings
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from makers import make_complete_table, make_tiny
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ple import (
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
)
from sklearn_ple.inspection import GateUtilizationDisplay

N = 50


class Stub:
    """Stands for a fitted estimator whose gates' weights are known, and for its network."""

    task_names_ = ()

    def __init__(self, *levels):
        self.levels = levels
        self.module_ = self

    def gate_weights(self, X):
        return list(self.levels)

    def gate_names(self, tasks):
        return [[] for _ in self.levels]

    def expert_names(self, tasks):
        return []

    def nodes(self, tasks):
        return []


def draw(*levels, **kwargs):
    return GateUtilizationDisplay.from_estimator(Stub(*levels), None, **kwargs)


def random_gate(experts, rng):
    return pd.DataFrame(rng.dirichlet(np.full(len(experts), 3.0), N), columns=experts)


def random_ple(tasks=("a", "b"), n_levels=2, n_specific=1, n_shared=1):
    rng = np.random.RandomState(0)
    shared = [f"shared {i + 1}" for i in range(n_shared)]
    own = {task: [f"{task} {i + 1}" for i in range(n_specific)] for task in tasks}
    levels = [
        {task: random_gate(own[task] + shared, rng) for task in tasks} for _ in range(n_levels)
    ]
    for level in levels[:-1]:
        level["shared"] = random_gate([*chain(*own.values()), *shared], rng)
    return levels


def constant(**weights):
    return pd.DataFrame([weights] * 4)


def rows_of(display, level, gate):
    table = display.utilization
    return table[(table["level"] == level) & (table["gate"] == gate)]


def test_utilization_holds_mean_and_standard_deviation():
    levels = random_ple()
    display = draw(*levels)
    expected = [
        [number, gate, expert, np.mean(frame[expert].array), np.std(frame[expert].array)]
        for number, level in enumerate(levels, start=1)
        for gate, frame in level.items()
        for expert in frame
    ]
    columns = ["level", "gate", "expert", "mean", "std"]
    pd.testing.assert_frame_equal(display.utilization, pd.DataFrame(expected, columns=columns))
    assert display.collapsed.empty and set(display.health["state"]) == {"healthy"}


def test_bars_hold_the_utilization():
    display = draw(*random_ple())
    assert [ax.get_title() for ax in display.axes_] == ["level 1", "level 2"]
    assert [list(bars) for bars in display.bars_] == [["a", "b", "shared"], ["a", "b"]]
    names = {
        tick: label.get_text()
        for tick, label in zip(
            display.axes_[-1].get_xticks(), display.axes_[-1].get_xticklabels(), strict=True
        )
    }
    ticks = np.array(list(names))
    # Experts that more gates read come last.
    assert list(names.values()) == ["a 1", "b 1", "shared 1"]
    for level, drawn in enumerate(display.bars_, start=1):
        for gate, bars in drawn.items():
            rows = rows_of(display, level, gate)
            assert [bar.get_height() for bar in bars] == rows["mean"].tolist()
            (ends,) = bars.errorbar.lines[2]
            lengths = [np.ptp(segment[:, 1]) for segment in ends.get_segments()]
            np.testing.assert_allclose(lengths, 2 * rows["std"])
            nearest = [
                ticks[np.abs(ticks - bar.get_x() - bar.get_width() / 2).argmin()] for bar in bars
            ]
            assert [names[tick] for tick in nearest] == rows["expert"].tolist()


@pytest.mark.parametrize("n_tasks", [11, 30])
def test_a_gate_has_one_look_at_all_levels_and_no_two_the_same(n_tasks):
    display = draw(*random_ple(tasks=[f"task {i}" for i in range(n_tasks)]))
    looks = [
        {
            (gate, bar.get_facecolor(), bar.get_hatch())
            for gate, bars in drawn.items()
            for bar in bars
        }
        for drawn in display.bars_
    ]
    assert looks[1] < looks[0]
    assert len({look[1:] for look in looks[0]}) == len(looks[0]) == n_tasks + 1


def test_even_shares_are_marked():
    (ax, _) = draw(*random_ple()).axes_
    marks = [marks for marks in ax.collections if marks.get_label() == "even share"]
    heights = [[segment[0, 1] for segment in each.get_segments()] for each in marks]
    assert heights == [[1 / 2] * 2, [1 / 2] * 2, [1 / 3] * 3]


def test_an_expert_that_no_gate_of_its_level_uses_is_idle():
    busy, idle = (
        {"one": 0.49, "two": 0.49, "three": 0.02},
        {"one": 0.5, "two": 0.49, "three": 0.01},
    )
    with pytest.warns(
        UserWarning, match="'three' of level 2.* its mean weight is 0.045 of"
    ) as caught:
        display = draw(
            {"a": constant(**busy), "b": constant(**busy)},
            {"a": constant(**busy), "b": constant(**idle)},
        )
    assert [warning.filename for warning in caught] == [__file__]
    (idle,) = display.health[display.health["state"] == "idle"].itertuples()
    assert (idle.level, idle.expert, idle.share) == (2, "three", pytest.approx(0.045))
    assert display.collapsed.empty


def test_gates_that_have_hardly_learnt_have_no_fault():
    X, y = make_complete_table(60)
    model = PLEClassifierRegressor(n_members=1, max_epochs=1, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GateUtilizationDisplay.from_estimator(model, X)


def test_an_expert_that_one_gate_uses_is_not_idle():
    only = constant(one=0.94, two=0.06)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = draw({"a": only, "b": constant(one=0.7, two=0.3)})
    assert set(display.health["state"]) == {"healthy"}


def test_a_gate_of_one_expert_in_most_rows_collapses():
    # Two of three rows to one expert, a third row to the other: the mean weights do not show it.
    hard = pd.DataFrame({"one": [0.99, 0.98, 0.01], "two": [0.01, 0.02, 0.99]})
    with pytest.warns(UserWarning, match="'b' of level 1 has collapsed, in most rows .* 'one'"):
        display = draw({"a": constant(one=0.7, two=0.3), "b": hard})
    expected = [[1, "b", "one", pytest.approx((0.99 + 0.98 + 0.99) / 3)]]
    assert display.collapsed.values.tolist() == expected


def test_a_gate_of_a_single_expert_does_not_collapse():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = draw({"a": constant(one=1.0)}, {"a": constant(one=1.0)})
    assert display.collapsed.empty
    assert display.axes_.shape == (2,)


@pytest.mark.parametrize(
    "levels",
    [
        random_ple([f"task {i}" for i in range(6)], n_levels=4, n_specific=8, n_shared=8),
        random_ple([f"a task with a long name {i}" for i in range(6)]),
        random_ple(["y"], n_levels=1),
        random_ple([f"task {i}" for i in range(30)], n_levels=1),
    ],
    ids=["many", "long names", "one gate", "many tasks"],
)
def test_texts_do_not_overlap(levels):
    display = draw(*levels)
    display.figure_.draw_without_rendering()
    (legend,) = display.figure_.legends
    texts = [ax.title for ax in display.axes_] + [legend]
    texts += [*display.axes_[-1].get_xticklabels(), *display.axes_[0].get_yticklabels()]
    boxes = [text.get_window_extent() for text in texts]
    room = display.figure_.bbox
    for position, box in enumerate(boxes):
        assert room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 <= box.y1 <= room.y1
        assert box.count_overlaps(boxes[position + 1 :]) == 0
    assert all(text.get_rotation() == 0 for text in display.axes_[0].get_yticklabels())
    # The names leave the bars some room.
    assert min(ax.get_window_extent().height for ax in display.axes_) > 0.8 * display.figure_.dpi


def test_many_gates_have_rows_that_fit_a_notebook_and_hold_the_utilization():
    display = draw(*random_ple([f"amount of spending {i}" for i in range(25)]))
    assert display.figure_.get_figwidth() < 10
    ax = display.axes_[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    rows = dict(zip(ax.get_yticks(), names, strict=True))
    for gate, bars in display.bars_[0].items():
        wanted = rows_of(display, 1, gate)
        assert [bar.get_width() for bar in bars] == wanted["mean"].tolist()
        own = bars[0].get_y() + bars[0].get_height() / 2
        nearest = min(rows, key=lambda place, own=own: abs(place - own))
        assert rows[nearest] == wanted["expert"].iloc[0]


def test_names_are_shown_as_they_are():
    dead = pd.DataFrame({"level": [1], "expert": ["x$_$y 1"], "state": ["dead"]})
    tasks = ("x$_$y", "_u", "even share")
    display = draw(*random_ple(tasks))
    display = GateUtilizationDisplay(display.utilization, health=dead).plot()
    display.figure_.canvas.draw()
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == [*tasks, "shared", "even share"]


def test_keywords_reach_the_bars():
    display = draw(*random_ple(), width=0.5, alpha=0.7)
    bars = [bar for drawn in display.bars_ for bars in drawn.values() for bar in bars]
    np.testing.assert_allclose([bar.get_width() for bar in bars], 0.5)
    assert {bar.get_alpha() for bar in bars} == {0.7}
    bars = draw(*random_ple(), lw=2).bars_[0]["a"]
    assert {bar.get_linewidth() for bar in bars} == {2}


def test_utilization_without_a_column_is_an_error():
    with pytest.raises(ValueError, match=r"utilization lacks the columns \['level', 'gate'\]"):
        GateUtilizationDisplay(pd.DataFrame(columns=["expert", "mean", "std"])).plot()


def test_utilization_alone_can_be_drawn():
    display = GateUtilizationDisplay(draw(*random_ple()).utilization)
    assert display.plot() is display
    assert display.health is None and display.collapsed is None


@pytest.fixture(scope="module")
def data():
    return make_complete_table(N)


def fit(cls, data, **params):
    return make_tiny(cls, n_levels=2, **params).fit(*data)


def test_the_gates_of_ple_are_drawn_by_level_and_task(data):
    model = fit(PLEClassifierRegressor, data)
    display = GateUtilizationDisplay.from_estimator(model, data[0])
    groups = display.utilization.groupby(["level", "gate"], sort=False)["expert"].agg(list)
    assert groups.to_dict() == {
        (1, "late"): ["late 1", "shared 1"],
        (1, "price"): ["price 1", "shared 1"],
        (1, "shared gate"): ["late 1", "price 1", "shared 1"],
        (2, "late"): ["late 1", "shared 1"],
        (2, "price"): ["price 1", "shared 1"],
    }
    means = model.gate_weights(data[0])[1]["price"].mean()
    rows = rows_of(display, 2, "price")
    np.testing.assert_allclose(rows["mean"], means)
    sums = display.utilization.groupby(["level", "gate"])["mean"].sum()
    np.testing.assert_allclose(sums, 1.0, rtol=1e-6)


def test_the_gates_of_mmoe_share_all_experts(data):
    model = fit(MMoEClassifierRegressor, data, n_experts=3)
    display = GateUtilizationDisplay.from_estimator(model, data[0])
    assert [list(drawn) for drawn in display.bars_] == [
        ["to expert 1", "to expert 2", "to expert 3"],
        ["late", "price"],
    ]
    assert set(display.utilization["expert"]) == {"expert 1", "expert 2", "expert 3"}


@pytest.mark.parametrize("steps", [[], [StandardScaler(), FunctionTransformer()]])
def test_pipelines_transform_first(data, steps):
    X, y = data
    model = make_pipeline(
        *steps, PLEClassifierRegressor(max_epochs=1, n_members=1, random_state=0)
    ).fit(X, y)
    display = GateUtilizationDisplay.from_estimator(model, X)
    prepared = StandardScaler().fit_transform(X) if steps else X
    (weights,) = model[-1].gate_weights(prepared)
    rows = rows_of(display, 1, "late")
    np.testing.assert_allclose(rows["mean"], weights["late"].mean())


def test_estimators_without_gates_are_refused():
    with pytest.raises(TypeError, match="SharedBottomClassifierRegressor has no gates: use"):
        GateUtilizationDisplay.from_estimator(SharedBottomClassifierRegressor(), None)
