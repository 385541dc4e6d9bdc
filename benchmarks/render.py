"""Render the results as docs/benchmarks.rst."""

import json

import pandas as pd
from common import RESULTS

PAGE = RESULTS.parents[1] / "docs" / "benchmarks.rst"
HEAD = """Benchmarks
==========

What was measured, by the scripts in ``benchmarks/``: each compares all its rows in one run, on one
thread. Results lie beside the scripts as JSON; ``python benchmarks/render.py`` makes this page.
"""
CENSUS = """
Census-Income
-------------

Area under the ROC curve on the test rows of the published *test* file (66,508 rows to train on,
33,254 to test; education kept among the features), mean and standard deviation over {n} seeds.
The setting of PLE was chosen on a fifth of the training rows (experts of 128 and 64 units,
dropout 0.2, 8 epochs of batches of 512 with one cycle of the learning rate up to 0.003); the test
rows took no part in the choice. The boosting models have their defaults.
"Numbers also as categories" gives every numeric column a second time as a category.
"""
EPOCH = """
Time of an epoch
----------------

CPU seconds for an epoch of {rows} rows of Census-Income, batches of 256, against a plain torch
loop with the same network and optimizer over batches that were cut before, and against skorch as
it comes. Medians of the runs; the ratio is that of the estimator to the plain loop, with its
range.
"""
GRID = """
A grid search
-------------

8 settings × 3 folds and a refit on NHEFS (1,629 rows):
:class:`~sklearn_ple.PLEClassifierRegressor` on all six tasks, against scikit-learn's
``MLPRegressor`` on one. Batches of 64, at most 100 epochs, early stopping. Median seconds of {n}
runs.
"""


def load(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(frame):
    """Make a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [[frame.index.name, *frame.columns], *frame.reset_index().to_numpy().tolist()]:
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join(["", *lines, ""])


def versions(record):
    names = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return f"\nPython {record['python']}, {names}.\n"


def census():
    record = load("census_income")
    runs = pd.DataFrame(record["results"]).groupby("model", sort=False)
    rows = pd.DataFrame(index=pd.Index(runs.groups, name="model"))
    for task, title in {"income": "income", "marital": "never married"}.items():
        mean, spread = runs[task].mean(), runs[task].std()
        rows[title] = [f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True)]
    rows.index = list(runs[["income"]].mean().index)
    rows.index.name = "model"
    n = int(runs.size().min())
    return CENSUS.format(n=n) + table(rows) + versions(record)


def epoch_time():
    record = load("epoch_time")
    results = pd.DataFrame(record["results"])
    results["ratio"] = results["estimator"] / results["plain"]
    runs = results.groupby("network", sort=False)
    median = runs[["estimator", "plain", "skorch", "ratio"]].median()
    low, high = runs["ratio"].min(), runs["ratio"].max()
    rows = pd.DataFrame(
        {
            "estimator": median["estimator"].map("{:.2f}".format),
            "plain loop": median["plain"].map("{:.2f}".format),
            "skorch": median["skorch"].map("{:.2f}".format),
            "ratio": [
                f"{m:.2f} ({a:.2f} to {b:.2f})"
                for m, a, b in zip(median["ratio"], low, high, strict=True)
            ],
        }
    )
    return EPOCH.format(rows="66,508") + table(rows) + versions(record)


def grid_search():
    record = load("grid_search")
    runs = pd.DataFrame(record["results"]).groupby("grid", sort=False)
    median = runs[["seconds", "cpu_seconds"]].median()
    rows = pd.DataFrame(
        {"seconds": median["seconds"].round(1), "CPU seconds": median["cpu_seconds"].round(1)}
    )
    return GRID.format(n=int(runs.size().min())) + table(rows) + versions(record)


if __name__ == "__main__":
    PAGE.write_text(HEAD + census() + epoch_time() + grid_search())
