"""Values for each task, from one for all, a sequence in order or a dict by name."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ple.tasks import by_task

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize("value", ["auto", 0.5, True])
def test_one_value_is_for_all_tasks(value):
    assert by_task(value, NAMES, "p", default=None) == dict.fromkeys(NAMES, value)


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series])
def test_sequences_are_assigned_in_order(make):
    assert by_task(make([1, 2, 3]), NAMES, "p", default=7) == {"a": 1, "b": 2, "c": 3}


def test_dicts_are_assigned_by_name_with_the_default_for_the_others():
    assert by_task({"c": 2}, NAMES, "p", default=7) == {"a": 7, "b": 7, "c": 2}
    assert by_task(None, NAMES, "p", default=7) == dict.fromkeys(NAMES, 7)


def test_series_are_assigned_by_name_if_they_have_names():
    named = pd.Series({"c": 3, "a": 1, "b": 2})
    assert by_task(named, NAMES, "p", default=7) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(ValueError, match=r"p names \[0, 1, 2\], but the tasks are"):
        by_task(pd.Series([1, 2, 3])[::-1].rename(index={0: 0}), NAMES, "p", default=7)


def test_names_that_are_no_tasks_are_an_error():
    with pytest.raises(
        ValueError, match=r"p names \[1, 'A'\], but the tasks are \['a', 'b', 'c'\]"
    ):
        by_task({"A": 1, 1: 2}, NAMES, "p", default=None)


@pytest.mark.parametrize("value", [[], [1, 2], (1, 2, 3, 4)])
def test_a_wrong_number_of_entries_is_an_error(value):
    with pytest.raises(ValueError, match=rf"p has {len(value)} entries instead of one for"):
        by_task(value, NAMES, "p", default=None)
