"""The HTML page of a report, which is written by templates and loads nothing else."""

import re
import warnings
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from matplotlib.patches import Patch

from ...metrics.scored_tasks import read_tasks
from ...utils.inner import tasks_of
from ..training_history import TrainingHistoryDisplay
from .contents import count_columns, describe_model, draw_dependence, draw_gates, find_important
from .formats import FORMATS, format_interval
from .observed import N_BINS, Observed
from .panels import make_panels

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NO_METADATA = dict.fromkeys(["Creator", "Date", "Format", "Type"])
# What stands for itself in a data URL and in an attribute, beside letters and digits.
_PLAIN = " !$()*+,-./:;=?@[]^_{|}~"


@cache
def _find_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "."),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= FORMATS | {"median": np.median, "svg": write_svg}
    return environment.get_template("report.html")


def render_page(report: Any, title: str) -> str:
    """Return the HTML page of a report."""
    # Plots do not depend on the user's settings, and a dollar in a name does not start a formula.
    look: dict[Any, Any] = {"text.parse_math": False, "svg.hashsalt": "report"}
    with plt.style.context("default"), matplotlib.rc_context(look):
        tasks = read_tasks(report.estimator, report.X, report.y)
        return _find_template().render(
            title=title,
            now=datetime.now().astimezone(),
            report=report,
            fitted=tasks_of(report.estimator),
            observed={task.name: Observed.of(task) for task in tasks},
            model=describe_model(report.estimator),
            gates=draw_gates(report.estimator, report.X),
            dependence=draw_dependence(tasks_of(report.estimator)),
            n_bins=N_BINS,
            count_columns=count_columns,
            draw_losses=TrainingHistoryDisplay.from_estimator,
            find_important=find_important,
            interval=format_interval,
            isnan=np.isnan,
            make_panels=make_panels,
        )


def write_svg(figure: "Figure") -> str:
    """Turn a figure of matplotlib into an image in a data URL, and close it.

    Within the page itself, the ids of its elements could clash with those of other images.
    """
    file = BytesIO()
    # As shapes, points and hatches would take most of the page.
    for artist in figure.findobj(PathCollection) + figure.findobj(_is_hatched):
        artist.set_rasterized(True)
    # Texts stay texts, so that they are short, and all letters are drawn by the browser's fonts.
    with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", dpi=150, bbox_inches="tight", metadata=_NO_METADATA)
    plt.close(figure)
    # Names may contain control characters and others that are not allowed in XML.
    svg = _NOT_OF_XML.sub("\N{REPLACEMENT CHARACTER}", " ".join(file.getvalue().decode().split()))
    return f"data:image/svg+xml,{quote(svg, safe=_PLAIN)}"


def _is_hatched(artist: "Artist") -> bool:
    return isinstance(artist, Patch) and bool(artist.get_hatch())
