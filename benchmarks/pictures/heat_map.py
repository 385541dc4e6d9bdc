"""Cells in colours, each with its number."""

import numpy as np


def draw_cells(ax, shown, texts, size=8, **colours):
    """Draw a cell for each value of a frame, with a text; those with a star are bold."""
    colours |= {"aspect": "auto", "interpolation": "nearest"}
    image = ax.imshow(np.ma.masked_invalid(shown), alpha=0.75, **colours)
    for (row, column), text in np.ndenumerate(texts):
        weight = "bold" if "*" in text else "normal"
        style = {"ha": "center", "va": "center", "fontsize": size, "weight": weight}
        dark = np.mean(image.to_rgba(shown.iloc[row, column])[:3]) < 0.4
        ax.text(column, row, text, color="white" if dark else "black", **style)
    n_rows, n_columns = shown.shape
    turned = {"rotation": 60, "ha": "right", "va": "top", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_columns), shown.columns, fontsize=size, **turned)
    ax.set_yticks(range(n_rows), shown.index, fontsize=9)
    ax.set_xticks(np.arange(1, n_columns) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, n_rows) - 0.5, minor=True)
    ax.grid(which="minor", color="white", lw=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return image
