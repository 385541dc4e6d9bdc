"""The benchmarks' results say which code and versions they come from."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the project is no git checkout"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_results_say_where_they_come_from(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["commit"] and record["python"] and record["versions"]
