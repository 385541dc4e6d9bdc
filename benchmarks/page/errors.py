"""Relative errors on the sets of Mulan's collection."""

import numpy as np
import pandas as pd
import texts

from page.rst import best_bold, counted, in_order, listed, load, named, section, short, table


def relative_errors(images):
    """Write the mean errors over folds and tasks, models in the order of their means."""
    runs = pd.DataFrame(load("relative_errors")["results"])
    runs["error"] = [np.mean(list(own.values())) for own in runs["errors"]]
    means = runs.groupby(["data", "model"])["error"].mean().unstack()
    order = means.mean().sort_values()
    means = means.loc[in_order(set(means.index), texts.SETS), order.index]
    answer = (
        f"Over {counted(len(means), 'set')} the mean relative errors are "
        f"{listed([f'{short(name)} {error:.3f}' for name, error in order.items()])}."
    )
    text = section("Relative errors", f"{answer}\n{texts.RELATIVE_ERRORS}")
    return text + table(named(best_bold(means, "min")))
