"""Results that are printed and shown in notebooks, and displays that draw them."""

from collections.abc import Callable, Sequence
from functools import wraps
from html import escape
from typing import Any, TypeVar, cast

import pandas as pd

_Method = TypeVar("_Method", bound=Callable[..., Any])

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


def drawn_by(method: str, kind: type) -> Callable[[_Method], _Method]:
    """Decorate the ``__init__`` of a display, so that an error names the method that users mean.

    Parameters
    ----------
    method : str
        The name of the class method that draws a result or a model.
    kind : type
        The type of the first argument of ``__init__``, which is what that method computes.

    Returns
    -------
    decorate : callable
        The decorator. With a first argument of another type, a TypeError names the method.
    """

    def decorate(function: _Method) -> _Method:
        @wraps(function)
        def call(self: Any, *args: Any, **kwargs: Any) -> None:
            if args and not isinstance(args[0], kind):
                name = type(self).__name__
                raise TypeError(
                    f"{name} takes a {kind.__name__} first, not a {type(args[0]).__name__}: use "
                    f"{name}.{method}, which draws at once."
                )
            function(self, *args, **kwargs)

        return cast(_Method, call)

    return decorate
