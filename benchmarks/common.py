"""What the benchmarks share: where results are kept, and what is recorded about a run."""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np

ROOT = Path(__file__).parents[1]
#: The results that the pages show.
SHOWN_RESULTS = Path(__file__).parent / "results"
#: all.py sets another folder, for a run of all benchmarks at one commit.
RESULTS = Path(os.environ.get("SKLEARN_PLE_RESULTS") or SHOWN_RESULTS)
LIBRARIES = ("numpy", "pandas", "scikit-learn", "skorch", "torch", "lightgbm")
UNKNOWN = "unknown"
#: Parameters of one network that reads standardised numbers and is trained at a constant rate, to
#: compare with plain networks of other libraries.
PLAIN_NETWORK = {
    "n_members": 1,
    "dropout": 0.0,
    "embedding_dim": 8,
    "numeric_embedding": None,
    "feature_dropout": 0.0,
    "learning_rate": 1e-3,
    "lr_schedule": "constant",
    "weight_averaging": 0.0,
}


def parser_of(description, n_seeds):
    """Make a parser whose only option is the number of seeds; the caller adds others."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=n_seeds, help="how many, from 0 on")
    return parser


def git(root, *arguments):
    """Return what git prints in a folder."""
    command = ["git", "-C", root, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def commit(root=None):
    """Return the commit of a checkout, by default the project's, marked if its code differs."""
    root = Path(root or ROOT)
    # Elsewhere git would look for a checkout in the folders above.
    if not (root / ".git").exists():
        return UNKNOWN
    try:
        head = git(root, "rev-parse", "--short", "HEAD").strip()
        code = ("sklearn_ple", "benchmarks", ":!benchmarks/results")
        changed = git(root, "diff", "--name-only", "HEAD", "--", *code)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return head + ("+changes" if changed else "")


# Read at the start, since new commits may be made while a benchmark runs for hours.
COMMIT = commit()


def processor():
    """Return the model of the processor and how many of its cores may be used."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {joblib.cpu_count()} cores"


def save(name, results, libraries=LIBRARIES, **others):
    """Write results as JSON, one row per line, with commit, processor and versions.

    Rows without a commit get that of this run; rows from `kept` have one already. The record
    lists the commits of all rows, that of this run last. Its processor and versions are those of
    this run.
    """
    rows = [{"commit": COMMIT} | row for row in results]
    earlier = [row["commit"] for row in rows if row["commit"] != COMMIT]
    record = {
        "commit": ", ".join(dict.fromkeys([*earlier, COMMIT])),
        "processor": processor(),
        "python": platform.python_version(),
        "versions": versions(libraries),
    }
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    head = json.dumps(record | others | {"results": []}, indent=1).removesuffix("[]\n}")
    RESULTS.mkdir(exist_ok=True)
    partial = RESULTS / f"{name}.json.part"
    partial.write_text(f"{head}[\n{lines}\n ]\n}}\n")
    partial.replace(RESULTS / f"{name}.json")


def is_kept(commit):
    """Return whether results of a commit are kept: in a separate folder, those of this one."""
    return "SKLEARN_PLE_RESULTS" not in os.environ or commit == COMMIT


def kept(name):
    """Return the stored results, each row with its commit.

    In files from the time before rows had commits, a row gets the commit that last changed the
    file. A run of all benchmarks in a separate folder ignores rows of other commits.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    record = json.loads(path.read_text())
    rows = [{"commit": f"{record['commit']} or before"} | row for row in record["results"]]
    return [row for row in rows if is_kept(row["commit"])]


def kept_beside(name, row, key):
    """Return the stored results but for that of the same run as a row, which replaces it."""
    return [old for old in kept(name) if any(old.get(k) != row.get(k) for k in key)]


def in_own_process(script, *arguments, environment=None):
    """Run a script, with other environment variables too; parse its last line as JSON."""
    command = [sys.executable, script, *map(str, arguments)]
    environment = os.environ | (environment or {})
    printed = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    return json.loads(printed.splitlines()[-1])


def versions(libraries):
    return {library: version(library) for library in libraries if is_installed(library)}


def is_installed(library):
    try:
        return bool(version(library))
    except PackageNotFoundError:
        return False


def census():
    """Census-income (income, never married) on the split that results are reported on."""
    from sklearn_ple.datasets import fetch_census_income

    X, y = fetch_census_income(subset="test", return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    train, test = order[:66508], order[66508:]
    return X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
