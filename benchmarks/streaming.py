"""Tables larger than memory: peak memory and rows a second of fits to Parquet files.

Tables of 30 columns, numbers (some missing) and categories, are written as folders of files. Each
is fitted in its own process, from its folder and, if it fits into memory, also in memory. A peak
is the resident memory in excess of that after a small fit; for a table in memory, it includes the
table. Times of these fits are CPU times of all threads, because wall times depend on what else is
running. With ``--impressions``, PLE and ESMM also learn generated data like those of Ali-CCP, from
Parquet and in memory.
"""

import json
import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sklearn.metrics import roc_auc_score
from skorch.callbacks import Callback

import sklearn_ple
from sklearn_ple.export import predict_to_parquet

from .measuring import in_own_process, measure_all, parser_of
from .memory import Peak
from .paper.ali_ccp import aucs, make_files
from .paper.ali_ccp_files import load_ali_ccp

N_NUMBERS, N_CATEGORICAL, ROWS_OF_FILE = 24, 6, 100_000
TASKS = ["click", "amount"]
#: One member and large batches, so that reading counts as much as it may.
PARAMS = {"n_members": 1, "batch_size": 4096, "max_epochs": 2, "random_state": 0}
LABELS = ["click", "purchase"]
SYSTEMS = ("PLEClassifierRegressor", "ESMMClassifier")


class Began(Callback):
    """Notes at which CPU time the last training began."""

    at = 0.0

    def on_train_begin(self, net, **_):
        Began.at = time.process_time()


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


def make_table(folder, n_rows):
    """Write a folder of as many rows, unless it is there; return its path."""
    path = Path(folder) / str(n_rows)
    if not path.exists():
        rng = np.random.default_rng(0)
        partial = path.with_suffix(".part")
        partial.mkdir()
        for start in range(0, n_rows, ROWS_OF_FILE):
            rows = make(rng, min(ROWS_OF_FILE, n_rows - start))
            parquet.write_table(rows, partial / f"{start:09}.parquet")
        partial.replace(path)
    return path


def fit(path, where):
    """Fit from files or in memory; return the model and the CPU seconds of each phase."""
    start, params = time.process_time(), PARAMS | {"callbacks": [Began()]}
    if where == "files":
        model = sklearn_ple.PLEClassifierRegressor(**params).fit(path, TASKS)
    else:
        table = parquet.read_table(path)
        X, y = table.drop_columns(TASKS), table.select(TASKS)
        # As many validation rows as a fit to files has by default.
        params |= {"validation_fraction": 3000 / len(X), "refit": False}
        model = sklearn_ple.PLEClassifierRegressor(**params).fit(X, y)
    epoch = (time.process_time() - Began.at) / len(model.history_)
    return model, {"before training": Began.at - start, "epoch": epoch}


def measure(n_rows, where, folder):
    """Fit once, and predict all rows to a file; return the peak in MB and rows a second."""
    n_rows = int(n_rows)
    path = make_table(folder, n_rows)
    with tempfile.TemporaryDirectory() as folder:
        warm, predicted = make_table(folder, 5000), Path(folder) / "predicted.parquet"
        fit(warm, where)
        predict_to_parquet(fit(warm, "files")[0], warm, predicted)
        with Peak() as peak:
            model, seconds = fit(path, where)
        row = {"peak of fit": peak.rise_bytes / 1e6, "score": model.history_[-1]["valid_score"]}
        row["seconds before training"] = seconds["before training"]
        row["rows a second, training"] = n_rows / seconds["epoch"]
        if where == "files":
            start = time.process_time()
            predict_to_parquet(model, path, predicted)
            row["rows a second, prediction"] = n_rows / (time.process_time() - start)
    return row


def measure_impressions(n_impressions, system, where, folder):
    """Learn clicks and purchases; return the seconds and the areas under the curves."""
    home = make_files(n_impressions, folder)
    # The first call writes the Parquet file.
    load_ali_ccp(home, "test", n_rows=1)
    X, y = load_ali_ccp(home)
    home = home / "ali_ccp"
    fields = [name for name in X if not name.startswith("D")]
    shared = {"categorical_features": fields, "n_members": 1, "embedding_dim": 8, "max_epochs": 4}
    shared |= {"batch_size": 512, "target_statistics": False, "refit": False, "random_state": 0}
    model = getattr(sklearn_ple, system)(**shared)
    start = time.perf_counter()
    model.fit(*((home / "ali_ccp_train.parquet", LABELS) if where == "files" else (X, y)))
    seconds = time.perf_counter() - start
    test, predicted = home / "ali_ccp_test.parquet", folder / "impressions.parquet"
    predict_to_parquet(model, test, predicted, method="predict_proba")
    found = parquet.read_table(predicted).to_pandas()
    labels = parquet.read_table(test, columns=LABELS).to_pandas()
    scores = {
        "CTR": roc_auc_score(labels["click"], found["click=1"]),
        "CTCVR": roc_auc_score(labels["purchase"], found["purchase=1"]),
    }
    ceiling = aucs(labels, *np.load(home / "truth_test.npy"))
    return {"seconds": seconds, "scores": scores, "ceiling": ceiling}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--millions", type=float, nargs="*", default=[1, 8])
    parser.add_argument("--in-memory", type=float, default=4, help="up to so many million rows")
    parser.add_argument("--impressions", type=int, help="generated, half of them to test")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "streaming")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = [
        (round(millions * 1e6), where)
        for millions in options.millions
        for where in ("files", "memory")
        if where == "files" or millions <= options.in_memory
    ]

    def apart(n_rows, where):
        return in_own_process(__spec__.name, "measure", n_rows, where, options.folder)

    measure_all("streaming", ("rows", "where"), runs, apart, ["pyarrow"])
    if options.impressions:
        runs = product([options.impressions], SYSTEMS, ("files", "memory"))
        key = ("impressions", "system", "where")
        measure_all(
            "streaming",
            key,
            runs,
            partial(measure_impressions, folder=options.folder),
            ["pyarrow"],
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main()
