"""A fitted estimator's network drawn as SVG: features below, tasks above."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

# Mid-tones, to be seen on white and on black, and told apart by the colour-blind.
COLOURS = (
    *("#2f7ec0", "#d2731a", "#23926a", "#c2609c"),
    *("#8d66c9", "#b0851a", "#1f93a8", "#d35454"),
)
SHARED_COLOUR = "#808080"

# Lengths are in pixels.
_MARGIN = 92  # where the rows' names stand
_COLUMN = 88
_CELL = 22  # a block with its space
_ROW = 58
_BAR = 24
_LINE = 13
_WIDEST = 8  # the line of a weight of one
_LEAST_WIDTH = 345  # for the lines below

_MOST_IN_BANK = 8
_MOST_IN_ROW = 32
_LONGEST = 12
_WEIGHS = {"gate", "mixing"}


@dataclass(eq=False)
class _Glyph:
    """A block in its place, or all of a bank that has too many to draw."""

    blocks: Sequence[Any]
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


def network_svg(estimator: Any, weights: Any = None, *, on_page: bool = False) -> str:
    """Draw a fitted estimator's network.

    Parameters
    ----------
    estimator : estimator of this package
        Fitted.
    weights : list of dict of str to DataFrame, default=None
        What its ``gate_weights`` gives; lines are then as wide as the mean weights.
    on_page : bool, default=False
        Whether it becomes part of a page: it then has the page's colour of text, and shrinks.

    Returns
    -------
    str
        An SVG element.
    """
    rows = estimator.module_.body.diagram(estimator.task_names_)
    columns, right = _columns(rows, len(estimator.task_names_))
    glyphs = [
        list(_place(row, columns, _height(depth, rows))) for depth, row in enumerate(rows, start=1)
    ]
    width = max(right, _LEAST_WIDTH)
    totals = _totals(estimator, weights is not None)
    below = _height(0, rows) + _BAR + 18
    height = below + _LINE * len(totals) - 8
    name = f"Network of {type(estimator).__name__}"
    svg = _root(name, width, height, on_page)
    ET.SubElement(svg, "title").text = name
    ET.SubElement(svg, "desc").text = _describe(estimator, rows)
    _draw_features(svg, estimator, _height(0, rows), right)
    _draw_lines(svg, glyphs, _height(0, rows), _mean_weights(rows, weights))
    for row in glyphs:
        for glyph in row:
            _draw_glyph(svg, glyph)
    _draw_labels(svg, rows)
    _draw_tasks(svg, estimator, glyphs[-1])
    _draw_totals(svg, totals, below)
    return ET.tostring(svg, encoding="unicode")


def network_html(estimator: Any, weights: Any = None) -> str:
    """Draw a fitted estimator's network for a page, in its colour of text."""
    svg = network_svg(estimator, weights, on_page=True)
    return f'<div style="overflow-x:auto;margin-top:1em">{svg}</div>'


# -- layout -----------------------------------------------------------------------------------


def _height(depth: int, rows: Sequence[Any]) -> float:
    """Give the centre of a row, counted from the features, which are row 0, or the bar's top."""
    return 58 + _ROW * (len(rows) - depth)


def _banks(row: Sequence[Any]) -> list[list[Any]]:
    """Split a row into what each task has of its own and what is shared."""
    return [list(blocks) for _, blocks in groupby(row, key=lambda block: block.task)]


def _groups(row: Sequence[Any]) -> list[list[list[Any]]]:
    """Split a row into banks, and each into what is drawn as one."""
    banks = _banks(row)
    return [
        [bank]
        if len(bank) > _MOST_IN_BANK or len(row) > _MOST_IN_ROW
        else [[block] for block in bank]
        for bank in banks
    ]


def _columns(rows: Sequence[Any], n_tasks: int) -> tuple[dict[int | None, float], float]:
    """Give the centre of each task's column and of the shared one, and where they end."""
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


def _place(row: Sequence[Any], columns: dict[int | None, float], y: float) -> Iterator[_Glyph]:
    for groups in _groups(row):
        start = columns[groups[0][0].task] - _CELL * (len(groups) - 1) / 2
        for place, blocks in enumerate(groups):
            yield _Glyph(blocks, start + _CELL * place, y)


def _mean_weights(rows: Sequence[Any], weights: Any) -> dict[Any, list[float]]:
    """Give, for each gate, the mean weights of what it reads."""
    if weights is None:
        return {}
    levels = [row for row in rows if row[0].kind == "gate"]
    return {
        gate: frames[gate.name].mean().tolist()
        for row, frames in zip(levels, weights, strict=True)
        for gate in row
    }


# -- drawing ----------------------------------------------------------------------------------


def _root(name: str, width: float, height: float, on_page: bool) -> ET.Element:
    # Elsewhere the text has a colour that any background bears.
    look = {"color": "#757575"}
    if on_page:
        # A little: then it has to be scrolled, or its text would be too small.
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
    """Replace what XML can't hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _write(parent: ET.Element, x: float, y: float, text: str, **attributes: str) -> ET.Element:
    places = {"x": f"{x:g}", "y": f"{y:g}"}
    element = ET.SubElement(parent, "text", places | attributes)
    element.text = text
    return element


def _draw_features(svg: ET.Element, estimator: Any, y: float, right: float) -> None:
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
    n = estimator.n_features_in_
    text = f"{n:,} feature{'s' if n > 1 else ''}"
    _write(svg, (_MARGIN + right) / 2, y + 16, text, **{"text-anchor": "middle"})


def _draw_lines(
    svg: ET.Element, glyphs: list[list[_Glyph]], bottom: float, means: dict[Any, list[float]]
) -> None:
    places = {block: glyph for row in glyphs for glyph in row for block in glyph.blocks}
    group = ET.SubElement(svg, "g", {"fill": "none", "stroke-opacity": "0.75"})
    for row in glyphs:
        for target in row:
            sources: dict[_Glyph, list[float]] = defaultdict(list)
            for block in target.blocks:
                own = means.get(block, [0.0] * len(block.reads))
                for source, weight in zip(block.reads, own, strict=True):
                    sources[places[source]].append(weight)
            if not sources:
                line = {"d": f"M{target.x:g} {bottom:g}V{target.y:g}", "stroke": "currentColor"}
                ET.SubElement(group, "path", line | {"stroke-opacity": "0.45"})
            for source, weights in sources.items():
                line = {"d": _curve(source, target), "stroke": source.colour}
                if target.blocks[0] not in means:
                    ET.SubElement(group, "path", line)
                    continue
                # Of several gates that are drawn as one, the mean.
                weight = sum(weights) / len(target.blocks)
                line["stroke-width"] = f"{_WIDEST * weight:.3f}"
                names = [glyph.blocks[0].name for glyph in (target, source)]
                path = ET.SubElement(group, "path", line)
                ET.SubElement(path, "title").text = _shown(
                    f"{names[0]} reads {names[1]}: mean weight {weight:.3f}"
                )


def _curve(source: _Glyph, target: _Glyph) -> str:
    """Lead from a glyph to one above, beside those in the rows between."""
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


def _draw_labels(svg: ET.Element, rows: Sequence[Any]) -> None:
    """Name the rows, and count their parameters."""
    group = ET.SubElement(svg, "g", {"font-size": "11"})
    for depth, name in enumerate(_row_names(rows), start=1):
        y = _height(depth, rows)
        n = sum(block.n_parameters for block in rows[depth - 1])
        _write(group, 0, y, name)
        _write(group, 0, y + _LINE, f"{n:,} param.", **{"font-size": "10"})


def _row_names(rows: Sequence[Any]) -> list[str]:
    """Name each row by its blocks, numbered where there are several such rows."""
    total, so_far = Counter(row[0].kind for row in rows), Counter[str]()
    names = []
    for row in rows:
        kind = row[0].kind
        so_far[kind] += 1
        name = kind if len(row) == 1 else f"{kind}s"
        names.append(f"{name} {so_far[kind]}" if total[kind] > 1 else name)
    return names


def _draw_tasks(svg: ET.Element, estimator: Any, towers: list[_Glyph]) -> None:
    for tower, (task, kind) in zip(towers, estimator.task_types_.items(), strict=True):
        group = ET.SubElement(svg, "g", {"data-kind": "task", "text-anchor": "middle"})
        ET.SubElement(group, "title").text = _shown(f"{task}: {kind}")
        name = task if len(task) <= _LONGEST else task[: _LONGEST - 1].rstrip() + "…"
        _write(group, tower.x, 14, _shown(name), **{"font-weight": "bold"})
        _write(group, tower.x, 28, kind, **{"font-size": "10"})


def _draw_totals(svg: ET.Element, totals: list[str], y: float) -> None:
    for place, line in enumerate(totals):
        _write(svg, 0, y + _LINE * place, line, **{"font-size": "10"})


def _totals(estimator: Any, weighted: bool) -> list[str]:
    n = sum(parameter.numel() for parameter in estimator.module_.parameters())
    members = estimator.module_.body.n_members
    linear = "" if estimator.module_.linear is None else " and the linear path"
    return [
        *([f"One of {members} members"] if members > 1 else []),
        f"{n:,} parameters in all, with embeddings{linear}",
        *(["Lines into gates are as wide as the mean weights"] if weighted else []),
    ]


def _describe(estimator: Any, rows: Sequence[Any]) -> str:
    tasks = ", ".join(f"{task} ({kind})" for task, kind in estimator.task_types_.items())
    levels = ", ".join(
        f"{name} ({len(row)})" for name, row in zip(_row_names(rows), rows, strict=True)
    )
    n = estimator.n_features_in_
    return _shown(f"From {n} features up: {levels}, for the tasks {tasks}.")
