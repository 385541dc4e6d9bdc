"""The drawing of a network, read back from its SVG."""

import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from makers import make_complete_table, make_tiny
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import (
    AdaTTClassifierRegressor,
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
)
from sklearn_ple.inspection import NetworkDiagram
from sklearn_ple.nn.diagram import Node
from sklearn_ple.nn.drawing import COLOURS, SHARED_COLOUR, Outline, draw_svg

N = 40
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def X():
    return make_complete_table(N)[0]


def labels(X, names):
    """Labels of as many tasks, classes and numbers by turns."""
    rng = np.random.RandomState(1)
    return pd.DataFrame(
        {name: rng.randn(N) if i % 2 else rng.randn(N) > 0 for i, name in enumerate(names)}
    )


def fitted(X, n_tasks=2, cls=PLEClassifierRegressor, names="abcdefgh", **params):
    model = make_tiny(cls, **({"numeric_embedding": None} | params))
    return model.fit(X, labels(X, list(names)[:n_tasks]))


def drawing(estimator, X=None):
    return ET.fromstring(NetworkDiagram.from_estimator(estimator, X)._repr_svg_())


def kinds(svg):
    """How many nodes of each kind are drawn."""
    return Counter(
        kind for group in svg.iter(f"{SVG}g") if (kind := group.get("data-kind", "task")) != "task"
    )


def texts(svg):
    return [element.text for element in svg.iter(f"{SVG}text")]


def weighted_lines(svg):
    """Widths of the lines into gates, by what their titles say."""
    return {
        path.find(f"{SVG}title").text.split(":")[0]: float(path.get("stroke-width"))
        for path in svg.iter(f"{SVG}path")
        if "stroke-width" in path.attrib
    }


@pytest.mark.parametrize(
    ("n_tasks", "n_levels", "n_shared", "n_specific"),
    [(1, 1, 1, 1), (2, 1, 1, 1), (3, 2, 3, 2), (8, 1, 0, 2), (8, 4, 8, 8), (2, 2, 4, 0)],
)
def test_all_blocks_are_drawn(X, n_tasks, n_levels, n_shared, n_specific):
    estimator = fitted(
        X,
        n_tasks,
        n_levels=n_levels,
        n_shared_experts=n_shared,
        n_specific_experts=n_specific,
        expert_hidden_units=(2,),
    )
    svg = drawing(estimator)
    assert kinds(svg) == {
        "expert": n_levels * (n_tasks * n_specific + n_shared),
        "gate": n_levels * n_tasks + (n_levels - 1) * (n_shared > 0),
        "tower": n_tasks,
    }
    assert svg.get("role") == "img" and svg.get("aria-label")
    assert [child.tag for child in svg[:2]] == [f"{SVG}title", f"{SVG}desc"]


def test_tasks_are_drawn_with_as_many_experts_as_they_have(X):
    svg = drawing(fitted(X, 3, n_levels=2, n_specific_experts=[3, 0, 1]))
    assert kinds(svg) == {"expert": 2 * (4 + 1), "gate": 3 + 1 + 3, "tower": 3}


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (PLEClassifierRegressor, {"n_levels": 2, "n_shared_experts": 2, "n_specific_experts": 2}),
        (MMoEClassifierRegressor, {"n_experts": 4}),
    ],
)
def test_lines_are_as_wide_as_mean_weights(X, cls, params):
    estimator = fitted(X, 3, cls, n_members=2, **params)
    levels = estimator.gate_weights(X)
    # The titles do not name the level: the topmost one comes last.
    means = {
        f"{gate} reads {expert}": frame[expert].mean()
        for gate, frame in levels[-1].items()
        for expert in frame
    }
    widths = weighted_lines(drawing(estimator, X))
    ratios = [widths[name] / mean for name, mean in means.items()]
    assert len({round(mean, 4) for mean in means.values()}) > 3
    assert_allclose(ratios, ratios[0], rtol=5e-3)


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (PLEClassifierRegressor, {"n_levels": 2}),
        (AdaTTClassifierRegressor, {"n_levels": 2, "n_shared_experts": 1}),
    ],
)
def test_tasks_that_are_called_as_shared_parts_are_drawn(X, cls, params):
    estimator = fitted(X, cls=cls, names=["shared", "shared gate"], **params)
    experts = estimator.gate_weights(X)[-1]["shared"]
    read = {f"shared reads {expert}" for expert in experts}
    assert read <= set(weighted_lines(drawing(estimator, X)))


def test_plain_data_are_drawn():
    expert = Node("expert", "e", None, 30)
    gate = Node("gate", "g", 0, 20, [expert])
    tower = Node("tower", "t", 0, 10, [gate])
    rows = [[expert], [gate], [tower]]
    outline = Outline("A title", rows, {"t": "count"}, 1234, ["A line below"])
    svg = ET.fromstring(draw_svg(outline, [{"g": [1.0]}]))
    assert svg.get("aria-label") == svg.find(f"{SVG}title").text == "A title"
    assert kinds(svg) == {"expert": 1, "gate": 1, "tower": 1}
    assert list(weighted_lines(svg)) == ["g reads e"]
    assert {"1,234 features", "t", "count", "20 param.", "A line below"} <= set(texts(svg))


def test_without_rows_no_line_has_a_width(X):
    assert not weighted_lines(drawing(fitted(X)))


@pytest.mark.parametrize("change", ["name", "reads", "rows"])
def test_gates_of_a_diagram_must_be_those_with_weights(X, change):
    estimator = fitted(X, cls=MMoEClassifierRegressor)
    rows = estimator.module_.nodes(["a", "b"])
    gate = rows[1][0]
    if change == "rows":
        rows.insert(1, [Node("gate", "other", None, 1, rows[0])])
    else:
        setattr(gate, change, "other" if change == "name" else [*gate.reads, rows[0][0]])
    estimator.module_.nodes = lambda tasks: rows
    assert drawing(estimator) is not None
    with pytest.raises(ValueError, match="has gates that read .* but gate_names has"):
        drawing(estimator, X)


@pytest.mark.parametrize("linear_path", [True, False])
def test_parameters_are_counted(X, linear_path):
    estimator = fitted(X, n_members=3, linear_path=linear_path)
    svg = drawing(estimator)
    rows = [int(text.split()[0].replace(",", "")) for text in texts(svg) if "param." in text]
    total = sum(parameter.numel() for parameter in estimator.module_.parameters())
    # Without embeddings all other parameters are in the rows.
    linear = estimator.module_.linear.layer.weight.numel() if linear_path else 0
    assert 3 * sum(rows) == total - linear
    rest = "embeddings and the linear path" if linear_path else "embeddings"
    assert f"{total:,} parameters in all, with {rest}" in texts(svg)
    assert "One of 3 members" in texts(svg)


def test_tasks_and_kinds_are_on_top_and_names_are_shortened(X):
    long, alike = "a name of a task that is far too long", "a name of a task for a child"
    svg = drawing(fitted(X, names=[long, alike]))
    tops = [group for group in svg.iter(f"{SVG}g") if group.get("data-kind") == "task"]
    assert [[text.text for text in top.iter(f"{SVG}text")] for top in tops] == [
        ["a name… long", "binary"],
        ["a name…child", "regression"],
    ]
    assert tops[0].find(f"{SVG}title").text == f"{long}: binary"
    assert f"{long} (binary)" in svg.find(f"{SVG}desc").text
    lower = [float(e.get("y")) for e in svg.iter(f"{SVG}rect") if e.get("data-kind")]
    assert float(tops[0].find(f"{SVG}text").get("y")) < min(lower)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def test_names_are_text_and_nothing_else(X):
    names = ["<script>alert(1)</script>", '"&\x08\n<b x="']
    estimator = fitted(X, names=names, n_levels=2)
    diagram = NetworkDiagram.from_estimator(estimator, X)
    page = Tags()
    page.feed(diagram._repr_html_())
    assert not {"script", "b"} & set(page.tags)
    svg = ET.fromstring(diagram._repr_svg_().encode())
    titles = [title.text for title in svg.iter(f"{SVG}title")]
    assert "<script>alert(1)</script>: binary" in titles
    assert '"&\ufffd\ufffd<b x=": regression' in titles


def test_drawings_on_one_page_do_not_clash_and_load_nothing(X):
    diagram = NetworkDiagram.from_estimator(fitted(X), X)
    page = Tags()
    page.feed(diagram._repr_html_() * 2)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert not {"script", "style", "image", "use"} & set(page.tags)
    assert not {"href", "src", "xlink:href"} & {name for name, _ in page.attributes}
    assert not any("url(" in (value or "") for _, value in page.attributes)


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_colours_are_seen_on_light_and_dark(X, ground):
    """WCAG 2: a contrast of 3 for graphics, of 4 here for the text of a file of its own."""
    text = drawing(fitted(X)).get("color")
    for colour, least in [*product((*COLOURS, SHARED_COLOUR), [3]), (text, 4)]:
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) > least
    assert len(set(COLOURS)) == 8


def test_everything_is_within_the_picture(X):
    estimator = fitted(X, 1, MMoEClassifierRegressor, n_experts=8, n_members=2)
    svg = drawing(estimator, X)
    _, _, width, height = map(float, svg.get("viewBox").split())
    for element in svg.iter():
        for name, end in {"x": width, "cx": width, "y": height, "cy": height}.items():
            assert 0 <= float(element.get(name, 0)) <= end


def test_it_is_saved(X, tmp_path):
    diagram = NetworkDiagram.from_estimator(fitted(X))
    diagram.save(tmp_path / "network.svg")
    assert ET.parse(tmp_path / "network.svg").getroot().tag == f"{SVG}svg"


def test_only_svg_is_written(X, tmp_path):
    diagram = NetworkDiagram.from_estimator(fitted(X))
    for name in ("network.png", "network"):
        with pytest.raises(ValueError, match=rf"path is '.*{name}': it must end in '.svg'"):
            diagram.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_drawing_that_cannot_be_written_leaves_the_earlier_one(X, tmp_path, monkeypatch):
    earlier = tmp_path / "network.svg"
    earlier.write_text("earlier")
    write = Path.write_text

    def write_half(path, text, **options):
        write(path, text[:9], **options)
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        NetworkDiagram.from_estimator(fitted(X)).save(earlier)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"]


def test_the_last_step_of_a_pipeline_is_drawn(X):
    scaled = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaled, fitted(X)).fit(X, labels(X, ["a", "b"]))
    by_hand = NetworkDiagram.from_estimator(pipeline[-1], pipeline[:-1].transform(X))
    drawn = NetworkDiagram.from_estimator(pipeline, X)
    assert drawn._repr_svg_() == by_hand._repr_svg_()
    assert weighted_lines(drawing(pipeline, X))


@pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning")
def test_an_estimator_within_others_is_drawn(X):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make_pipeline(PLEClassifierRegressor())),
        {"pipeline__pleclassifierregressor__max_epochs": [1]},
        cv=2,
    ).fit(X, labels(X, ["a", "b"]))
    inner = search.best_estimator_[-1][-1]
    for outer in (search, search.best_estimator_, FrozenEstimator(inner)):
        drawn = NetworkDiagram.from_estimator(outer, X)._repr_svg_()
        drawn = drawn.replace("FrozenEstimator", "PLEClassifierRegressor")
        prepared = X if hasattr(outer, "module_") else search.best_estimator_[0].transform(X)
        assert drawn == NetworkDiagram.from_estimator(inner, prepared)._repr_svg_()


def test_what_cannot_be_drawn_is_an_error(X):
    with pytest.raises(TypeError, match="LinearRegression has no attribute task_names_"):
        NetworkDiagram.from_estimator(LinearRegression().fit(X, X))
    with pytest.raises(NotFittedError):
        NetworkDiagram.from_estimator(PLEClassifierRegressor())
    with pytest.raises(TypeError, match="SharedBottom.* has no gates.*: omit X"):
        NetworkDiagram.from_estimator(fitted(X, cls=SharedBottomClassifierRegressor), X)
