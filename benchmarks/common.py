"""What the benchmarks share: where results are kept, and with which versions they came about."""

import json
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "skorch", "torch", "lightgbm")


def save(name, results, libraries=LIBRARIES, **others):
    """Keep results as JSON, a row a line, with the versions of what they depend on."""
    record = {"python": platform.python_version(), "versions": versions(libraries)} | others
    rows = ",\n".join(f"  {json.dumps(row)}" for row in results)
    head = json.dumps(record | {"results": []}, indent=1).removesuffix("[]\n}")
    RESULTS.mkdir(exist_ok=True)
    partial = RESULTS / f"{name}.json.part"
    partial.write_text(f"{head}[\n{rows}\n ]\n}}\n")
    partial.replace(RESULTS / f"{name}.json")


def kept(name):
    """Give the results that are kept by now."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["results"] if path.exists() else []


def in_own_process(script, *arguments):
    """Run a script, and give what the last line that it prints says in JSON."""
    command = [sys.executable, script, *map(str, arguments)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
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
