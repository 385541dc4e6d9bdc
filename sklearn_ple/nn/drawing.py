"""The drawing of a network as SVG, from its diagram: features at the bottom, tasks at the top."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from .diagram import Block

# Colours that are visible on white and on black, and that colour-blind readers can distinguish.
COLOURS = (
    *("#2f7ec0", "#d2731a", "#23926a", "#c2609c"),
    *("#8d66c9", "#b0851a", "#1f93a8", "#d35454"),
)
SHARED_COLOUR = "#808080"

# Lengths are in pixels.
_MARGIN = 92  # space for the names of rows
_COLUMN = 88
_CELL = 22  # a block with the space around it
_ROW = 58
_BAR = 24
_LINE = 13
_WIDEST = 8  # width of a line for a weight of 1
_LEAST_WIDTH = 345  # for the lines of text below

_MOST_IN_BANK = 8
_MOST_IN_ROW = 32
_LONGEST = 12
_WEIGHS = {"gate", "mixing"}

#: The blocks, from the features up, as `Body.blocks` returns them.
Rows = Sequence[Sequence[Block]]
#: For each level, from the features up: by the names of gates, the mean weights of what they read.
Weights = Sequence[Mapping[str, Sequence[float]]]


@dataclass(eq=False)
class _Glyph:
    """A block at its position, or a bank of too many blocks to draw one by one."""

    blocks: Sequence[Block]
    x: float
    y: float

    @property
    def colour(self) -> str:
        task = self.blocks[0].task
        return SHARED_COLOUR if task is None else COLOURS[task % len(COLOURS)]

    @property
    def title(self) -> str:
        first, n = self.blocks[0], len(self.blocks)
        if n > 1:
            last = self.blocks[-1].name
            size = f"{first.n_parameters:,} parameters each"
            return f"{n} {first.kind}s, {first.name} to {last}: {size}"
        return f"{first.kind} {first.name}: {first.n_parameters:,} parameters"


@dataclass(frozen=True)
class Outline:
    """The contents of a drawing as plain data.

    Attributes
    ----------
    title : str
        Title of the drawing.
    rows : Rows
        The blocks.
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
    def of(cls, module: Any, title: str, tasks: Mapping[str, str], n_features: int) -> Outline:
        """Make the outline of a `TabularNetwork`; the other arguments are attributes."""
        n = sum(parameter.numel() for parameter in module.parameters())
        members = module.body.n_members
        linear = "" if module.linear is None else " and the linear path"
        totals = [
            *([f"One of {members} members"] if members > 1 else []),
            f"{n:,} parameters in all, with embeddings{linear}",
        ]
        return cls(title, module.blocks(list(tasks)), tasks, n_features, totals)


def network_svg(outline: Outline, weights: Weights | None = None, *, on_page: bool = False) -> str:
    """Draw a network.

    Parameters
    ----------
    outline : Outline
        The contents of the drawing.
    weights : Weights, default=None
        Mean weights of the gates. If they are passed, the width of the lines into gates is
        proportional to them. They are ignored if the network has no blocks of kind "gate".
    on_page : bool, default=False
        Whether the drawing is part of a page: its text then has the colour of the page's, and it
        shrinks with the page.

    Returns
    -------
    str
        An SVG element.
    """
    rows, totals = outline.rows, list(outline.totals)
    if not any(row[0].kind == "gate" for row in rows):
        # A network need not describe its gates as blocks.
        weights = None
    if weights is not None:
        totals.append("Lines into gates are as wide as the mean weights")
    columns, right = _columns(rows, len(outline.tasks))
    glyphs = [
        list(_place(row, columns, _height(depth, rows))) for depth, row in enumerate(rows, start=1)
    ]
    width = max(right, _LEAST_WIDTH)
    below = _height(0, rows) + _BAR + 18
    height = below + _LINE * len(totals) - 8
    svg = _root(outline.title, width, height, on_page)
    ET.SubElement(svg, "title").text = outline.title
    ET.SubElement(svg, "desc").text = _describe(outline)
    _draw_features(svg, outline.n_features, _height(0, rows), right)
    _draw_lines(svg, glyphs, _height(0, rows), _by_gate(rows, weights))
    for row in glyphs:
        for glyph in row:
            _draw_glyph(svg, glyph)
    _draw_labels(svg, rows)
    _draw_tasks(svg, outline.tasks, glyphs[-1])
    _draw_totals(svg, totals, below)
    return ET.tostring(svg, encoding="unicode")


def network_html(outline: Outline, weights: Weights | None = None) -> str:
    """Draw a network as part of an HTML page; see `network_svg`."""
    svg = network_svg(outline, weights, on_page=True)
    return f'<div style="overflow-x:auto;margin-top:1em">{svg}</div>'


# -- layout -----------------------------------------------------------------------------------


def _height(depth: int, rows: Rows) -> float:
    """Return the y of the centre of a row or, for row 0, of the top of the bar of features."""
    return 58 + _ROW * (len(rows) - depth)


def _banks(row: Sequence[Block]) -> list[list[Block]]:
    """Split a row into the banks of each task and those that are shared."""
    return [list(blocks) for _, blocks in groupby(row, key=lambda block: block.task)]


def _groups(row: Sequence[Block]) -> list[list[list[Block]]]:
    """Split a row into banks, and each bank into the groups of blocks that are drawn as one."""
    banks = _banks(row)
    return [
        [bank]
        if len(bank) > _MOST_IN_BANK or len(row) > _MOST_IN_ROW
        else [[block] for block in bank]
        for bank in banks
    ]


def _columns(rows: Rows, n_tasks: int) -> tuple[dict[int | None, float], float]:
    """Return the centres of the tasks' columns and of the shared one, and their right end."""
    order: list[int | None] = list(range(n_tasks))
    if any(len({block.task is None for block in row}) == 2 for row in rows):
        order.insert((n_tasks + 1) // 2, None)
    widths: dict[int | None, float] = dict.fromkeys(order, _COLUMN)
    for row in rows:
        for groups in _groups(row):
            task, needed = groups[0][0].task, _CELL * len(groups)
            if task in widths:
                widths[task] = max(widths[task], needed)
            else:
                widths |= {own: max(widths[own], needed / len(order)) for own in order}
    centres, left = {}, float(_MARGIN)
    for own in order:
        centres[own] = left + widths[own] / 2
        left += widths[own]
    centres.setdefault(None, (_MARGIN + left) / 2)
    return centres, left


def _place(row: Sequence[Block], columns: dict[int | None, float], y: float) -> Iterator[_Glyph]:
    for groups in _groups(row):
        start = columns[groups[0][0].task] - _CELL * (len(groups) - 1) / 2
        for place, blocks in enumerate(groups):
            yield _Glyph(blocks, start + _CELL * place, y)


def _by_gate(rows: Rows, weights: Weights | None) -> dict[Block, Sequence[float]]:
    """Return the mean weights of the blocks that each gate reads."""
    if weights is None:
        return {}
    levels = [row for row in rows if row[0].kind == "gate"]
    drawn = [{gate.name: len(gate.reads) for gate in row} for row in levels]
    weighed = [{gate: len(own) for gate, own in level.items()} for level in weights]
    if drawn != weighed:
        raise ValueError(
            f"The diagram of the network has gates that read {drawn} blocks, but gate_names has "
            f"gates that weigh {weighed} experts: describe the same gates in both."
        )
    return {
        gate: level[gate.name] for row, level in zip(levels, weights, strict=True) for gate in row
    }


# -- drawing ----------------------------------------------------------------------------------


def _root(name: str, width: float, height: float, on_page: bool) -> ET.Element:
    # Outside a page, the text has a colour that is legible on any background.
    look = {"color": "#757575"}
    if on_page:
        # It shrinks only a little: its text must stay legible, and the page can be scrolled.
        look = {"style": f"max-width:100%;min-width:{0.8 * width:g}px;height:auto"}
    return ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "aria-label": name,
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width:g}",
            "height": f"{height:g}",
            "font-family": "system-ui, sans-serif",
            "font-size": "12",
            "fill": "currentColor",
            **look,
        },
    )


def _shown(text: str) -> str:
    """Replace the characters of a text that XML cannot hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _write(parent: ET.Element, x: float, y: float, text: str, **attributes: str) -> ET.Element:
    places = {"x": f"{x:g}", "y": f"{y:g}"}
    element = ET.SubElement(parent, "text", places | attributes)
    element.text = text
    return element


def _draw_features(svg: ET.Element, n: int, y: float, right: float) -> None:
    ET.SubElement(
        svg,
        "rect",
        {
            "data-kind": "features",
            "x": f"{_MARGIN + 4}",
            "y": f"{y:g}",
            "width": f"{right - _MARGIN - 8:g}",
            "height": f"{_BAR}",
            "rx": "4",
            "fill-opacity": "0.08",
            "stroke": "currentColor",
            "stroke-opacity": "0.4",
        },
    )
    text = f"{n:,} feature{'s' if n > 1 else ''}"
    _write(svg, (_MARGIN + right) / 2, y + 16, text, **{"text-anchor": "middle"})


def _draw_lines(
    svg: ET.Element, glyphs: list[list[_Glyph]], bottom: float, means: dict[Block, Sequence[float]]
) -> None:
    places = {block: glyph for row in glyphs for glyph in row for block in glyph.blocks}
    group = ET.SubElement(svg, "g", {"fill": "none", "stroke-opacity": "0.75"})
    for row in glyphs:
        for target in row:
            sources: dict[_Glyph, list[float]] = defaultdict(list)
            for block in target.blocks:
                own = means.get(block, [0.0] * len(block.reads))
                for read, weight in zip(block.reads, own, strict=True):
                    sources[places[read]].append(weight)
            if not sources:
                line = {"d": f"M{target.x:g} {bottom:g}V{target.y:g}", "stroke": "currentColor"}
                ET.SubElement(group, "path", line | {"stroke-opacity": "0.45"})
            for source, weights in sources.items():
                line = {"d": _curve(source, target), "stroke": source.colour}
                if target.blocks[0] not in means:
                    ET.SubElement(group, "path", line)
                    continue
                # Several gates that are drawn as one show the mean of their weights.
                weight = sum(weights) / len(target.blocks)
                line["stroke-width"] = f"{_WIDEST * weight:.3f}"
                names = [glyph.blocks[0].name for glyph in (target, source)]
                path = ET.SubElement(group, "path", line)
                ET.SubElement(path, "title").text = _shown(
                    f"{names[0]} reads {names[1]}: mean weight {weight:.3f}"
                )


def _curve(source: _Glyph, target: _Glyph) -> str:
    """Return the path from a glyph to one above it, which avoids the rows in between."""
    middle = (source.y + target.y) / 2
    aside = 34 if source.y - target.y > _ROW else 0
    return (
        f"M{source.x:g} {source.y:g}C{source.x + aside:g} {middle:g} "
        f"{target.x + aside:g} {middle:g} {target.x:g} {target.y:g}"
    )


def _draw_glyph(svg: ET.Element, glyph: _Glyph) -> None:
    kind, n = glyph.blocks[0].kind, len(glyph.blocks)
    group = ET.SubElement(svg, "g", {"data-kind": kind, "data-count": str(n)})
    ET.SubElement(group, "title").text = _shown(glyph.title)
    x, y = glyph.x, glyph.y
    if kind in _WEIGHS and n == 1:
        circle = {"cx": f"{x:g}", "cy": f"{y:g}", "r": "7", "fill": glyph.colour}
        ET.SubElement(group, "circle", circle)
    elif kind == "tower":
        outline = f"M{x - 17:g} {y + 11:g}L{x - 11:g} {y - 11:g}H{x + 11:g}L{x + 17:g} {y + 11:g}Z"
        ET.SubElement(group, "path", {"d": outline, "fill": glyph.colour})
    else:
        half = 8 if n == 1 else 17
        box = {"x": f"{x - half:g}", "y": f"{y - 8:g}", "width": f"{2 * half}", "height": "16"}
        radius = "8" if kind in _WEIGHS else "3"
        ET.SubElement(group, "rect", box | {"rx": radius, "fill": glyph.colour})
    if n > 1:
        bold = {"text-anchor": "middle", "font-size": "11", "font-weight": "bold", "fill": "#fff"}
        _write(group, x, y + 4, f"×{n}", **bold)


def _draw_labels(svg: ET.Element, rows: Rows) -> None:
    """Write the names of the rows, and their numbers of parameters."""
    group = ET.SubElement(svg, "g", {"font-size": "11"})
    for depth, name in enumerate(_row_names(rows), start=1):
        y = _height(depth, rows)
        n = sum(block.n_parameters for block in rows[depth - 1])
        _write(group, 0, y, name)
        _write(group, 0, y + _LINE, f"{n:,} param.", **{"font-size": "10"})


def _row_names(rows: Rows) -> list[str]:
    """Name each row after its blocks, with a number if there are several rows of this kind."""
    total, so_far = Counter(row[0].kind for row in rows), Counter[str]()
    names = []
    for row in rows:
        kind = row[0].kind
        so_far[kind] += 1
        name = kind if len(row) == 1 else f"{kind}s"
        names.append(f"{name} {so_far[kind]}" if total[kind] > 1 else name)
    return names


def _draw_tasks(svg: ET.Element, tasks: Mapping[str, str], towers: list[_Glyph]) -> None:
    for tower, (task, kind) in zip(towers, tasks.items(), strict=True):
        group = ET.SubElement(svg, "g", {"data-kind": "task", "text-anchor": "middle"})
        ET.SubElement(group, "title").text = _shown(f"{task}: {kind}")
        # Names that begin alike often differ at their ends.
        name = task if len(task) <= _LONGEST else f"{task[:6]}…{task[-5:]}"
        _write(group, tower.x, 14, _shown(name), **{"font-weight": "bold"})
        _write(group, tower.x, 28, kind, **{"font-size": "10"})


def _draw_totals(svg: ET.Element, totals: list[str], y: float) -> None:
    for place, line in enumerate(totals):
        _write(svg, 0, y + _LINE * place, line, **{"font-size": "10"})


def _describe(outline: Outline) -> str:
    tasks = ", ".join(f"{task} ({kind})" for task, kind in outline.tasks.items())
    levels = ", ".join(
        f"{name} ({len(row)})"
        for name, row in zip(_row_names(outline.rows), outline.rows, strict=True)
    )
    return _shown(f"From {outline.n_features} features up: {levels}, for the tasks {tasks}.")
