"""Warnings that refer to the line of the user's code that called the package.

Before Python 3.14, `warnings.catch_warnings` changes the filters of all threads, for good if two
threads overlap. `collected` does not.
"""

import contextlib
import copy
import pickle
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import joblib
import sklearn
import skorch
import tqdm

# Code between the user's line and a warning. (`skip_file_prefixes` needs Python 3.12.)
_FOLDERS = [Path(package.__file__).parent for package in (joblib, sklearn, skorch, tqdm)]
_FOLDERS.append(Path(__file__).parents[1])
_MODULES = [contextlib.__file__, copy.__file__, pickle.__file__]
_INSIDE = (
    *(f"{folder.as_posix()}/" for folder in _FOLDERS),
    *(Path(file).as_posix() for file in _MODULES),
)


def warn(
    message: str | Warning, category: type[Warning] = UserWarning, about: str | None = None
) -> None:
    """Issue a warning that refers to the line of the user's code that called the package.

    A line that fits many models, as a search does, is warned once, unless the user's filters ask
    for more.

    Parameters
    ----------
    message : str or Warning
        The message.
    category : type, default=UserWarning
        The category of the warning.
    about : str, default=None
        What it is about, such as a column; see `without_repeats`.
    """
    if isinstance(message, str):
        message = category(message)
        if about is not None:
            message.__dict__["about"] = about
    if _is_collected(message):
        return
    frame: FrameType = sys._getframe(1)
    depth = 2
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    if not _was_shown(message, frame):
        warnings.warn(message, stacklevel=depth)


@contextlib.contextmanager
def collected(category: type[Warning] = Warning) -> Iterator[list[Warning]]:
    """Context manager that collects warnings of this thread, instead of showing them.

    Warnings of other packages are not among them if the user's filters ignore them.

    Parameters
    ----------
    category : type, default=Warning
        The category of the warnings to collect; others are shown.

    Yields
    ------
    list of Warning
        The warnings, to which those that occur in the context are added.
    """
    found: list[Warning] = []
    before = getattr(_THREAD, "collecting", [])
    _THREAD.collecting = [*before, (category, found)]
    _HOOK.open()
    try:
        yield found
    finally:
        _HOOK.close()
        _THREAD.collecting = before


@contextlib.contextmanager
def without_repeats() -> Iterator[None]:
    """Context manager that shows warnings once, at its end.

    Of warnings of the same text, or about the same, only the first is shown.
    """
    found: list[Warning] = []
    try:
        with collected() as found:
            yield
    finally:
        for warning in list_distinct(found):
            warn(warning)


def list_distinct(found: Iterable[Warning]) -> list[Warning]:
    """Return the first of the warnings of the same text, or about the same."""
    distinct: dict[Any, Warning] = {}
    for warning in found:
        distinct.setdefault((type(warning), getattr(warning, "about", str(warning))), warning)
    return list(distinct.values())


def _is_collected(message: Warning | str) -> bool:
    """Add a warning to the innermost list of this thread for its category, if there is one."""
    for category, found in reversed(getattr(_THREAD, "collecting", [])):
        if isinstance(message, category):
            found.append(message)
            return True
    return False


class _Hook:
    """What shows warnings while any thread collects them: it passes on those of other threads."""

    def __init__(self) -> None:
        self._lock, self._n_open = threading.Lock(), 0
        self._shown: Callable[..., None] = warnings.showwarning

    def open(self) -> None:
        with self._lock:
            self._n_open += 1
            # This makes Python show warnings again that it has shown before.
            with warnings.catch_warnings():
                pass
            # Another thread's catch_warnings may have left it in place.
            if warnings.showwarning != self.show:
                self._shown, warnings.showwarning = warnings.showwarning, self.show

    def close(self) -> None:
        with self._lock:
            self._n_open -= 1
            if self._n_open == 0 and warnings.showwarning == self.show:
                warnings.showwarning = self._shown

    def show(self, message: Warning | str, *place: Any, **options: Any) -> None:
        """Show a warning, unless its thread collects it; the arguments are those of Python."""
        if not _is_collected(message):
            self._shown(message, *place, **options)


_THREAD, _HOOK = threading.local(), _Hook()


# The last warnings that were shown, with their files and lines.
_SHOWN: set[tuple[str, int, type[Warning], str]] = set()
_MOST = 10_000


def _was_shown(message: Warning, frame: FrameType) -> bool:
    """Return whether a warning repeats one of the same line, and filters do not ask for repeats.

    Python itself forgets what it has shown whenever filters change, as in pandas and scikit-learn.
    """
    if _action(message, frame) in ("always", "all", "error", "ignore"):
        return False
    key = frame.f_code.co_filename, frame.f_lineno, type(message), str(message)
    is_known = key in _SHOWN
    # A server may see warnings of ever new texts.
    if len(_SHOWN) >= _MOST:
        _SHOWN.clear()
    _SHOWN.add(key)
    return is_known


def _action(message: Warning, frame: FrameType) -> str:
    """Return what the filters say of a warning."""
    text, name = str(message), frame.f_globals.get("__name__", "")
    for action, pattern, category, module, line in warnings.filters:
        if (
            isinstance(message, category)
            and _matches(pattern, text)
            and _matches(module, name)
            and line in (0, frame.f_lineno)
        ):
            return action
    return "default"


def _matches(pattern: re.Pattern | str | None, text: str) -> bool:
    # Python's own filters have texts instead of patterns.
    if isinstance(pattern, str):
        return pattern == text
    return pattern is None or bool(pattern.match(text))


def _is_inside(filename: str) -> bool:
    return Path(filename).as_posix().startswith(_INSIDE)
