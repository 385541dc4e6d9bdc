"""From a folder of Parquet files that is larger than memory to a server that answers requests.

    python from_files_to_answers.py --rows 4000000 --megabytes 900

A table is written file by file. From then on, the memory of the process is limited to less than
the size of the table, so that reading all of it at once fails. A model is fitted to the folder,
its predictions are written next to it, and the model is exported to ONNX. Then ``serve.py``
answers requests with the ONNX file, without this package. The limit requires Linux.

With ``--page FOLDER``, the folder becomes a web page that predicts in the browser, by
onnxruntime-web, which npm installs.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import dataset, parquet

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.export import predict_to_parquet, to_onnx

HERE = Path(__file__).parent
TASKS = ["click", "amount"]
N_NUMBERS, ROWS_OF_FILE = 32, 100_000


def write_folder(folder, n_rows):
    """Write a table of numbers, a category and two tasks; return its size in memory, in MB."""
    size = 0
    for number, start in enumerate(range(0, n_rows, ROWS_OF_FILE)):
        rng, n = np.random.default_rng(number), min(ROWS_OF_FILE, n_rows - start)
        X = pd.DataFrame(rng.normal(size=(n, N_NUMBERS))).add_prefix("x")
        X["town"] = [f"town {number}" for number in rng.geometric(0.05, n)]
        signal = X["x0"] + X["x1"] * X["x2"]
        y = pd.DataFrame({"click": signal + rng.logistic(size=n) > 0, "amount": signal})
        # A third of the rows has no amount.
        y.loc[rng.random(n) < 1 / 3, "amount"] = np.nan
        table = pa.Table.from_pandas(X.join(y), preserve_index=False)
        parquet.write_table(table, folder / f"{number:05}.parquet", row_group_size=50_000)
        size += table.nbytes / 1e6
    return size


@contextmanager
def at_most(megabytes):
    """Limit the memory of this process to what it uses now plus some MB."""
    import resource

    status = Path("/proc/self/status").read_text().splitlines()
    (held,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (held + megabytes * 10**6, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def fits_into_memory(folder):
    """Return whether the table can be read at once; tried in a separate process."""
    pid = os.fork()
    if not pid:
        try:
            dataset.dataset(folder).to_table().to_pandas()
        except (MemoryError, pa.ArrowException):
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def fit(rows, onnx, predictions):
    """Fit to files, write predictions and the graph of ONNX."""
    model = PLEClassifierRegressor(n_members=2, batch_size=4096, max_epochs=1, random_state=0)
    model.fit(rows, TASKS)
    predict_to_parquet(model, rows, predictions)
    to_onnx(model, onnx)
    return model


@contextmanager
def server(onnx):
    """Start ``serve.py`` on a free port; yield its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "serve:app", "--port", str(port)]
    environment = os.environ | {"MODEL": str(onnx.resolve())}
    with subprocess.Popen([*command, "--log-level", "warning"], cwd=HERE, env=environment) as own:
        try:
            yield wait(f"http://127.0.0.1:{port}", own)
        finally:
            own.terminate()


def wait(address, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urlopen(f"{address}/model", timeout=5)
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise RuntimeError("the server does not answer")


def ask(address, rows):
    """Send rows, as JSON, and return the answers."""
    rows = rows.astype(object).where(rows.notna(), None)  # NaN is not JSON.
    body = json.dumps({"rows": rows.to_dict("records")}).encode()
    request = Request(f"{address}/predict", body, {"content-type": "application/json"})
    return json.loads(urlopen(request, timeout=60).read())


def write_page(onnx, folder):
    """Write a web page that predicts in the browser: all that a web server has to serve."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in (onnx, onnx.with_suffix(".json"), HERE / "index.html", HERE / "predict.mjs"):
        shutil.copy(file, folder)
    subprocess.run(["npm", "install", "--silent", "onnxruntime-web"], cwd=folder, check=True)
    print(f"A web page predicts, too: python -m http.server --directory {folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--megabytes", type=int, default=900, help="0 for no limit")
    parser.add_argument("--page", type=Path, metavar="FOLDER", help="where to write a web page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, onnx = Path(temporary, "rows"), Path(temporary, "model.onnx")
        folder.mkdir()
        size = write_folder(folder, options.rows)
        print(f"{options.rows:,} rows in {len(list(folder.iterdir()))} files: {size:,.0f} MB")
        limit = at_most(options.megabytes) if options.megabytes else nullcontext()
        with limit:
            if options.megabytes and fits_into_memory(folder):
                sys.exit("The table fits into memory: take more rows, or fewer megabytes.")
            if options.megabytes:
                print(f"They do not fit into another {options.megabytes} MB of memory.")
            start = time.perf_counter()
            model = fit(folder, onnx, Path(temporary, "predictions.parquet"))
        print(f"Fitted, predicted and exported in {time.perf_counter() - start:.0f} s")
        rows = dataset.dataset(folder).head(3).to_pandas().drop(columns=TASKS)
        expected = model.predict(rows)
        with server(onnx) as address:
            for answer, (_, row) in zip(ask(address, rows), expected.iterrows(), strict=True):
                print(answer)
                assert answer["click"]["label"] == row["click"]
                assert abs(answer["amount"]["label"] - row["amount"]) < 1e-3
        print("The server answers what the model predicts.")
        if options.page:
            write_page(onnx, options.page)


if __name__ == "__main__":
    main()
