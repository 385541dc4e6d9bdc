"""Which commits named in the results fit the same models as the present code, bit for bit?

The code of each commit fits all networks by default and as published, and PLE with some ways of
balancing, to a part of NHEFS. Digests of the predictions are stored, and a table compares them
with those of the present code. Commits that are in results/same_fits.json already are skipped.
"""

import argparse
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

from .measuring import COMMIT, RESULTS, ROOT, in_own_process, kept, measure_all

N_ROWS = 600
FULL = "PLE, until it stops early"
BALANCINGS = ("uncertainty", "famo")
#: What of a commit is run; the benchmarks are those of the present one.
CODE = ("sklearn_ple/", "docs/extending/")
#: Networks in docs/extending that results have figures of.
EXAMPLES = ("aitm", "home", "multitab", "stem")


def systems():
    """Return what makes the estimators, by their names."""
    import sklearn_ple

    ple = sklearn_ple.PLEClassifierRegressor
    makers = {FULL: ple}
    # Earlier commits have these networks in the package.
    examples = [import_module(name) for name in EXAMPLES if find_spec(name)]
    for module in [sklearn_ple, *examples]:
        for name in dir(module):
            if name.endswith("ClassifierRegressor"):
                makers[name] = maker = getattr(module, name)
                makers[f"{name}, as published"] = maker.as_published
    return makers | {name: partial(ple, balancing=name) for name in BALANCINGS}


def digests():
    """Fit each estimator and return a digest of its predictions."""
    from sklearn_ple.datasets import load_nhefs

    torch.set_num_threads(1)
    X, y = (table[:N_ROWS] for table in load_nhefs(return_X_y=True))
    kinds = dict.fromkeys(y, "regression") | {"death": "binary", "exercise": "multiclass"}
    numbers = [task for task, kind in kinds.items() if kind == "regression"]
    found = {}
    for name, make in systems().items():
        epochs = {} if name == FULL else {"max_epochs": 2}
        model = make(task_types=kinds, random_state=0, **epochs).fit(X, y)
        digest = hashlib.sha256(model.predict(X)[numbers].to_numpy(float).tobytes())
        for probabilities in model.predict_proba(X):
            digest.update(b"" if probabilities is None else probabilities.tobytes())
        found[name] = digest.hexdigest()[:12]
    return found


def digests_of(commit):
    """Return the digests by the code of a commit."""
    archive = ["git", "-C", str(ROOT), "archive", commit]
    content = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(content)) as file:
            parts = [part for part in file if part.name.startswith(CODE)]
            file.extractall(folder, parts, filter="data")
        code = folder, Path(folder, "docs", "extending")
        found = in_own_process(__spec__.name, "--fits", code=code)
    return {"digests": found}


def commits():
    """Return the commits that results name, after the present one.

    Without the present one, a killed run would leave nothing to compare with.
    """
    files = [path.stem for path in RESULTS.glob("*.json") if path.stem != "same_fits"]
    named = {row["commit"] for file in files for row in kept(file)}
    return [COMMIT, *sorted(named - {COMMIT})]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fits", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().fits:
        warnings.simplefilter("ignore")
        print(json.dumps(digests()))
        return
    if COMMIT.endswith("+changes"):
        parser.error("the code differs from its commit, which results would name: commit first")
    measure_all("same_fits", ["commit"], [(commit,) for commit in commits()], digests_of)


if __name__ == "__main__":
    main()
