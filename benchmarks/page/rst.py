"""What the parts of a page share: results, sections, tables, and how numbers are written."""

import json

import numpy as np
import pandas as pd
import texts
from common import RESULTS

#: What stays in a line: a number and its unit.
BLANK = "\N{NO-BREAK SPACE}"
#: More columns would not fit a window of 1,280 pixels.
MOST_COLUMNS = 7
TITLES = {name: title for name, (title, *_) in texts.SETS.items()}


def is_there(name):
    return (RESULTS / f"{name}.json").exists()


def load(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def section(title, text, label=None, line="-"):
    head = f"\n.. _{label}:\n" if label else ""
    return f"{head}\n{title}\n{line * len(title)}\n\n{text.strip()}\n"


def image(name, about):
    return f"\n.. image:: images/{name}.png\n   :alt: {about}\n\n"


def table(frame):
    """Make a list-table, or several, each with the index, if the frame is too wide."""
    step = MOST_COLUMNS - 1
    starts = range(0, max(frame.shape[1], 1), step)
    return "".join(one_table(frame.iloc[:, start : start + step]) for start in starts)


def one_table(frame):
    lines = [".. list-table::", "   :class: figures", "   :header-rows: 1", ""]
    for row in [[frame.index.name, *frame.columns], *frame.reset_index().to_numpy().tolist()]:
        lines += [f"   {'  ' if i else '* '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(["", *lines, ""])


def versions(record):
    names = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    text, several = f"Commit: {record['commit']}.", ", " in record["commit"]
    if fits_as_now(record["commit"].split(", ")):
        alike = f"{texts.ALIKE[several]}: {texts.SAME_FITS}"
        text += f" {alike.format(**compared_fits())}"
    text += f" Processor: {record.get('processor', 'not recorded')}."
    if several:
        text += " Versions and processor are those of the last run."
    return f"\nPython {record['python']}, {names}.\n{text}\n"


def fits_as_now(commits):
    """Whether the code of some commits fits the same models as now; None if it is not known."""
    if not is_there("same_fits"):
        return None
    record = load("same_fits")
    of_commit = {row["commit"]: row["digests"] for row in record["results"]}
    now = of_commit[record["present"]]
    found = [of_commit.get(commit.removesuffix(" or before")) for commit in commits]
    if None in found:
        return None
    # A commit may not have had all networks yet.
    return all(now.get(name) == own for fits in found for name, own in fits.items())


def compared_fits():
    """Return the commit that the others were compared with, and how many fits were."""
    record = load("same_fits")
    n_fits = max(len(row["digests"]) for row in record["results"])
    return {"present": record["present"], "n_fits": n_fits}


def title_of(name):
    """Return a data set's title; its name where it has none yet."""
    return TITLES.get(name, name)


def short(model):
    """Return a model's name in tables and pictures."""
    return texts.MODELS.get(model, (model,))[0]


def named(cells):
    """Write sets, as rows, and models, as columns, by their names on the page."""
    return cells.rename(index=title_of, columns=short).rename_axis(index="data set")


def best_bold(values, best="max"):
    """Write numbers with three digits, the best of each row bold; a dash for missing ones."""
    rounded, cells = values.round(3), values.map("{:.3f}".format)
    is_best = rounded.eq(rounded.agg(best, axis=1), axis=0)
    return cells.where(~is_best, "**" + cells + "**").where(values.notna(), "–")


def in_order(names, known):
    """Put names in the order of those known, others after them."""
    return [name for name in known if name in names] + [n for n in names if n not in known]


def seconds(value):
    """Write seconds with two or three digits."""
    if np.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def times(ratio):
    """Write how many times as much one is as the other."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def cost(ratio):
    """Write a cost beside another: a multiple, or a part of it."""
    if ratio >= 1:
        return f"{times(ratio)} times the CPU time"
    return f"{100 * ratio:.0f} % of the CPU time"


def change(value, digits=3):
    """Write a change with its sign, but for a rounded zero."""
    return f"{value:+.{digits}f}" if round(value, digits) else f"{0:.{digits}f}"


def counted(number, name):
    """Write a number of things: one of them, or many."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def counted_each(numbers, name):
    """Write how many things each has: the same number, or from the least to the greatest."""
    least, most = min(numbers), max(numbers)
    return counted(most, name) if least == most else f"{least} to {most} {name}s"


def listed(words, conjunction="and"):
    """Join words by commas and, at the end, a conjunction."""
    *first, last = words
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def mean_scores(runs):
    """Return means over the seeds: a row for each model, a column for each (data, task)."""
    of_set = {
        name: pd.DataFrame(run["scores"].tolist()).groupby(run["model"].to_numpy()).mean()
        for name, run in runs.groupby("data", sort=False)
    }
    return pd.concat(of_set, axis=1, names=["data", "task"])
