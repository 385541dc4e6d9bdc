"""What the benchmarks share: where results are kept, and with which versions they came about."""

import json
import platform
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
