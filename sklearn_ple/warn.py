"""Warnings that refer to the line of the user's code that called the package."""

from __future__ import annotations

import contextlib
import copy
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import sklearn
import skorch

# Code between the user's line and a warning. (`skip_file_prefixes` needs Python 3.12.)
_FOLDERS = [__file__, joblib.__file__, sklearn.__file__, skorch.__file__]
_MODULES = [contextlib.__file__, copy.__file__, pickle.__file__]
_INSIDE = (
    *(f"{Path(file).parent.as_posix()}/" for file in _FOLDERS),
    *(Path(file).as_posix() for file in _MODULES),
)


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that refers to the line of the user's code that called the package.

    Parameters
    ----------
    message : str or Warning
        The message.
    category : type, default=UserWarning
        The category of the warning.
    """
    frame: Any = sys._getframe(1)
    depth = 2
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)


def _is_inside(filename: str) -> bool:
    return Path(filename).as_posix().startswith(_INSIDE)
