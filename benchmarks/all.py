"""Run all benchmarks with the present code, one after the other.

Results are written to a separate folder, `--to`, in which all rows come from one commit. The same
command goes on where it stopped, since the scripts skip what is there; after a new commit it needs
another folder. With `--keep`, if no step fails, the results then replace the earlier ones, and
tables and pictures are rendered: check the words of the pages. With `--only`, the steps of some
scripts alone are run.

    python -m benchmarks.all --list
    python -m benchmarks.all --to ../results --keep
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from .accuracy import TUNED
from .data_sets import COMPARED, DATA_SETS, FURTHER_SETS, LARGE, LAWS, LEARNABLE, MULAN_SETS
from .measuring import COMMIT, RESULTS
from .peers import TUNED_PEERS

PROJECT = Path(__file__).parents[1]
#: Models whose fits take minutes or hours run with fewer seeds, or on small sets only.
QUICK = ("PLE", TUNED, "LightGBM", "LightGBM, early stopping", "XGBoost", "HistGradientBoosting")
QUICK += ("XGBoost multi-output trees", "Random forest")
SLOW = ("CatBoost", "CatBoost MultiRMSEWithMissingValues", "CatBoost MultiLogloss", "RealMLP")
#: All rivals are tuned on the first ones; on the others, tuning TabM takes hours.
TINY_SETS = ("andro", "edm", "linnerud", "scpf", "slump")
TUNED_SETS = ("nhefs", "nmes1988")
#: On it, TabM takes many hours with its defaults.
TABM_SETS = [name for name in COMPARED if name not in ("users_items", "census_no_education")]


def accuracy(models, sets, seeds):
    return ("accuracy", "--models", *models, "--data", *sets, "--seeds", str(seeds))


#: A script, whose results are `NAME.json`, and its arguments.
STEPS = (
    accuracy(QUICK, COMPARED, 5),
    accuracy(SLOW, (*MULAN_SETS, *FURTHER_SETS, "nhefs", "support2"), 3),
    accuracy(SLOW, (*DATA_SETS, *LEARNABLE, *LAWS), 1),
    accuracy(("TabM",), TABM_SETS, 1),
    accuracy(TUNED_PEERS, TINY_SETS, 1),
    accuracy([name for name in TUNED_PEERS if "TabM" not in name], TUNED_SETS, 1),
    ("members", "--seeds", "1"),
    ("sizes",),
    ("learnable",),
    ("blend",),
    ("networks",),
    ("balancing", "--cost"),
    ("balancing",),
    ("balancing", "--members", "4", "--seeds", "2", "--sets", *LARGE),
    *(
        (name,)
        for name in ("ablation", "gates", "growth", "memory", "speed", "calibration", "coverage")
    ),
    *((name,) for name in ("known", "joint", "survival", "latency", "n_jobs", "verdicts")),
    ("streaming", "--impressions", "10000000"),
    *((f"paper.{name}",) for name in ("synthetic", "census", "ali_ccp", "conflict")),
)


def run(steps, folder):
    """Run the steps. If one fails, run the others; return the failed steps."""
    environment = os.environ | {"SKLEARN_PLE_RESULTS": str(folder.resolve())}
    failed = []
    for step in (bar := tqdm(steps)):
        bar.set_description(step[0])
        command = [sys.executable, "-m", f"benchmarks.{step[0]}", *step[1:]]
        if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode:
            failed.append(step)
    return failed


def keep(steps, folder):
    """Replace the earlier results by those of some steps; render them."""
    for name in sorted({step[0].replace(".", "_") for step in steps}):
        shutil.copy(folder / f"{name}.json", RESULTS)
    subprocess.run([sys.executable, "-m", "benchmarks.render"], cwd=PROJECT, check=True)


def main(arguments=None):
    names = sorted({step[0] for step in STEPS})
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, help="folder of the results")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--list", action="store_true", help="show the steps, and run nothing")
    parser.add_argument(
        "--keep", action="store_true", help="replace the earlier results at the end"
    )
    options = parser.parse_args(arguments)
    steps = [step for step in STEPS if step[0] in options.only]
    if options.list:
        print("\n".join(map(" ".join, steps)))
        return
    if options.to is None:
        parser.error("--to is missing: the folder of the results")
    if COMMIT.endswith("+changes"):
        parser.error("the code differs from its commit, which results would name: commit first")
    options.to.mkdir(parents=True, exist_ok=True)
    if failed := run(steps, options.to):
        lines = "\n".join(map(" ".join, failed))
        sys.exit(f"These failed; the same command runs them again:\n{lines}")
    if options.keep:
        keep(steps, options.to)


if __name__ == "__main__":
    main()
