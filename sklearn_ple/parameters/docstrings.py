"""Completion of docstrings with parameters and attributes described in other classes."""

import inspect
import re
from functools import cache

_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\w+ : )", re.MULTILINE)
# The sections that are completed, in numpydoc's order. Other sections come after them.
_COMPLETED = ("Parameters", "Attributes")

#: Descriptions in `PLEClassifierRegressor`, the first class that describes parameters, by section
#: and name.
_FLAGSHIP: dict[str, dict[str, str]] = {}


def complete_docstring(cls: type) -> None:
    """Complete the docstring of a class with missing parameters and attributes.

    Parameters that the docstring does not describe are taken from a base class or from
    `PLEClassifierRegressor`. They are listed in the order of the signature. All attributes that
    these classes describe are added. A class without its own docstring is not changed.
    """
    if not vars(cls).get("__doc__"):
        return
    head, sections = _split(cls.__doc__)
    known = {title: dict(_FLAGSHIP.get(title, {})) for title in _COMPLETED}
    # The class itself comes last, so that its descriptions take precedence.
    for base in reversed(cls.__mro__):
        for title in _COMPLETED:
            known[title] |= _entries(_split(base.__doc__ or "")[1].get(title, ""))
    if known["Parameters"] and not _FLAGSHIP:
        _FLAGSHIP.update(known)
    names = [name for name in inspect.signature(cls).parameters if name in known["Parameters"]]
    completed = {
        "Parameters": "\n".join(known["Parameters"][name] for name in names),
        "Attributes": "\n".join(known["Attributes"].values()),
    }
    others = {title: text for title, text in sections.items() if title not in completed}
    parts = [
        f"{title}\n{'-' * len(title)}\n{text}"
        for title, text in (completed | others).items()
        if text
    ]
    cls.__doc__ = "\n\n".join([head, *parts]) + "\n"


# Each class needs the docstrings of its base classes.
@cache
def _split(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into the text above its sections, and sections by title."""
    head, *rest = _SECTION.split(inspect.cleandoc(docstring))
    texts = (text.strip("\n") for text in rest[1::2])
    return head.strip("\n"), dict(zip(rest[::2], texts, strict=True))


def _entries(section: str) -> dict[str, str]:
    """Split a section into its entries by name."""
    _, *entries = _ENTRY.split(section)
    return {entry.partition(" : ")[0]: entry.strip("\n") for entry in entries}
