"""Run all benchmarks with the present code, one after the other, and render tables and pictures.

Results are written to a separate folder, `--to`, in which all rows come from one commit. An
interrupted run continues where it stopped; after a new commit it starts from the beginning. When
all steps have ended, `--keep` replaces the earlier results by the new ones and renders tables and
pictures. With `--only`, the steps of some scripts alone are run or kept.

    python all.py --list
    python all.py --to ../../results
    python all.py --to ../../results --keep
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from common import COMMIT, RESULTS
from data_sets import DATA_SETS, FURTHER_SETS, LARGE, MULAN_SETS, SETS
from frontier import DEFAULT_SETS, N_MEMBERS
from peers import TUNED_PEERS
from tqdm import tqdm

HERE = Path(__file__).parent
DONE = "done.json"


class Step(NamedTuple):
    """A script with its arguments; its results are `NAME.json`, by the script's own name."""

    name: str
    arguments: tuple[str, ...] = ()

    @property
    def command(self):
        return [sys.executable, "-m", self.name, *self.arguments]


#: Models whose fits take minutes or hours run with fewer seeds, or on small sets only.
QUICK = ("PLE", "PLE, tuned", "LightGBM", "LightGBM, early stopping", "XGBoost")
QUICK += ("HistGradientBoosting", "Random forest", "MLP")
SLOW = ("CatBoost", "CatBoost MultiRMSEWithMissingValues", "CatBoost MultiLogloss", "RealMLP")
SMALL_SETS = ("nhefs", "linnerud", "nmes1988", *MULAN_SETS)
#: All rivals are tuned on the first ones; on the others, tuning TabM takes hours.
TINY_SETS = ("andro", "edm", "linnerud", "scpf", "slump")
TUNED_SETS = ("nhefs", "nmes1988")
#: On the others TabM takes hours with its defaults.
TABM_SETS = (
    *SMALL_SETS,
    "census",
    "loans",
    "many_labels",
    "minneapolis_stops",
    "polynomials",
    "randhie",
    "rf1",
    "star",
    "support2",
    "synthetic_mixed",
    "synthetic_sinusoids",
    "tox21",
)
#: The sets of the pictures of score and cost.
PICTURED = (*DEFAULT_SETS, *FURTHER_SETS)


def accuracy(models, sets, seeds):
    return Step("accuracy", ("--models", *models, "--data", *sets, "--seeds", str(seeds)))


STEPS = (
    accuracy(QUICK, SETS, 5),
    accuracy(SLOW, (*MULAN_SETS, *FURTHER_SETS, "nhefs", "support2"), 3),
    accuracy(SLOW, DATA_SETS, 1),
    accuracy(("TabM",), TABM_SETS, 1),
    accuracy(TUNED_PEERS, TINY_SETS, 1),
    accuracy([name for name in TUNED_PEERS if "TabM" not in name], TUNED_SETS, 1),
    Step("frontier"),
    Step(
        "frontier", ("--rows", "test", "--seeds", "1", "--models", *N_MEMBERS, "--sets", *PICTURED)
    ),
    Step("networks"),
    Step("balancing", ("--cost",)),
    Step("balancing"),
    Step("balancing", ("--members", "4", "--seeds", "2", "--sets", *LARGE)),
    Step("ablation"),
    Step("growth"),
    Step("memory"),
    Step("speed"),
    Step("grid_search"),
    Step("calibration"),
    Step("coverage"),
    Step("relative_errors"),
    Step("survival"),
    Step("latency"),
    Step("n_jobs"),
    Step("streaming", ("--impressions", "10000000")),
    Step("paper.synthetic"),
    Step("paper.comparison"),
    Step("paper.ali_ccp"),
    Step("paper.experts"),
    Step("paper.shared_experts"),
)


def done(folder):
    """Return a row for each step that has ended."""
    path = folder / DONE
    return json.loads(path.read_text()) if path.exists() else []


def remaining(steps, folder):
    """Return the steps that have not ended."""
    ended = {tuple(row["command"]) for row in done(folder)}
    return [step for step in steps if (step.name, *step.arguments) not in ended]


def run(steps, folder):
    """Run the remaining steps. If one fails, run the others; return the failed steps."""
    environment = os.environ | {"SKLEARN_PLE_RESULTS": str(folder.resolve())}
    # Steps that ended at another commit are run again.
    ended = [row for row in done(folder) if row["commit"] == COMMIT]
    (folder / DONE).write_text(json.dumps(ended, indent=1))
    failed = []
    bar = tqdm(remaining(steps, folder))
    for step in bar:
        bar.set_description(step.name)
        start = time.perf_counter()
        if subprocess.run(step.command, cwd=HERE, env=environment, check=False).returncode:
            failed.append(step)
            continue
        row = {"commit": COMMIT, "command": (step.name, *step.arguments)}
        row["hours"] = round((time.perf_counter() - start) / 3600, 2)
        (folder / DONE).write_text(json.dumps([*done(folder), row], indent=1))
    return failed


def keep(steps, folder):
    """Replace the earlier results by those of some steps, and render tables and pictures."""
    names = {step.name for step in steps}
    for name in sorted(names):
        path = f"{name.replace('.', '_')}.json"
        shutil.copy(folder / path, RESULTS / path)
    subprocess.run([sys.executable, "-m", "render"], cwd=HERE, check=True)


def named(steps):
    return "\n".join(" ".join((step.name, *step.arguments)) for step in steps)


def main():
    names = sorted({step.name for step in STEPS})
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, help="folder of the results")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--list", action="store_true", help="show the steps, and run nothing")
    parser.add_argument("--keep", action="store_true", help="keep what has been run")
    options = parser.parse_args()
    steps = [step for step in STEPS if step.name in options.only]
    if options.list:
        print(named(steps))
        return
    if options.to is None:
        parser.error("--to is missing: the folder of the results")
    if COMMIT.endswith("+changes"):
        parser.error("the code differs from its commit, which results would name: commit first")
    if options.keep:
        if left := remaining(steps, options.to):
            parser.error(f"run these steps first, or leave them out by --only:\n{named(left)}")
        keep(steps, options.to)
        return
    options.to.mkdir(parents=True, exist_ok=True)
    if failed := run(steps, options.to):
        sys.exit(f"These failed; the same command runs them again:\n{named(failed)}")


if __name__ == "__main__":
    main()
