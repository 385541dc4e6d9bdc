"""The pages of promises: every test that they name exists, and every promise names one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.rst").read_text(encoding="utf-8")
PROMISES = re.split(r"^- ", PAGE.partition("What is not promised")[0], flags=re.M)[1:]
TESTS = set(re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", PAGE))


def test_the_tests_that_hold_promises_exist():
    there = {
        (path, node.name)
        for path in {path for path, _ in TESTS}
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert TESTS - there == set()


def test_the_tests_of_security_exist():
    paths = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(paths) >= 3
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_every_promise_is_held_by_a_test():
    assert len(PROMISES) >= 20
    assert [row for row in PROMISES if "``tests/" not in row] == []
