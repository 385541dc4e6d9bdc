"""The drawing of a network as SVG, from its diagram: features at the bottom, tasks at the top."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from .diagram import Node

# Colours that are visible on white and on black, and that colour-blind readers can distinguish.
COLOURS = ("#2f7ec0", "#d2731a", "#23926a", "#c2609c", "#8d66c9", "#b0851a", "#1f93a8", "#d35454")
SHARED_COLOUR = "#808080"

# Lengths are in pixels.
_MARGIN = 92  # space for the names of rows
_COLUMN = 88
_CELL = 22  # a node with the space around it
_ROW = 58
_BAR = 24
_LINE = 13
_WIDEST = 8  # width of a line for a weight of 1
_LEAST_WIDTH = 345  # for the lines of text below

_ROOT = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "fill": "currentColor"}
_ROOT |= {"font-family": "system-ui, sans-serif", "font-size": "12"}

_LONGEST = 12
_WEIGHS = {"gate", "mixing"}

#: The nodes, from the features up, as `Body.nodes` returns them.
Rows = Sequence[Sequence[Node]]
#: For each level, from the features up: by the names of gates, the mean weights of what they read.
Weights = Sequence[Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Outline:
    """The contents of a drawing as plain data.

    Attributes
    ----------
    title : str
        Title of the drawing.
    rows : Rows
        The nodes.
    tasks : mapping of str to str
        Kinds of the tasks, by the names of the tasks.
    n_features : int
        Number of features.
    totals : sequence of str
        Lines of text below the drawing.
    """

    title: str
    rows: Rows
    tasks: Mapping[str, str]
    n_features: int
    totals: Sequence[str]

    @classmethod
    def of(cls, module: Any, title: str, tasks: Mapping[str, str], n_features: int) -> "Outline":
        """Make the outline of a `TabularNetwork`; the other arguments are attributes."""
        n = sum(parameter.numel() for parameter in module.parameters())
        members = module.body.n_members
        linear = "" if module.linear is None else " and the linear path"
        totals = [
            *([f"One of {members} members"] if members > 1 else []),
            f"{n:,} parameters in all, with embeddings{linear}",
        ]
        return cls(title, module.nodes(list(tasks)), tasks, n_features, totals)


@dataclass(eq=False)
class _Glyph:
    """A node at its position."""

    node: Node
    x: float
    y: float

    @property
    def colour(self) -> str:
        task = self.node.task
        return SHARED_COLOUR if task is None else COLOURS[task % len(COLOURS)]


def draw_svg(outline: Outline, weights: Weights | None = None, *, on_page: bool = False) -> str:
    """Draw a network.

    Parameters
    ----------
    outline : Outline
        The contents of the drawing.
    weights : Weights, default=None
        Mean weights of the gates. If they are passed, the width of the lines into gates is
        proportional to them. They are ignored if the network has no nodes of kind "gate".
    on_page : bool, default=False
        Whether the drawing is part of a page: its text then has the colour of the page's, and it
        shrinks with the page.

    Returns
    -------
    str
        An SVG element.
    """
    rows, totals = outline.rows, list(outline.totals)
    means = {} if weights is None else _pair_means(rows, weights)
    if means:
        totals.append("Lines into gates are as wide as the mean weights")
    columns, right = _place_columns(rows, len(outline.tasks))
    glyphs = [
        list(_place_row(row, columns, _find_y(depth, rows)))
        for depth, row in enumerate(rows, start=1)
    ]
    bottom = _find_y(0, rows)
    below = bottom + _BAR + 18
    size = max(right, _LEAST_WIDTH), below + _LINE * len(totals) - 8
    svg = _make_root(outline.title, *size, on_page)
    _add(svg, "title", outline.title)
    _add(svg, "desc", _describe(outline))
    _draw_features(svg, outline.n_features, bottom, right)
    _draw_lines(svg, glyphs, bottom, means)
    for row in glyphs:
        for glyph in row:
            _draw_glyph(svg, glyph)
    _draw_labels(svg, rows)
    _draw_tasks(svg, outline.tasks, glyphs[-1])
    for place, line in enumerate(totals):
        _write(svg, 0, below + _LINE * place, line, font_size="10")
    return ET.tostring(svg, encoding="unicode")


def draw_html(outline: Outline, weights: Weights | None = None) -> str:
    """Draw a network as part of an HTML page; see `draw_svg`."""
    svg = draw_svg(outline, weights, on_page=True)
    return f'<div style="overflow-x:auto;margin-top:1em">{svg}</div>'


# -- layout -----------------------------------------------------------------------------------


def _find_y(depth: int, rows: Rows) -> float:
    """Return the y of the centre of a row or, for row 0, of the top of the bar of features."""
    return 58 + _ROW * (len(rows) - depth)


def _split_row(row: Sequence[Node]) -> list[list[Node]]:
    """Split a row by the tasks and what they share."""
    return [list(nodes) for _, nodes in groupby(row, key=lambda node: node.task)]


def _place_columns(rows: Rows, n_tasks: int) -> tuple[dict[int | None, float], float]:
    """Return the centres of the tasks' columns and of the shared one, and their right end."""
    order: list[int | None] = list(range(n_tasks))
    if any(len({node.task is None for node in row}) == 2 for row in rows):
        order.insert((n_tasks + 1) // 2, None)
    widths: dict[int | None, float] = dict.fromkeys(order, _COLUMN)
    for part in (part for row in rows for part in _split_row(row)):
        task, needed = part[0].task, _CELL * len(part)
        wider, each = ([task], needed) if task in widths else (order, needed / len(order))
        widths |= {column: max(widths[column], each) for column in wider}
    centres, left = {}, float(_MARGIN)
    for column in order:
        centres[column] = left + widths[column] / 2
        left += widths[column]
    centres.setdefault(None, (_MARGIN + left) / 2)
    return centres, left


def _place_row(
    row: Sequence[Node], columns: dict[int | None, float], y: float
) -> Iterator[_Glyph]:
    for part in _split_row(row):
        start = columns[part[0].task] - _CELL * (len(part) - 1) / 2
        for place, node in enumerate(part):
            yield _Glyph(node, start + _CELL * place, y)


def _pair_means(rows: Rows, weights: Weights) -> dict[Node, Sequence[float]]:
    """Return the mean weights of what each gate reads; none if no node is a gate."""
    levels = [row for row in rows if row[0].kind == "gate"]
    if not levels:
        # A network need not describe its gates as nodes.
        return {}
    drawn = [{gate.name: len(gate.reads) for gate in row} for row in levels]
    weighed = [{gate: len(means) for gate, means in level.items()} for level in weights]
    if drawn != weighed:
        raise ValueError(
            f"The diagram of the network has gates that read {drawn} nodes, but gate_names has "
            f"gates that weigh {weighed} experts: describe the same gates in both."
        )
    pairs = zip(levels, weights, strict=True)
    return {gate: level[gate.name] for row, level in pairs for gate in row}


# -- drawing ----------------------------------------------------------------------------------


def _add(
    parent: ET.Element, tag: str, text: str | None = None, /, **attributes: Any
) -> ET.Element:
    """Add an element; numbers are shortened, and underscores in names are hyphens."""
    shown = {
        name.replace("_", "-"): value if isinstance(value, str) else f"{value:g}"
        for name, value in attributes.items()
    }
    element = ET.SubElement(parent, tag, shown)
    # XML cannot hold some characters.
    replaced = (c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text or "")
    element.text = None if text is None else "".join(replaced)
    return element


def _write(parent: ET.Element, x: float, y: float, text: str, **attributes: Any) -> None:
    _add(parent, "text", text, x=x, y=y, **attributes)


def _make_root(name: str, width: float, height: float, on_page: bool) -> ET.Element:
    # On a page it shrinks only a little: its text must stay legible, and the page can be scrolled.
    style = f"max-width:100%;min-width:{0.8 * width:g}px;height:auto"
    # Outside a page, the text has a colour that is legible on any background.
    look = {"style": style} if on_page else {"color": "#757575"}
    size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    return ET.Element("svg", _ROOT | {"aria-label": name} | size | look)


def _draw_features(svg: ET.Element, n: int, y: float, right: float) -> None:
    box = {"x": _MARGIN + 4, "y": y, "width": right - _MARGIN - 8, "height": _BAR, "rx": 4}
    look = {"fill_opacity": 0.08, "stroke": "currentColor", "stroke_opacity": 0.4}
    _add(svg, "rect", data_kind="features", **box, **look)
    text = f"{n:,} feature{'s' if n > 1 else ''}"
    _write(svg, (_MARGIN + right) / 2, y + 16, text, text_anchor="middle")


def _draw_lines(
    svg: ET.Element, glyphs: list[list[_Glyph]], bottom: float, means: dict[Node, Sequence[float]]
) -> None:
    places = {glyph.node: glyph for row in glyphs for glyph in row}
    group = _add(svg, "g", fill="none", stroke_opacity=0.75)
    for node, target in places.items():
        if not node.reads:
            line = f"M{target.x:g} {bottom:g}V{target.y:g}"
            _add(group, "path", d=line, stroke="currentColor", stroke_opacity=0.45)
        weights = means.get(node, [None] * len(node.reads))
        for read, weight in zip(node.reads, weights, strict=True):
            source = places[read]
            path = _add(group, "path", d=_draw_curve(source, target), stroke=source.colour)
            if weight is not None:
                path.set("stroke-width", f"{_WIDEST * weight:.3f}")
                _add(path, "title", f"{node.name} reads {read.name}: mean weight {weight:.3f}")


def _draw_curve(source: _Glyph, target: _Glyph) -> str:
    """Return the path from a glyph to one above it, which avoids the rows in between."""
    middle = (source.y + target.y) / 2
    aside = 34 if source.y - target.y > _ROW else 0
    return (
        f"M{source.x:g} {source.y:g}C{source.x + aside:g} {middle:g} "
        f"{target.x + aside:g} {middle:g} {target.x:g} {target.y:g}"
    )


def _draw_glyph(svg: ET.Element, glyph: _Glyph) -> None:
    node, x, y = glyph.node, glyph.x, glyph.y
    group = _add(svg, "g", data_kind=node.kind)
    _add(group, "title", f"{node.kind} {node.name}: {node.n_parameters:,} parameters")
    if node.kind in _WEIGHS:
        _add(group, "circle", cx=x, cy=y, r=7, fill=glyph.colour)
    elif node.kind == "tower":
        outline = f"M{x - 17:g} {y + 11:g}L{x - 11:g} {y - 11:g}H{x + 11:g}L{x + 17:g} {y + 11:g}Z"
        _add(group, "path", d=outline, fill=glyph.colour)
    else:
        _add(group, "rect", x=x - 8, y=y - 8, width=16, height=16, rx=3, fill=glyph.colour)


def _draw_labels(svg: ET.Element, rows: Rows) -> None:
    """Write the names of the rows, and their numbers of parameters."""
    group = _add(svg, "g", font_size=11)
    for depth, (name, row) in enumerate(zip(_name_rows(rows), rows, strict=True), start=1):
        y = _find_y(depth, rows)
        _write(group, 0, y, name)
        n = sum(node.n_parameters for node in row)
        _write(group, 0, y + _LINE, f"{n:,} param.", font_size=10)


def _name_rows(rows: Rows) -> list[str]:
    """Name each row after its nodes, with a number if there are several rows of this kind."""
    total, so_far, names = Counter(row[0].kind for row in rows), Counter[str](), []
    for row in rows:
        kind = row[0].kind
        so_far[kind] += 1
        name = kind if len(row) == 1 else f"{kind}s"
        names.append(f"{name} {so_far[kind]}" if total[kind] > 1 else name)
    return names


def _draw_tasks(svg: ET.Element, tasks: Mapping[str, str], towers: list[_Glyph]) -> None:
    for tower, (task, kind) in zip(towers, tasks.items(), strict=True):
        group = _add(svg, "g", data_kind="task", text_anchor="middle")
        _add(group, "title", f"{task}: {kind}")
        # Names that begin alike often differ at their ends.
        name = task if len(task) <= _LONGEST else f"{task[:6]}…{task[-5:]}"
        _write(group, tower.x, 14, name, font_weight="bold")
        _write(group, tower.x, 28, kind, font_size=10)


def _describe(outline: Outline) -> str:
    tasks = ", ".join(f"{task} ({kind})" for task, kind in outline.tasks.items())
    pairs = zip(_name_rows(outline.rows), outline.rows, strict=True)
    levels = ", ".join(f"{name} ({len(row)})" for name, row in pairs)
    return f"From {outline.n_features} features up: {levels}, for the tasks {tasks}."
