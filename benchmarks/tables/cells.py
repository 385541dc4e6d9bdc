"""How numbers and names are written in tables and pictures, and tables in reStructuredText."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

#: More columns would not fit a window of 1,280 pixels.
MOST_COLUMNS = 7
MISSING = "–"
#: What keeps a number in a line with its unit.
BLANK = "\N{NO-BREAK SPACE}"
NAMES = json.loads((Path(__file__).parents[1] / "names.json").read_text())
#: The names of data sets, in the order of the tables, and of models.
TITLES, SHORT = NAMES["data"], NAMES["models"]


def seconds(value):
    """Write seconds with two or three digits."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def times(ratio):
    """Write how many times as much one is as the other; a part in percent."""
    if ratio < 1:
        return f"{100 * ratio:.2g} %"
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def change(value, digits=3):
    """Write a change with its sign, but for a rounded zero."""
    return f"{value:+.{digits}f}" if round(value, digits) else f"{0:.{digits}f}"


def gain(row, digits=4):
    """Write a gain with its interval."""
    ends = f"{change(row['low'], digits)} to {change(row['high'], digits)}"
    return f"{change(row['mean'], digits)} ({ends})"


def mark(row, better="+", worse="−"):
    """Return the mark of a gain or a loss beyond chance."""
    return better if row["low"] > 0 else worse if row["high"] < 0 else ""


def text(form, value):
    if isinstance(value, float) and np.isnan(value):
        return MISSING
    return form.format(value) if isinstance(form, str) else form(value)


def cells(frame, **columns):
    """Write columns by their forms; a column and its title are separated by a bar."""
    made = {
        name.rpartition("|")[2]: [text(form, value) for value in frame[name.partition("|")[0]]]
        for name, form in columns.items()
    }
    return pd.DataFrame(made, index=frame.index)


def best_bold(values, best="max"):
    """Write numbers with three digits, the best of each row bold."""
    rounded, written = values.round(3), values.map("{:.3f}".format)
    is_best = rounded.eq(rounded.agg(best, axis=1), axis=0)
    return written.where(~is_best, "**" + written + "**").where(values.notna(), MISSING)


def named(frame):
    """Put sets, as rows, in their order, and write them and models by their names."""
    order = [name for name in TITLES if name in frame.index]
    return frame.loc[order].rename(index=TITLES, columns=SHORT).rename_axis(index="table")


def list_tables(frame):
    """Make a list-table, or several of equal width with the index, if the frame is too wide."""
    n_parts = math.ceil(frame.shape[1] / (MOST_COLUMNS - 1))
    step, lines = math.ceil(frame.shape[1] / n_parts), []
    for start in range(0, frame.shape[1], step):
        part = frame.iloc[:, start : start + step]
        lines += [".. list-table::", "   :class: figures", "   :header-rows: 1", ""]
        for row in [[part.index.name, *part], *part.reset_index().to_numpy().tolist()]:
            lines += [f"   {'  ' if i else '* '}- {cell}".rstrip() for i, cell in enumerate(row)]
        lines.append("")
    return "\n".join(lines)
