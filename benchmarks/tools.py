"""Try scikit-learn's tools on mixed targets with missing labels; render docs/scikit_learn.rst."""

import warnings

from attempts import N_ROWS, TOOLS
from common import ROOT, save
from render import load, versions
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPRegressor

from sklearn_ple import PLEClassifierRegressor

PAGE = ROOT / "docs" / "scikit_learn.rst"
HEAD = """scikit-learn's tools
====================

Which of scikit-learn's tools work where some targets are classes, some are numbers, and labels are
missing. ``python benchmarks/tools.py`` tried them on {n_rows} persons of NHEFS: death (two
classes), exercise (three) and the change of weight (a number), the last two with labels missing.
Features are numbers without missing values, and classes are coded as numbers, so that nothing but
the targets stands in the way.

"yes" says that the tool takes :class:`~sklearn_ple.PLEClassifierRegressor` as it is. Where it does
not, the cell names our counterpart, or how to pass a task, which was tried too. The other columns
are scikit-learn's own for several targets: of classes and of numbers, by ``HistGradientBoosting``
models, and one network. They show the first line of the error: all of them need every label.
"""
CONTENDERS = {
    "PLEClassifierRegressor": (
        PLEClassifierRegressor(n_members=1, max_epochs=2, random_state=0),
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
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
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
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - Tool"]
    lines += [f"     - {contender}" for contender in CONTENDERS]
    rows = {}
    for result in record["results"]:
        rows.setdefault(result["tool"], []).append(cell(result))
    for name, cells in rows.items():
        lines += [f"   * - {name}", *(f"     - {text}" for text in cells)]
    page = [HEAD.format(n_rows=N_ROWS), *lines, versions(record)]
    PAGE.write_text("\n".join(page))


def cell(result):
    if result["instead"]:
        return result["instead"]
    if result["error"] is None:
        return "yes"
    error = result["error"].split(": ", 1)[1]
    short = error if len(error) <= 80 else error[:79].rsplit(" ", 1)[0] + " …"
    return "no: " + short.translate(str.maketrans({"`": "", "*": r"\*", "_": r"\_", "|": r"\|"}))


if __name__ == "__main__":
    run()
    render()
