"""Results that are printed and shown in notebooks, and displays that draw them."""

from collections.abc import Sequence
from dataclasses import fields
from html import escape
from typing import Any, ClassVar, Self, cast, get_origin

import pandas as pd

#: A caption, a table, and sentences.
Contents = tuple[str, pd.DataFrame, Sequence[str]]


class Result:
    """A result that consoles and notebooks show as a caption, a short table, and sentences."""

    def _contents(self) -> Contents:
        """Return what is shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return what ``print`` and consoles show."""
        caption, table, sentences = self._contents()
        parts = [f"{caption}:", _blank_missing(table).to_string(), "\n".join(sentences)]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        caption, table, sentences = self._contents()
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        listed = f"<ul>{items}</ul>" if items else ""
        return f"<p>{escape(caption)}</p>{_blank_missing(table).to_html()}{listed}"


def _blank_missing(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).where(table.notna(), "")


class Display:
    """Base class of displays: dataclasses, whose first field is what was measured.

    If it is something else, such as the model itself, an error names what measures and draws it.
    """

    drawn_by: ClassVar[str] = "from_estimator, which draws at once"

    def __new__(cls, *args: Any, **_: object) -> Self:
        """Check the first argument, before any other is found missing."""
        hint: Any = fields(cast(Any, cls))[0].type
        kind = get_origin(hint) or hint
        if args and not isinstance(args[0], kind):
            raise TypeError(
                f"{cls.__name__} takes a {kind.__name__} first, not a {type(args[0]).__name__}: "
                f"use {cls.drawn_by}."
            )
        return super().__new__(cls)
