"""Progress bars, of a hundred columns at most."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import Any

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

_COLUMNS = 100


def progress_bar(*args: Any, **options: Any) -> Any:
    """Make a bar of tqdm that is no wider than reads well.

    Parameters
    ----------
    *args, **options : object
        Of tqdm.
    """
    # A notebook's bar is as wide as it likes, and would take a number of pixels.
    in_notebook = issubclass(tqdm, tqdm_notebook)
    columns = min(_COLUMNS, get_terminal_size((_COLUMNS, 1)).columns)
    return tqdm(*args, ncols=None if in_notebook else columns, **options)
