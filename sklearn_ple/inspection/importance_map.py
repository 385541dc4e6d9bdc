"""The heat map of importances."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .style import draw_heat_map, import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

#: With more tasks than this, and than features, the tasks are rows of the heat map.
FEW_TASKS = 9


def draw_importances(
    ax: "Axes | None", means: pd.DataFrame, texts: np.ndarray, **style: Any
) -> "tuple[AxesImage, np.ndarray]":
    """Draw the importances of features for tasks.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The axes to draw into; None for a new figure.
    means : DataFrame of shape (n_features, n_tasks)
        The importances. The last of several columns is the mean of the tasks.
    texts : ndarray of str of shape (n_features, n_tasks)
        The texts in the cells.
    **style : dict
        Passed to :meth:`matplotlib.axes.Axes.imshow`.

    Returns
    -------
    image : matplotlib AxesImage
        The heat map.
    written : ndarray of matplotlib Text of shape (n_features, n_tasks)
        The texts as they are drawn.
    """
    import_pyplot()
    from matplotlib.colors import PowerNorm

    default: dict[str, Any] = {"cmap": "Blues"}
    if "norm" not in style:
        reach = np.nanmax(means.to_numpy(), initial=0.0) or 1.0
        limits: dict[str, Any] = {"vmin": 0, "vmax": reach}
        limits |= {end: style.pop(end) for end in limits if end in style}
        default["norm"] = PowerNorm(0.5, **limits)
    values, names = np.maximum(means, 0), (means.index, means.columns)
    n_tasks = means.shape[1]
    # The longer side is the height, so that the picture fits into a page.
    turned = n_tasks > max(FEW_TASKS, len(means))
    if turned:
        texts, values, names = texts.T, values.T, names[::-1]
    label = "drop of the score"
    image, written = draw_heat_map(ax, values, texts, names, label, **(default | style))
    if n_tasks > 1:
        # A gap separates the mean from the tasks.
        gap = {"color": "white", "linewidth": 5}
        (image.axes.axhline if turned else image.axes.axvline)(n_tasks - 1.5, **gap)
    return image, written.T if turned else written
