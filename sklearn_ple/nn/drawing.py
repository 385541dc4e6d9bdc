"""The drawing of a network as SVG, from its diagram: features at the bottom, tasks at the top."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import jinja2

from .diagram import Node
from .tabular import TabularNetwork

# Colours that are visible on white and on black, and that colour-blind readers can distinguish.
COLOURS = ("#2f7ec0", "#d2731a", "#23926a", "#c2609c", "#8d66c9", "#b0851a", "#1f93a8", "#d35454")
SHARED_COLOUR = "#808080"

# Lengths are in pixels.
_MARGIN = 92  # space for the names of rows
_COLUMN = 88
_CELL = 22  # a node with the space around it
_ROW = 58
_LEAST_WIDTH = 345  # for the lines of text below

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
    def of(
        cls, module: TabularNetwork, title: str, tasks: Mapping[str, str], n_features: int
    ) -> "Outline":
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

    def draw_curve_from(self, source: "_Glyph") -> str:
        """Return the path from a glyph below this one, which avoids the rows in between."""
        middle = (source.y + self.y) / 2
        aside = 34 if source.y - self.y > _ROW else 0
        return (
            f"M{source.x:g} {source.y:g}C{source.x + aside:g} {middle:g} "
            f"{self.x + aside:g} {middle:g} {self.x:g} {self.y:g}"
        )


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
    return _find_template().render(
        outline=outline,
        totals=totals,
        glyphs=glyphs,
        places={glyph.node: glyph for row in glyphs for glyph in row},
        names=_name_rows(rows),
        means=means,
        left=_MARGIN,
        right=right,
        bottom=bottom,
        width=max(right, _LEAST_WIDTH),
        height=bottom + 34 + 13 * len(totals),
        on_page=on_page,
        count="{:,}".format,
    )


@cache
def _find_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "."),
        autoescape=True,
        finalize=_show,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("drawing.svg")


def _show(value: Any) -> Any:
    """Shorten a number, and replace the characters of a text that XML cannot hold."""
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if hasattr(value, "__html__"):
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)


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


def _name_rows(rows: Rows) -> list[str]:
    """Name each row after its nodes, with a number if there are several rows of this kind."""
    total, so_far, names = Counter(row[0].kind for row in rows), Counter[str](), []
    for row in rows:
        kind = row[0].kind
        so_far[kind] += 1
        name = kind if len(row) == 1 else f"{kind}s"
        names.append(f"{name} {so_far[kind]}" if total[kind] > 1 else name)
    return names
