"""The pages of promises: every test that they name exists, and every promise names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.rst").read_text(encoding="utf-8")
PROMISES = re.split(r"^- ", PAGE.partition("What is not promised")[0], flags=re.M)[1:]
TESTS = re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", PAGE)


@pytest.mark.parametrize(("path", "name"), TESTS, ids=[name for _, name in TESTS])
def test_a_test_that_holds_a_promise_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name.startswith("test_")
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_tests_of_security_exist():
    paths = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(paths) >= 3
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_every_promise_is_held_by_a_test():
    assert len(PROMISES) >= 20
    assert [row for row in PROMISES if "``tests/" not in row] == []
