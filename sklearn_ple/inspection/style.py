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


def figure_and_grid(
    ax: Any, n_rows: int, n_columns: int, size: tuple[float, float], **spacing: float
) -> tuple[Any, Any]:
    """Return a figure and a grid of panels in it.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The axes that the grid divides; None for a new figure.
    n_rows, n_columns : int
        Shape of the grid.
    size : (float, float)
        Width and height of a new figure, in inches.
    **spacing : float
        Space between the panels within given axes; a new figure arranges itself.

    Returns
    -------
    figure : matplotlib Figure
        The figure.
    grid : matplotlib GridSpecBase
        The grid.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if ax is None:
        figure = import_pyplot().figure(figsize=size, layout="constrained")
        return figure, figure.add_gridspec(n_rows, n_columns)
    ax.set_axis_off()
    return ax.figure, ax.get_subplotspec().subgridspec(n_rows, n_columns, **spacing)
