"""Tables larger than memory: peak memory and rows a second of fits to Parquet files.

Tables of 40 columns, numbers (some missing) and categories, are written row group by row group.
Each is fitted in its own process, from its file and, if it fits into memory, also in memory. A
peak is the resident memory in excess of that after a small fit; for a table in memory, it includes
the table. With ``--impressions``, PLE and ESMM also learn generated data like those of Ali-CCP,
from Parquet and in memory.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from common import LIBRARIES, in_own_process, kept_beside, save
from memory import Peak
from paper.ali_ccp import aucs
from paper.impressions import write
from pyarrow import dataset as ds
from pyarrow import parquet
from sklearn.metrics import roc_auc_score

from sklearn_ple import ESMMClassifier, PLEClassifierRegressor
from sklearn_ple.datasets import fetch_ali_ccp
from sklearn_ple.export import predict_to_parquet

N_NUMBERS, N_CATEGORICAL, ROWS_OF_GROUP = 32, 8, 100_000
TASKS = ["click", "amount"]
#: One member and large batches, so that reading counts as much as it may.
PARAMS = {"n_members": 1, "batch_size": 4096, "max_epochs": 2, "random_state": 0}
LABELS = ["click", "purchase"]
KEY = ("rows", "where", "impressions", "system")


def make(rng, n_rows):
    """Make the next rows: two tasks follow from ten numbers and a category."""
    numbers = rng.normal(size=(N_NUMBERS, n_rows))
    codes = rng.geometric(0.01, size=(N_CATEGORICAL, n_rows))
    logits = numbers[:10].sum(axis=0) / 2 + np.sin(codes[0])
    columns = {f"x{i}": column for i, column in enumerate(numbers)}
    columns["x0"] = np.where(rng.random(n_rows) < 0.1, np.nan, numbers[0])
    columns |= {f"c{i}": column.astype(str) for i, column in enumerate(codes)}
    columns["click"] = (logits + rng.logistic(size=n_rows) > 0).astype(int)
    columns["amount"] = logits + rng.normal(size=n_rows)
    return pa.table(columns)


def make_file(folder, n_rows):
    """Write a table of as many rows, unless it is there; return its path."""
    path = folder / f"{n_rows}.parquet"
    if not path.exists():
        rng = np.random.default_rng(0)
        partial = path.with_suffix(".part")
        with parquet.ParquetWriter(partial, make(rng, 1).schema) as writer:
            for start in range(0, n_rows, ROWS_OF_GROUP):
                writer.write_table(make(rng, min(ROWS_OF_GROUP, n_rows - start)))
        partial.replace(path)
    return path


def scan(path):
    """Read all rows by pyarrow alone; return rows a second."""
    start = time.perf_counter()
    scanner = ds.dataset(path).scanner(batch_size=2**15, use_threads=False)
    n_rows = sum(batch.num_rows for batch in scanner.to_batches())
    return n_rows / (time.perf_counter() - start)


def fit(path, where):
    """Fit from a file or in memory; return the model and the seconds of each phase."""
    start = time.perf_counter()
    if where == "files":
        model = PLEClassifierRegressor(**PARAMS).fit(path, TASKS)
    else:
        table = parquet.read_table(path)
        X, y = table.drop_columns(TASKS), table.select(TASKS)
        # As many validation rows as a fit to files has by default.
        params = PARAMS | {"validation_fraction": 3000 / len(X), "refit": False}
        model = PLEClassifierRegressor(**params).fit(X, y)
    seconds = time.perf_counter() - start
    epochs = [epoch["seconds"] for epoch in model.history_]
    return model, {"before training": seconds - sum(epochs), "epoch": float(np.mean(epochs))}


def measure(path, where):
    """Fit once, and predict all rows to a file; return peaks in MB and rows a second."""
    n_rows = parquet.read_metadata(path).num_rows
    with tempfile.TemporaryDirectory() as folder:
        warm = make_file(Path(folder), 5000)
        fit(warm, where)
        predict_to_parquet(fit(warm, "files")[0], warm, Path(folder) / "warm.parquet")
        with Peak() as peak:
            model, seconds = fit(path, where)
        row = {"rows": n_rows, "where": where, "peak of fit": peak.rise_bytes / 1e6}
        row |= {f"seconds {name}": value for name, value in seconds.items()}
        row["rows a second, training"] = n_rows / seconds["epoch"]
        row["score"] = model.history_[-1]["valid_score"]
        if where == "files":
            start = time.perf_counter()
            with Peak() as peak:
                predict_to_parquet(model, path, Path(folder) / "predicted.parquet")
            row["rows a second, prediction"] = n_rows / (time.perf_counter() - start)
            row["peak of prediction"] = peak.rise_bytes / 1e6
            row["rows a second, bare scan"] = scan(path)
    return row


def impressions(n_impressions, folder):
    """Learn clicks and purchases from Parquet and in memory; return the areas under the curves."""
    home = folder / f"{n_impressions}_impressions"
    if not (home / "ali_ccp" / "truth_test.npy").exists():
        write(home / "ali_ccp", n_impressions)
    for part in ("train", "test"):
        # The first call writes the Parquet file.
        fetch_ali_ccp(subset=part, n_rows=1, data_home=home)
    X, y = fetch_ali_ccp(subset="train", data_home=home, return_X_y=True)
    fields = [name for name in X if not name.startswith("D")]
    test = home / "ali_ccp" / "ali_ccp_test.parquet"
    labels = parquet.read_table(test, columns=LABELS).to_pandas()
    ceiling = aucs(labels, *np.load(home / "ali_ccp" / "truth_test.npy"))
    shared = {"categorical_features": fields, "n_members": 1, "embedding_dim": 8, "max_epochs": 4}
    shared |= {"batch_size": 512, "target_statistics": False, "refit": False, "random_state": 0}
    for system in (PLEClassifierRegressor, ESMMClassifier):
        for where in ("files", "memory"):
            model = system(**shared)
            start = time.perf_counter()
            if where == "files":
                model.fit(home / "ali_ccp" / "ali_ccp_train.parquet", LABELS)
            else:
                model.fit(X, y)
            seconds = time.perf_counter() - start
            predict_to_parquet(model, test, folder / "impressions.parquet", method="predict_proba")
            found = parquet.read_table(folder / "impressions.parquet").to_pandas()
            scores = {
                "CTR": roc_auc_score(labels["click"], found["click=1"]),
                "CTCVR": roc_auc_score(labels["purchase"], found["purchase=1"]),
            }
            row = {"impressions": n_impressions, "system": system.__name__, "where": where}
            yield row | {"seconds": seconds, "scores": scores, "ceiling": ceiling}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, nargs="*", default=[1, 4, 16])
    parser.add_argument("--in-memory", type=float, default=4, help="up to so many million rows")
    parser.add_argument("--impressions", type=int, help="generated, half of them to test")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "streaming")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    def keep(row):
        print(json.dumps(row), flush=True)
        rows = [*kept_beside("streaming", row, KEY), row]
        save("streaming", rows, (*LIBRARIES, "pyarrow"))

    for millions in options.millions:
        path = make_file(options.folder, round(millions * 1e6))
        for where in ["files", *(["memory"] if millions <= options.in_memory else [])]:
            keep(in_own_process(__file__, "measure", path, where))
    if options.impressions:
        for row in impressions(options.impressions, options.folder):
            keep(row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main()
