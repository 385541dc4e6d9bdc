"""The page for those who come from boosting names what is there; test_pages.py runs its code."""

import inspect
import re
from pathlib import Path

import sklearn.model_selection

from sklearn_ple import PLEClassifierRegressor, metrics
from sklearn_ple.tasks import TASK_KINDS

PAGE = Path(__file__).parents[1] / "docs" / "from_boosting.rst"
TABLE = PAGE.read_text(encoding="utf-8").partition("   * - There\n")[2]
HERE = "".join(re.findall(r"^     - (.*\n(?:       .*\n)*)", TABLE, re.MULTILINE))
#: Objectives there, beside those that are ours.
THEIRS = {"gamma", "mae", "poisson"}


def test_what_the_page_names_is_there():
    named = set(re.findall(r"``(\w+)(?:=[^`]*)?``", HERE))
    there = {*dir(PLEClassifierRegressor), *PLEClassifierRegressor().get_params(), "history_"}
    there |= {*inspect.signature(PLEClassifierRegressor.fit).parameters, "Task", "cross_validate"}
    there |= {*inspect.signature(metrics.make_multitask_scorer).parameters}
    assert len(named) > 20 and named - there == set()
    assert hasattr(sklearn.model_selection, "cross_validate")


def test_objectives_are_kinds_of_tasks():
    kinds = set(re.findall(r'``"(\w+)"``', HERE)) - {"auto"}
    assert kinds - TASK_KINDS.keys() == THEIRS


def test_there_are_neither_monotone_models_nor_limits_of_interactions_nor_ranking():
    names = " ".join(PLEClassifierRegressor().get_params())
    assert not re.search("monoton|interaction|rank", names)
