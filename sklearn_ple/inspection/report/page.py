"""The HTML page of a report, which is written by templates and loads nothing else."""

import base64
import re
import warnings
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any

import jinja2
import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

from ...metrics.reading import read_tasks
from ...utils.inner import tasks_of
from ..history import TrainingHistoryDisplay
from .contents import count_columns, describe_model, draw_dependence, draw_gates, find_important
from .formats import FORMATS, format_interval
from .observed import N_BINS, Observed
from .panels import make_panels

_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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


def write_svg(figure: Any) -> str:
    """Turn a figure of matplotlib into an image in a data URL, and close it.

    Within the page itself, the ids of its elements could clash with those of other images.
    """
    file = BytesIO()
    # The browser has fonts for the letters that matplotlib's font lacks.
    letters = "none" if _lacks_letters(figure) else "path"
    with matplotlib.rc_context({"svg.fonttype": letters}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    # Names may contain control characters and others that are not allowed in XML.
    svg = _NOT_OF_XML.sub("\N{REPLACEMENT CHARACTER}", file.getvalue().decode())
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"


def _lacks_letters(figure: Any) -> bool:
    """Return whether matplotlib's font lacks letters of the figure, such as Chinese ones."""
    known = get_font(findfont(FontProperties())).get_charmap()
    texts = (text.get_text() for text in figure.findobj(Text))
    return any(ord(letter) not in known for text in texts for letter in text if letter != "\n")
