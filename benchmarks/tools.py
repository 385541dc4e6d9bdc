"""Try scikit-learn's tools on mixed targets with missing labels; render docs/scikit_learn.rst."""

import re
import warnings

import pandas as pd
from attempts import N_ROWS, TOOLS
from common import RESULTS, ROOT, SHOWN_RESULTS, save
from page.rst import load, versions
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPRegressor

from sklearn_ple import PLEClassifierRegressor

PAGE = ROOT / "docs" / "scikit_learn.rst"
HEAD = """scikit-learn's tools
====================

Which tools of scikit-learn work where some targets are classes, others are numbers, and labels are
missing? ``python benchmarks/tools.py`` tried them on {n_rows} people of NHEFS. The targets are
death (two classes), exercise (three classes) and the change of weight (a number), the last two
with missing labels. The features are numbers without missing values, and classes are coded as
numbers, so that the targets are the only difficulty. ``task_types`` says that exercise has
classes, because whole numbers as floats could also be amounts.

"Yes" means that the tool takes :class:`~sklearn_ple.PLEClassifierRegressor` as it is. Otherwise
the table names what to use instead, which was tried too. A ``task_view`` is one task as an
estimator of its own: see :doc:`guide/predicting`.
"""
OTHERS = """
Other estimators with several targets
-------------------------------------

The same was tried with scikit-learn's own estimators for several targets:
:class:`~sklearn.multioutput.MultiOutputClassifier` and
:class:`~sklearn.multioutput.MultiOutputRegressor`, of ``HistGradientBoosting`` models, and
``MLPRegressor``. All of them need every label. {failed} of {n} attempts failed, {common} of them
with the message "{message}" The others failed with these:
"""
CONTENDERS = {
    "PLEClassifierRegressor": (
        PLEClassifierRegressor(
            n_members=1,
            max_epochs=2,
            task_types={"exercise": "multiclass"},
            random_state=0,
        ),
        {"max_epochs": [1, 2]},
    ),
    "MultiOutputClassifier": (
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=5)),
        {"estimator__max_iter": [2, 5]},
    ),
    "MultiOutputRegressor": (
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=5)),
        {"estimator__max_iter": [2, 5]},
    ),
    "MLPRegressor": (MLPRegressor(max_iter=5, random_state=0), {"max_iter": [2, 5]}),
}


def error_of(attempt, contender):
    """Try a tool on a contender; return the first line of the error, None if it works."""
    model, values = CONTENDERS[contender]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt(clone(model), values)
    except Exception as error:
        # An assertion may have no message.
        kind = type(error).__name__
        return f"{kind}: {(str(error).strip() or kind).splitlines()[0]}"
    return None


def run():
    results = []
    for name, tried in TOOLS.items():
        for contender, (model, _) in CONTENDERS.items():
            error, instead = error_of(tried["attempt"], contender), ""
            if error and tried["attempt_instead"] and hasattr(model, "task_view"):
                failure = error_of(tried["attempt_instead"], contender)
                error, instead = (failure, "") if failure else (error, tried["instead"])
            results.append(
                {"tool": name, "contender": contender, "error": error, "instead": instead}
            )
            print(*results[-1].values(), sep=" | ", flush=True)
    save("tools", results, ["numpy", "pandas", "polars", "scikit-learn", "skorch", "torch"])


def render():
    record = load("tools")
    results = pd.DataFrame(record["results"])
    is_ours = results["contender"] == "PLEClassifierRegressor"
    ours, others = results[is_ours], results[~is_ours]
    failed = others.dropna(subset="error")
    failed = failed.assign(error=failed["error"].map(message))
    common = failed["error"].mode()[0]
    rest = failed[failed["error"] != common]
    tried = words(["Tool", "Does it work?"], ours["tool"], answers(ours))
    counts = {"n": len(others), "failed": len(failed), "common": len(failed) - len(rest)}
    rest = rest.groupby(["tool", "error"], sort=False)["contender"].agg(", ".join).reset_index()
    errors = words(
        ["Tool", "Estimators", "Message"], rest["tool"], rest["contender"], rest["error"]
    )
    text = HEAD.format(n_rows=N_ROWS) + tried + OTHERS.format(message=common, **counts) + errors
    PAGE.write_text(text + versions(record))


def answers(results):
    """Return a text for each tool: "yes", what to use instead, or the error message."""
    answer = results["error"].map(lambda error: f"no: {message(error)}", na_action="ignore")
    return results["instead"].where(results["instead"] != "", answer.fillna("yes"))


def message(error):
    """Return the message of an error for a page: without its type, and shortened."""
    text = error.split(": ", 1)[1]
    text = text if len(text) <= 80 else text[:79].rsplit(" ", 1)[0] + " …"
    # The estimator's name has a column of its own.
    text = re.sub("^'\\w+' object", "object", text)
    return text.translate(str.maketrans({"`": "", "*": r"\*", "_": r"\_", "|": r"\|"}))


def words(head, *columns):
    """Make a list-table of texts."""
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in [head, *zip(*columns, strict=True)]:
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(row)]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run()
    if RESULTS == SHOWN_RESULTS:
        render()
