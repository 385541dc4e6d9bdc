"""Progress bars with a width of at most 100 columns."""

import sys
from shutil import get_terminal_size
from typing import Any

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

_COLUMNS = 100


def write_line(text: str) -> None:
    """Write a line to the console, if there is one, without disturbing a bar."""
    if sys.stderr is not None:
        tqdm.write(text, file=sys.stderr)


def progress_bar(*args: Any, **options: Any) -> tqdm:
    """Create a progress bar of tqdm that is not wider than 100 columns, on a console only.

    Parameters
    ----------
    *args, **options : object
        Arguments of tqdm.

    Returns
    -------
    tqdm.tqdm
        The progress bar.
    """
    # In a notebook, the bar has its own width, and ``ncols`` would be a number of pixels.
    in_notebook = issubclass(tqdm, tqdm_notebook)
    if sys.stderr is None:
        # A program without a console has nowhere to show it.
        options["disable"] = True
    elif not options.get("disable") and not in_notebook:
        # In a file, such as a log, each state would be a line: tqdm leaves it out there.
        options["disable"] = None
    columns = min(_COLUMNS, get_terminal_size((_COLUMNS, 1)).columns)

    class Bar(tqdm):
        # tqdm's thread that watches its bars would never end. Without it, each update looks at
        # the clock, also one by a fraction.
        monitor_interval = 0

    return Bar(*args, ncols=None if in_notebook else columns, miniters=0, **options)
