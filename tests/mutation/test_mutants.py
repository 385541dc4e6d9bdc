"""The parts of the mutation testing that need not run any tests."""

from pathlib import Path

import pytest
from mutants import TESTS, changed_texts, describe, is_another_program

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sklearn_ple"
ROOMS = ("tasks", "encoding", "metrics", "balancing")
SOURCE = "def mean(a: int | None, b: int = 0):\n    return (a + b) / 2\n"


def test_every_module_of_the_rooms_has_tests():
    files = [
        PACKAGE / "members.py",
        *(path for room in ROOMS for path in PACKAGE.glob(f"{room}/*")),
    ]
    names = {path.relative_to(PACKAGE).as_posix() for path in files if path.suffix == ".py"}
    assert set(TESTS) == {name for name in names if not name.endswith("__init__.py")}
    files = {test.partition("::")[0] for tests in TESTS.values() for test in tests}
    assert [file for file in sorted(files) if not (ROOT / "tests" / file).exists()] == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a + b", "a - b", True),
        ("int | None", "int & None", False),
        ("a + b", "(a + b)", False),
        ("a + b", "a + + * b", False),
    ],
)
def test_changes_of_the_program_alone_are_tried(old, new, expected):
    assert is_another_program(SOURCE, SOURCE.replace(old, new)) == expected


def test_a_change_is_described_by_its_line():
    text = SOURCE.replace("a + b", "a - b")
    assert (
        describe("m.py", SOURCE, text)
        == "m.py:2\n    - return (a + b) / 2\n    + return (a - b) / 2"
    )


def test_places_are_changed_once_each():
    pytest.importorskip("cosmic_ray")
    texts = list(changed_texts(SOURCE, seed=0))
    # The default, the sum, the quotient and its divisor.
    assert len(texts) == len(set(texts)) == 4
    assert sorted(texts) != sorted(changed_texts(SOURCE, seed=1))
    (of_line,) = changed_texts(SOURCE, seed=0, line=1)
    assert of_line in texts and "(a + b) / 2" in of_line
