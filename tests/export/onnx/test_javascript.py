"""What JavaScript predicts with the two files, in Node and in a browser, is what Python does."""

import json
import queue
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from browser import CHROMIUM, needs_browser
from makers import NIGHTLY

from sklearn_ple import SharedBottomClassifierRegressor, export

onnxruntime = pytest.importorskip("onnxruntime")
if torch.torch_version.TorchVersion(torch.__version__) < "2.6":
    pytest.skip("torch is too old for ONNX files", allow_module_level=True)

SERVING = Path(__file__).parents[3] / "examples" / "serving"
RNG, N = np.random.default_rng(0), 200
TRAIN = pd.DataFrame(
    {
        "age": RNG.normal(50, 9, N),
        "dose": np.where(RNG.random(N) < 0.2, np.nan, RNG.exponential(size=N) * 1e9),
        "town": RNG.choice(["Köln", "O'Fallon", "a", None], N),
        "zone": pd.Categorical(RNG.choice([3, 1, 2], N)),
        "smokes": pd.Categorical(RNG.random(N) < 0.5),
        "id": 2**53 + np.arange(N) % 4,
        "day": pd.Series(pd.date_range("1955-02-27T23:59:59", periods=N, freq="100D")),
    }
)
Y = pd.DataFrame(
    {
        "death": RNG.random(N) < 0.5,
        "size": RNG.choice(["S", "M", "L"], N),
        "grade": RNG.choice([1, 2, 3], N),
        "weight": TRAIN["age"] + RNG.normal(size=N),
    }
)
MISSING = pd.DataFrame([[None] * 7], columns=list(TRAIN))
UNSEEN = [
    [40.5, 1e9, "Bonn", 7, None, 5, pd.Timestamp("2030-01-01")],
    [None, 0.0, "a", None, True, 2**53 + 1, pd.NaT],
]
# As in fit, then with unseen and missing categories.
ROWS = [TRAIN[:9], pd.DataFrame(UNSEEN, columns=list(TRAIN)), MISSING]
ROWS = pd.concat([rows.astype(object) for rows in ROWS], ignore_index=True)


def spell(rows):
    """Rows of JSON: whole numbers beyond 2**53 and dates are text, and what is missing is null."""

    def cell(name, value):
        text = {"id": str, "day": lambda date: date.isoformat()}
        return None if pd.isna(value) else text.get(name, lambda value: value)(value)

    return [{k: cell(k, value) for k, value in row.items()} for row in rows.to_dict("records")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of the files of a model and of the example, and the model."""
    folder = tmp_path_factory.mktemp("site")
    model = SharedBottomClassifierRegressor(
        categorical_features=["town", "zone", "smokes", "id"],
        task_types={"grade": "multiclass"},
        n_members=1,
        numeric_embedding=None,
        linear_path=False,
        max_epochs=2,
        random_state=0,
    )
    export.to_onnx(model.fit(TRAIN, Y), folder / "model.onnx")
    for name in ("index.html", "predict.mjs"):
        shutil.copy(SERVING / name, folder)
    return folder, model


@pytest.fixture(scope="module")
def packages(site):
    """The runtimes, installed by npm beside the model; by day one serves Node and browsers."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to install onnxruntime-node and onnxruntime-web with")
    # The scripts of onnxruntime-node download what only GPUs need.
    command = [npm, "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    names = sorted({RUNTIME, "onnxruntime-web"})
    try:
        subprocess.run(
            [*command, *names], cwd=site[0], check=True, capture_output=True, timeout=400
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install the runtimes: {error}")


def check(model, answers, of_class=lambda value: value):
    """Compare answers with what the model predicts."""
    X = ROWS.astype({"age": float, "dose": float, "day": "datetime64[s]"})
    y, proba = model.predict(X), model.predict_proba(X)
    for task, shares in zip(model.tasks_, proba, strict=True):
        found = [answer[task.name] for answer in answers]
        labels, expected = [answer["label"] for answer in found], y[task.name].tolist()
        if task.has_classes:
            assert labels == list(map(of_class, expected))
            names = [
                str(c).lower() if isinstance(c, bool) else str(c) for c in task.classes.tolist()
            ]
            own = [[answer["probabilities"][name] for name in names] for answer in found]
            np.testing.assert_allclose(own, shares, rtol=0, atol=1e-5)
        else:
            np.testing.assert_allclose(labels, expected, rtol=1e-5)


RUNTIME = "onnxruntime-node" if NIGHTLY else "onnxruntime-web"
NODE = """
import { readFileSync } from "node:fs";
import * as ort from "RUNTIME";
import { predict } from "./predict.mjs";
const read = (name) => JSON.parse(readFileSync(name, "utf-8"));
const session = await ort.InferenceSession.create(readFileSync("model.onnx"));
console.log(JSON.stringify(await predict(ort, session, read("model.json"), read("rows.json"))));
"""


def test_node_predicts_the_same(site, packages):
    folder, model = site
    (folder / "rows.json").write_text(json.dumps(spell(ROWS)), encoding="utf-8")
    (folder / "main.mjs").write_text(NODE.replace("RUNTIME", RUNTIME), encoding="utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=folder, check=True, capture_output=True, text=True, timeout=120
    )
    check(model, json.loads(done.stdout))


# A page that fills in the form of the example, in a frame, and sends what it shows.
DRIVER = """<!DOCTYPE html>
<iframe src="index.html"></iframe>
<script type="module">
const frame = document.querySelector("iframe");
const until = async (holds) => { while (!holds()) await new Promise((go) => setTimeout(go, 20)); };
const page = () => frame.contentDocument;
await until(() => page().querySelector("button"));
const answers = [];
for (const row of await (await fetch("rows.json")).json()) {
  for (const input of page().querySelectorAll("input")) {
    const cell = row[input.name];
    input.value = cell === null ? "" : typeof cell === "boolean" ? Number(cell) : cell;
  }
  page().querySelector("table").replaceChildren();
  page().querySelector("button").click();
  await until(() => page().querySelector("tr"));
  const shown = [...page().querySelectorAll("tr")].map((line) => {
    const [label, ...shares] = [...line.querySelectorAll("data")].map((data) => data.value);
    const names = line.lastChild.textContent.match(/\\S+(?=: )/g) ?? [];
    const probabilities = Object.fromEntries(names.map((name, k) => [name, Number(shares[k])]));
    return [line.querySelector("th").textContent, { label, probabilities }];
  });
  answers.push(Object.fromEntries(shown));
}
await fetch("answers", { method: "POST", body: JSON.stringify(answers) });
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the folder, and keeps what is posted."""

    received = queue.Queue()

    def do_POST(self):
        size = int(self.headers["content-length"])
        self.received.put(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def fill_in(folder, rows, profile):
    """Return what the page in a folder shows of each row, once Chromium has filled in its form."""
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "driver.html").write_text(DRIVER, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
    command += [
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    address = f"http://127.0.0.1:{server.server_port}/driver.html"
    browser = subprocess.Popen([*command, address], stderr=subprocess.DEVNULL)
    try:
        return Handler.received.get(timeout=120)
    finally:
        browser.terminate()
        browser.wait(timeout=30)
        server.shutdown()


@needs_browser
def test_the_page_of_the_example_predicts_the_same(site, packages, tmp_path):
    folder, model = site
    answers = fill_in(folder, spell(ROWS), tmp_path)
    for answer in answers:
        answer["weight"]["label"] = float(answer["weight"]["label"])
    check(
        model, answers, lambda label: str(label).lower() if isinstance(label, bool) else str(label)
    )


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm to install onnxruntime-web with")
def test_the_way_from_files_to_a_server_and_a_page(tmp_path):
    pytest.importorskip("pyarrow")
    script, page = SERVING / "from_files_to_answers.py", tmp_path / "page"
    command = [sys.executable, script, "--rows", "3000", "--megabytes", "0", "--page", page]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    assert "The server answers what the model predicts.\n" in ended.stdout
    (runtime,) = re.findall(
        r'from "\./(node_modules/.*)"', (page / "index.html").read_text(encoding="utf-8")
    )
    for name in ("model.onnx", "model.json", "predict.mjs", runtime):
        assert (page / name).stat().st_size
    if CHROMIUM is None:
        return
    session = onnxruntime.InferenceSession(page / "model.onnx")
    missing = dict.fromkeys(entry.name for entry in session.get_inputs())
    rows = [missing, missing | {"town": "town 3", "x0": 2.5}, missing | {"town": "unseen"}]
    numbers = missing.keys() - {"town"}
    inputs = {name: np.array([[row[name]] for row in rows], np.float64) for name in numbers}
    inputs["town"] = np.array([[row["town"] or ""] for row in rows], object)
    shares, amounts = session.run(["probabilities.click", "label.amount"], inputs)
    for answer, share, amount in zip(fill_in(page, rows, tmp_path), shares, amounts, strict=True):
        assert answer["click"]["probabilities"]["true"] == pytest.approx(share[1], abs=1e-5)
        assert float(answer["amount"]["label"]) == pytest.approx(amount, abs=1e-5)
