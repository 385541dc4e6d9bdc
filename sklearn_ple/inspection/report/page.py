"""HTML pages that load nothing else: sections, tables and pictures."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import Any

# Least pixels of a page for an inch of a wide figure: two thirds of the size that is drawn.
_READABLE = 64


@dataclass
class Section:
    """A section with its id, its heading, its blocks of HTML and its subsections."""

    id: str
    title: str
    blocks: Sequence[str]
    parts: Sequence[Section] = field(default=())

    def render(self, level: int = 2) -> Iterator[str]:
        """Yield the lines of HTML, with the heading at the given level."""
        yield f'<section id="{self.id}"><h{level}>{escape(self.title)}</h{level}>'
        yield from self.blocks
        for part in self.parts:
            yield from part.render(level + 1)
        yield "</section>"


def page(title: str, header: Iterable[str], sections: Sequence[Section]) -> str:
    """Return the page with a header, a table of contents and the sections."""
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    body = [line for section in sections for line in section.render()]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            f"<header><h1>{escape(title)}</h1>",
            *header,
            f'</header>\n<nav aria-label="Contents">{_contents(sections)}</nav>\n<main>',
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _contents(sections: Sequence[Section]) -> str:
    entries = [
        f'<li><a href="#{section.id}">{escape(section.title)}</a>'
        f"{_contents(section.parts) if section.parts else ''}</li>"
        for section in sections
    ]
    return f"<ul>{''.join(entries)}</ul>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def listing(items: Iterable[str]) -> str:
    """Return an unordered list of plain texts."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def code(text: str) -> str:
    """Return a block of code."""
    return f"<pre>{escape(text)}</pre>"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table of plain texts, in which the first cell of each row is its heading.

    A cell may be a tuple of two texts, the second of which is in small print.
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{_cell(first)}</th>'
        f"{''.join(f'<td>{_cell(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(content: Any) -> str:
    if isinstance(content, tuple):
        main, small = content
        return f"{escape(str(main))}<br><small>{escape(str(small))}</small>"
    return escape(str(content))


def picture(figure: Any, alt: str, caption: str = "", *, wide: bool = False) -> str:
    """Turn a matplotlib figure into an image within the page.

    The image is an SVG file in a data URL, because the ids of its elements could otherwise clash
    with those of other images on the page. A wide image can be scrolled where its letters would be
    too small otherwise.
    """
    import matplotlib

    file = BytesIO()
    # The browser has fonts for the letters that matplotlib's font lacks.
    letters = "none" if _lacks_letters(figure) else "path"
    with matplotlib.rc_context({"svg.fonttype": letters}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    # Control characters, which names may contain, are not allowed in XML.
    svg = re.sub(
        rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\N{REPLACEMENT CHARACTER}".encode(), file.getvalue()
    )
    data = base64.b64encode(svg).decode("ascii")
    least = f' style="--least: {_READABLE * figure.get_figwidth():.0f}px"' if wide else ""
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}"{least}>'
    label = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    name = "card wide" if wide else "card"
    return f'<figure>{label}<div class="{name}">{image}</div></figure>'


def _lacks_letters(figure: Any) -> bool:
    """Return whether matplotlib's font lacks letters of the figure, such as Chinese ones."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.text import Text

    known = get_font(findfont(FontProperties())).get_charmap()
    texts = (text.get_text() for text in figure.findobj(Text))
    return any(ord(letter) not in known for text in texts for letter in text if letter != "\n")


def side_by_side(pictures: Iterable[str], *, large: bool = False) -> str:
    """Return pictures side by side, in rows that fit the width of the page."""
    return f'<div class="pictures{" pair" if large else ""}">{"".join(pictures)}</div>'
