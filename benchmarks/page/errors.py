"""Relative errors on the sets of Mulan's collection."""

import numpy as np
import pandas as pd
import texts

from page.rst import counted, in_order, listed, load, section, short, table, title_of


def mean_errors():
    """Return the mean error over folds and tasks: a row for each set, a column for each model."""
    runs = pd.DataFrame(load("relative_errors")["results"])
    error = [np.mean(list(own.values())) for own in runs["errors"]]
    means = runs.assign(error=error).groupby(["data", "model"])["error"].mean().unstack()
    return means.loc[in_order(set(means.index), texts.SETS)]


def relative_errors(images):
    means = mean_errors()
    order = means.mean().sort_values()
    answer = (
        f"Over {counted(len(means), 'set')} the mean relative errors are "
        f"{listed([f'{short(name)} {error:.3f}' for name, error in order.items()])}."
    )
    shown = means[order.index].apply(with_the_least_bold, axis=1).rename(short, axis=1)
    shown.index = pd.Index([title_of(name) for name in means.index], name="data set")
    return section("Relative errors", f"{answer}\n{texts.RELATIVE_ERRORS}") + table(shown)


def with_the_least_bold(errors):
    cells = errors.map("{:.3f}".format)
    return cells.where(cells != cells.min(), "**" + cells + "**")
