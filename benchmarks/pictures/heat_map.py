"""Cells in colours, each with its number."""

import matplotlib.pyplot as plt
import numpy as np


def draw_cells(ax, shown, texts, size=8, **colours):
    """Draw a cell for each value of a frame, with a text."""
    colours |= {"aspect": "auto", "interpolation": "nearest"}
    image = ax.imshow(np.ma.masked_invalid(shown), **colours)
    # Pale on any background; cells without a value are left out.
    pale = 0.25 + 0.75 * image.to_rgba(np.ma.masked_invalid(shown))
    pale[..., 3] = shown.notna()
    image.set_data(pale)
    for (row, column), text in np.ndenumerate(texts):
        style = {"ha": "center", "va": "center", "fontsize": size}
        dark = np.mean(pale[row, column, :3]) < 0.5
        ax.text(column, row, text, color="white" if dark else "black", **style)
    n_rows, n_columns = shown.shape
    turned = {"rotation": 60, "ha": "right", "va": "top", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_columns), shown.columns, fontsize=size, **turned)
    ax.set_yticks(range(n_rows), shown.index, fontsize=9)
    ax.set_xticks(np.arange(1, n_columns) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, n_rows) - 0.5, minor=True)
    ax.grid(which="minor", color=plt.rcParams["figure.facecolor"], lw=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
