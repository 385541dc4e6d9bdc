"""What the pictures have in common: their colours, and pyplot, which is not always installed."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's colours, which the colour-blind can distinguish.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
#: The order in which the lines or points of a picture take them.
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)

GREY = "#999999"
DARK_GREY = "#555555"


def import_pyplot() -> Any:
    """Import pyplot, or say how to install it.

    Returns
    -------
    pyplot : module
        The module ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'sklearn-ple[plots]'") from error
    return plt
