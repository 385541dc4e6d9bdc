"""The benchmarks' results say which code, versions and processor they come from."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the project is no git checkout"
)


@pytest.fixture
def head():
    command = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git cannot read the project's checkout")


@pytest.fixture
def common(tmp_path, monkeypatch):
    """benchmarks/common.py, with results in a folder of the test's."""
    path = ROOT / "benchmarks" / "common.py"
    spec = importlib.util.spec_from_file_location("benchmarks_common", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_results_say_where_they_come_from(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["commit"] and record["python"] and record["versions"]


def test_save_records_commit_and_processor(common, head):
    common.save("trial", [{"score": 1.0}])
    record = json.loads((common.RESULTS / "trial.json").read_text())
    assert record["commit"] in (head, f"{head}+changes")
    assert record["processor"].endswith(" cores")
    assert record["results"] == [{"commit": record["commit"], "score": 1.0}]


def test_kept_rows_keep_their_commits(common, monkeypatch):
    old = {"commit": "aaaaaaa", "results": [{"score": 1.0}]}
    (common.RESULTS / "trial.json").write_text(json.dumps(old))
    for commit, score in [("bbbbbbb", 2.0), ("ccccccc", 3.0)]:
        monkeypatch.setattr(common, "COMMIT", commit)
        common.save("trial", [*common.kept("trial"), {"score": score}])
    record = json.loads((common.RESULTS / "trial.json").read_text())
    commits = ["aaaaaaa or before", "bbbbbbb", "ccccccc"]
    assert record["commit"] == ", ".join(commits)
    assert [row["commit"] for row in record["results"]] == commits


def test_commit_is_unknown_outside_a_checkout(common, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "ROOT", tmp_path)
    assert common.commit() == "unknown"
    assert common.commit(tmp_path) == "unknown"


def test_a_script_is_run_with_other_environment_variables(common, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import json, os, sys\nprint('...')\n")
    with script.open("a") as file:
        file.write("print(json.dumps([os.environ['ONE'], 'PATH' in os.environ, *sys.argv[1:]]))")
    printed = common.in_own_process(script, 2, environment={"ONE": "1"})
    assert printed == ["1", True, "2"]
