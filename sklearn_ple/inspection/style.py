"""What plots share: matplotlib, which may not be installed, colours, names and numbers."""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..utils._sklearn import HasMethods
from ..utils.versions import needing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The colours of Okabe and Ito, which colour-blind people can distinguish.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
#: The colours of lines or points, in the order of their use.
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)

#: What a parameter ``ax`` accepts.
AXES = [HasMethods(["get_figure"]), None]

GREY = "#999999"
DARK_GREY = "#555555"


def import_pyplot() -> Any:
    """Import pyplot, with an error that says how to install matplotlib if it is missing.

    Returns
    -------
    pyplot : module
        The module ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    with needing("Plots need matplotlib", "plots"):
        import matplotlib.pyplot as plt
    return plt


def make_axes(n_rows: int, n_columns: int, size: tuple[float, float], **options: Any) -> Any:
    """Make a figure of a size in inches, and the axes of its panels, a 2-D array."""
    layout = {"figsize": size, "squeeze": False, "layout": "constrained"}
    return import_pyplot().subplots(n_rows, n_columns, **layout, **options)


def merge_style(style: dict[str, Any], options: dict[str, Any], kind: str) -> dict[str, Any]:
    """Replace the defaults of a style by the options of the user.

    Parameters
    ----------
    style : dict
        The defaults.
    options : dict
        The options, which may have short names, such as ``lw``.
    kind : {"Line2D", "Rectangle"}
        The kind of artist, which defines the short names.

    Returns
    -------
    style : dict
        The style, with long names.
    """
    plt = import_pyplot()
    from matplotlib.cbook import normalize_kwargs

    return style | normalize_kwargs(options, getattr(plt, kind))


def add_legend(
    owner: "Axes | Figure", handles: Sequence[Any], names: Sequence[str], **options: Any
) -> None:
    """Add a legend to axes or a figure that shows all names, the long ones shortened.

    Parameters
    ----------
    owner : matplotlib Axes or Figure
        The axes or the figure.
    handles : sequence of matplotlib artists
        What is named.
    names : sequence of str
        The names. "$" in them does not start a formula.
    **options : dict
        Passed to ``owner.legend``.
    """
    # Set afterwards, because matplotlib omits labels that start with an underscore.
    legend = owner.legend(handles, [" "] * len(handles), **options)
    for text, name in zip(legend.get_texts(), map(shorten, names), strict=True):
        text.set(text=name, parse_math=False)


def shorten(name: Hashable) -> str:
    """Return a name with at most 40 characters: a longer one without its middle."""
    text = str(name)
    return text if len(text) <= 40 else f"{text[:24]}…{text[-15:]}"


def format_numbers(values: np.ndarray, n_digits: int, sign: str = "") -> np.ndarray:
    """Write the numbers of a table, so that the greatest has at least ``n_digits`` digits.

    Parameters
    ----------
    values : ndarray of float of shape (n_rows, n_columns)
        The numbers. Columns may have different units: one whose numbers would all be written as
        zero has decimals of its own.
    n_digits : int
        Number of significant digits.
    sign : {"", "+"}, default=""
        Whether positive numbers have a sign.

    Returns
    -------
    texts : ndarray of str of shape (n_rows, n_columns)
        The texts; a dash for NaN.
    """
    reaches = np.nanmax(np.abs(values), axis=0, initial=0.0)
    reach = reaches.max(initial=0.0)
    texts = np.empty(values.shape, dtype=object)
    for place, value in enumerate(reaches):
        unit = (value if value < reach / 10**n_digits else reach) or 1.0
        style, column = f"{sign}.{n_digits - 1}e", values[:, place]
        if 1e-4 <= unit < 1e5:
            n_decimals = max(0, n_digits - 1 - int(np.floor(np.log10(unit))))
            # Adding zero turns a rounded -0.0 into 0.0.
            style, column = f"{sign}.{n_decimals}f", column.round(n_decimals) + 0.0
        written = ["–" if np.isnan(value) else format(value, style) for value in column]
        texts[:, place] = [text.replace("-", "\N{MINUS SIGN}") for text in written]
    return texts


def draw_heat_map(
    ax: "Axes | None",
    values: ArrayLike,
    texts: np.ndarray,
    names: tuple[Sequence[Hashable], Sequence[Hashable]],
    label: str,
    **style: Any,
) -> tuple[Any, np.ndarray]:
    """Draw numbers as colours, with texts in the cells.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The axes to draw into; None for a new figure, with room for the names.
    values : array-like of shape (n_rows, n_columns)
        The numbers; cells with NaN have no colour.
    texts : ndarray of str of shape (n_rows, n_columns)
        The texts in the cells.
    names : pair of sequences
        The names of the rows and of the columns, of which long ones are shortened.
    label : str
        What the colours mean.
    **style : dict
        Passed to :meth:`matplotlib.axes.Axes.imshow`.

    Returns
    -------
    image : matplotlib AxesImage
        The heat map.
    written : ndarray of matplotlib Text of shape (n_rows, n_columns)
        The texts as they are drawn.
    """
    rows, columns = ([*map(shorten, part)] for part in names)
    if ax is None:
        # Slanted labels of more than 13 characters need more room.
        excess = max(0, max(map(len, columns)) - 13)
        wide, high = 1.9 + 0.085 * max(map(len, rows)) + 0.8 * len(columns), 1.6 + 0.35 * len(rows)
        size = max(wide, 5.0) + 0.07 * excess, max(high, 3.0) + 0.05 * excess
        _, ((ax,),) = make_axes(1, 1, size)
    image = ax.imshow(values, **({"aspect": "auto"} | style))
    _label_cells(ax, rows, columns)
    ax.figure.colorbar(image, ax=ax, label=label)
    return image, _write_cells(image, texts)


def _label_cells(ax: "Axes", rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name the rows and columns of a heat map, and separate its cells by white lines."""
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right", parse_math=False)
    ax.set_yticks(range(len(rows)), rows, parse_math=False)
    ax.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    ax.tick_params(which="minor", length=0)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.spines[:].set_visible(False)


def _write_cells(image: Any, texts: np.ndarray) -> np.ndarray:
    """Write texts into the cells of a heat map, white where the cell is dark; return them."""
    # Colours as they are seen on white: cells without a number are transparent.
    *channels, opacity = np.moveaxis(image.to_rgba(image.get_array()), 2, 0)
    brightness = np.tensordot([0.299, 0.587, 0.114], channels, axes=1)
    is_dark = brightness * opacity + 1 - opacity < 0.5
    look = {"ha": "center", "va": "center", "fontsize": "small"}
    written = np.empty(texts.shape, dtype=object)
    for row, column in np.ndindex(texts.shape):
        colour = "white" if is_dark[row, column] else "black"
        text = image.axes.text(column, row, texts[row, column], color=colour, **look)
        written[row, column] = text
    return written
