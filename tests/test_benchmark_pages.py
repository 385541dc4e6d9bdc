"""The pages of the benchmarks say what the results say, whatever these are."""

import importlib
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import studentized_range

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = ("benchmarks", "scores", "trials", "paper")
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the project is no git checkout"
)
pytest.importorskip("matplotlib", reason="needs matplotlib")
pytest.importorskip("scikit_posthocs", reason="needs scikit-posthocs")


@pytest.fixture(scope="module")
def module():
    """Modules of benchmarks/ by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module


def widths(text):
    """Return the number of columns of every row of every table."""
    return [
        1 + row.count("\n     -")
        for table in text.split(".. list-table::")[1:]
        for row in re.split(r"\n   \* -", table)[1:]
    ]


def write(folder, name, rows, **record):
    record = {"commit": "aaaaaaa", "python": "3.11", "versions": {"numpy": "2.0"}} | record
    (folder / f"{name}.json").write_text(json.dumps(record | {"results": rows}))


def runs(scores, seconds=None, **others):
    """Make a run of each model and data set; `scores` has those of the tasks."""
    return [
        {
            "data": name,
            "model": model,
            "seed": 0,
            "scores": dict(zip("abcdefgh", own, strict=False)),
            "log_losses": {"a": 1 - own[0]},
            "calibration_errors": {"a": 0.1},
            "score": float(np.mean(own)),
            "fit_cpu_seconds": (seconds or {}).get(model, 1.0),
            "predict_cpu_seconds": 0.1,
            "n_rows": 10,
            "n_columns": 2,
            "n_tasks": len(own),
            **others,
        }
        for name, by_model in scores.items()
        for model, own in by_model.items()
    ]


@pytest.fixture(scope="module")
def grown(module, tmp_path_factory):
    """The text of the pages where there are more sets, models and seeds, all of one commit."""
    results, docs = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("docs")
    random = np.random.default_rng(0)
    for path in RESULTS.glob("*.json"):
        record = json.loads(path.read_text())
        rows = [row | {"commit": "aaaaaaa"} for row in record["results"]]
        sets = ("star", "linnerud", "edm", "Set of tomorrow")
        if path.stem in ("accuracy", "frontier"):
            models = {row["model"] for row in rows if row["model"] != "PLE, defaults before"}
            models |= {"CatBoost, tuned and ensembled", "Model of tomorrow"}
            rows = [row for row in rows if row["data"] not in sets]
            scores = {s: {m: random.uniform(0.6, 0.9, 8) for m in models} for s in sets}
            seconds = dict(zip(sorted(models), np.geomspace(1, 100, len(models)), strict=True))
            for seed in range(2):
                rows += runs(scores, seconds, rows="test", commit="aaaaaaa", seed=seed)
        others = {
            "present": "aaaaaaa",
            "settings": {name: {"search_seconds": 9.0} for name in sets},
        }
        others |= {k: record[k] for k in ("python", "versions")}
        write(results, path.stem, rows, **others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module("page.rst"), "RESULTS", results)
        # Most of the time would go into looking for the labels' best places, and into files.
        pictures = module("pictures")
        patch.setattr(pictures, "PLACES", pictures.PLACES[::12])
        patch.setattr("matplotlib.figure.Figure.savefig", lambda *args, **options: None)
        module("render").main(docs)
    return {page.stem: page.read_text(encoding="utf-8") for page in docs.glob("*.rst")}


def test_commits_fit_as_now_if_what_both_have_is_equal(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module("page.rst"), "RESULTS", tmp_path)
    fits_as_now = module("page.rst").fits_as_now
    assert fits_as_now(["now"]) is None
    digests = {
        "now": {"PLE": "a", "MMoE": "b"},
        "alike": {"PLE": "a", "MMoE": "b"},
        "had less": {"PLE": "a"},
        "other": {"PLE": "a", "MMoE": "c"},
    }
    rows = [{"commit": name, "digests": own} for name, own in digests.items()]
    write(tmp_path, "same_fits", rows, present="now")
    assert fits_as_now(["now", "alike", "had less or before"]) is True
    assert fits_as_now(["alike", "other"]) is False
    assert fits_as_now(["alike", "unknown"]) is None


@pytest.mark.parametrize("name", PAGES)
def test_no_table_has_more_than_seven_columns(name):
    found = widths((ROOT / "docs" / f"{name}.rst").read_text(encoding="utf-8"))
    assert found and max(found) <= 7


def test_more_sets_models_and_seeds_are_on_the_pages(grown):
    assert set(grown) == {"benchmarks", "scores", "trials"}
    for text in grown.values():
        assert max(widths(text)) <= 7
        assert "nan" not in text.split()
    for name in ("STAR", "Linnerud", "Set of tomorrow", "CatBoost tuned", "Model of tomorrow"):
        assert name in grown["benchmarks"] and name in grown["scores"]


def test_without_results_there_is_no_page(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module("page.rst"), "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match="no results yet"):
        module("render").main(tmp_path)


def test_log_losses_of_models_are_compared(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module("page.rst"), "RESULTS", tmp_path)
    rows = runs({"first": {"PLE": [0.9], "CatBoost": [0.8]}, "second": {"PLE": [0.8]}})
    rows += runs({"second": {"CatBoost": [0.6]}}) + runs({"second": {"TabM": [0.7]}})
    write(tmp_path, "accuracy", rows)
    text = module("page.using").calibration_of_models()
    cells = [re.findall(r"- (.*)", row) for row in text.split("\n   * ")[2:]]
    assert cells == [["PLE", "0.150", "10.0", "2 tasks"], ["CatBoost", "0.300", "10.0", "0 tasks"]]


def test_pages_are_those_of_the_results(module, tmp_path, monkeypatch):
    # Pictures are not compared.
    for part, name in (
        ("page.cost", "draw_frontier"),
        ("page.cost", "draw_overall"),
        ("page.scores", "draw"),
        ("page.training", "draw_growth"),
    ):
        monkeypatch.setattr(module(part), name, lambda *_: None)
    module("render").main(tmp_path)
    for page in ("benchmarks", "scores", "trials"):
        made, kept = (
            (folder / f"{page}.rst").read_text("utf-8") for folder in (tmp_path, ROOT / "docs")
        )
        assert made == kept, f"python benchmarks/render.py makes another {page}.rst"


def test_a_wide_frame_becomes_tables_with_the_index_in_each(module):
    columns = [f"column {i}" for i in range(15)]
    frame = pd.DataFrame(np.arange(30).reshape(2, 15), ["one", "two"], columns)
    text = module("page.rst").table(frame.rename_axis("row"))
    assert widths(text) == 3 * [7] + 3 * [7] + 3 * [4]
    cells = re.findall(r"- (.*)", text)
    assert [cell for cell in cells if cell in columns] == columns
    assert sorted(int(cell) for cell in cells if cell.isdigit()) == list(range(30))
    assert cells.count("one") == cells.count("row") == 3


@pytest.mark.parametrize("path", ["README.md", "docs/index.rst"])
def test_the_first_picture_is_described_by_its_figures(path):
    page = (ROOT / "docs" / "benchmarks.rst").read_text(encoding="utf-8")
    text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
    assert "overall.png" in text
    assert re.search(r":alt: (Scores, and .*)", page)[1] in text


@pytest.mark.parametrize("path", ["README.md", "docs/index.rst", "docs/guide/decision.rst"])
def test_ranks_elsewhere_are_those_of_the_page(path):
    page = (ROOT / "docs" / "benchmarks.rst").read_text(encoding="utf-8")
    text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
    (line,) = re.findall(r"^- \*\*Best rank on test rows.*", page, re.MULTILINE)
    numbers = re.search(r"Over (\d+) sets with (\d+) tasks", line).groups()
    numbers += re.search(r"\bPLE ([\d.]+), CatBoost ([\d.]+)", line).groups()
    assert all(re.search(rf"(?<![\d.]){number}(?!\d)", text) for number in numbers), numbers


def test_times_of_fits_in_the_readme_were_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = [RESULTS / f"{name}.json" for name in ("accuracy", "growth")]
    rows = [row for file in files for row in json.loads(file.read_text())["results"]]

    def seconds(model, **of_row):
        found = [
            row["fit_cpu_seconds"]
            for row in rows
            if all(row.get(key) == value for key, value in (of_row | {"model": model}).items())
        ]
        mean = np.mean(found)
        return f"{mean:.1f} s" if mean < 9.95 else f"{mean:,.0f} s"

    for start, *cases in (
        ("for example", {"data": "nhefs"}, {"data": "tox21"}),
        ("10,000 generated", {"axis": "rows", "size": 10**4}, {"axis": "rows", "size": 5 * 10**6}),
    ):
        ((rival, ours),) = re.findall(rf"^\| {start}.*? \| (.*) \| (.*) \|$", text, re.MULTILINE)
        for model, cells in (("LightGBM, early stopping", rival), ("PLE", ours)):
            assert cells == "; ".join(seconds(model, **case) for case in cases)


def test_ranks_beside_the_slow_model_in_the_readme_are_those_of_the_page():
    page = (ROOT / "docs" / "benchmarks.rst").read_text(encoding="utf-8")
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (line,) = re.findall(r"^- \*\*TabM\*\* takes.*", page, re.MULTILINE)
    ratio, n_sets = re.search(r"takes (\d+) times .* over (\d+) sets", line).groups()
    *ranks, last = (
        f"{name} {re.search(rf'{name} ([0-9.]+[0-9])', line)[1]}"
        for name in ("PLE", "CatBoost", "RealMLP", "LightGBM")
    )
    assert f"**TabM** takes {ratio} times PLE's CPU time" in text
    assert f"over all {n_sets} tables, the mean ranks are {', '.join(ranks)} and {last}." in text


# -- words ----------------------------------------------------------------------------------------


@pytest.fixture
def results(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module("page.rst"), "RESULTS", tmp_path)
    return tmp_path


def test_scores_and_costs_are_compared_over_the_sets_that_all_ran_on(module, results):
    cost = module("page.cost")
    ours, rival = cost.DEFAULT, cost.CHEAPEST
    scores = {
        "nhefs": {ours: [0.9, 0.5], "CatBoost": [0.8, 0.7], rival: [0.7, 0.6]},
        "edm": {ours: [0.4], "CatBoost": [0.5], rival: [0.1]},
        # CatBoost is missing on one of many sets, and TabM on most of them.
        "rf1": {ours: [0.1], rival: [0.3], "LightGBM": [0.4]},
        "scpf": {ours: [0.5], "CatBoost": [0.4], rival: [0.3], "TabM": [0.9]},
    }
    more = [f"set {number}" for number in range(9)]
    scores |= {name: {ours: [1.0], "CatBoost": [0.5], rival: [0.0]} for name in more}
    rows = runs(scores, {ours: 8.0, "CatBoost": 32.0, rival: 2.0}, rows="test")
    # What was measured beside other models, and with fewer members; and a set that counts once.
    accurate = [row | {"model": row["model"].removesuffix(ours) or "PLE"} for row in rows]
    alike = runs({"census_no_education": {"CatBoost": [1.0], rival: [0.0]}})
    write(results, "accuracy", [row for row in accurate if row["data"] != "edm"] + alike)
    earlier = runs(scores, rows="validation")
    write(results, "frontier", [row for row in rows if row["data"] == "edm"] + earlier)
    made = cost.runs_on_test_rows()
    shown = cost.overall(made)
    expected = {
        ours: ((1 + 0) / 2 + 0.75 + 1 + 9) / 12,
        "CatBoost": ((0.5 + 1) / 2 + 1 + 0.5 + 9 / 2) / 12,
        rival: ((0 + 0.5) / 2 + 0 + 0 + 0) / 12,
    }
    assert shown["score"].to_dict() == pytest.approx(expected)
    assert shown["cost"].to_dict() == pytest.approx({ours: 4, "CatBoost": 16, rival: 1})
    lines = list(module("page.headlines").from_frontier(made, shown))
    text = "\n".join(lines)
    assert "Best score: PLE." in text and "PLE 0.94, CatBoost 0.56 and LightGBM 0.02" in text
    assert "takes 25 % of the CPU time. It scores more on 10 of 12 sets" in text
    assert "takes 4.0 times the CPU time. It scores more on 12 of 13 sets" in text
    lost = "4 of 13 sets. With the scores of PLE and of the best model, the greatest difference "
    lost += "first: Complaints to cities (0.500, TabM 0.900), River flow (0.100, LightGBM-100 "
    lost += "0.400), Spark erosion (0.400, CatBoost 0.500) and NHEFS (0.700, CatBoost 0.750)."
    assert lost in text


@pytest.mark.parametrize("missing", [("torch-rechub",), ("deepctr-torch", "torch-rechub")])
def test_libraries_that_were_not_installed_have_no_speed(module, results, missing):
    rows = json.loads((RESULTS / "speed.json").read_text())["results"]
    rows = [{k: v for k, v in row.items() if not k.startswith(missing)} for row in rows]
    write(results, "speed", rows)
    text = module("page.training").speed(None)
    assert ("times as fast as deepctr-torch." in text) == (len(missing) == 1)
    assert ("* - ratio" in text) == (len(missing) == 1)


def test_onnx_is_compared_with_lightgbm_on_an_array_too(module, results):
    times = {
        "predict, data frame": 4.0,
        "LightGBM per task, data frame": 16.0,
        "predict, array": 3.0,
        "LightGBM per task, array": 2.0,
        "ONNX Runtime": 0.2,
    }
    rows = [{"what": name, "p50_ms": own, "p99_ms": own} for name, own in times.items()]
    write(results, "latency", rows)
    found = re.findall(r"([\d.]+) times LightGBM's", module("page.using").latency_in_words())
    assert found == ["0.25", "1.5", "0.10"]


def test_tuned_models_are_drawn_with_the_time_of_their_search(module, results):
    cost = module("page.cost")
    tuned, rival = "PLE, tuned", "CatBoost, tuned and ensembled"
    scores = {
        "nhefs": {"PLE": [0.7], tuned: [0.8], rival: [0.9], cost.CHEAPEST: [0.5]},
        "edm": {"PLE": [0.3], tuned: [0.5], rival: [0.4], cost.CHEAPEST: [0.1]},
        "rf1": {"PLE": [0.1], tuned: [0.0], cost.CHEAPEST: [0.2]},
    }
    spent = {"PLE": 2.0, tuned: 3.0, rival: 90.0, cost.CHEAPEST: 1.0}
    settings = {"nhefs": 5.0, "edm": 29.0, "rf1": 1e6}
    settings = {name: {"search_seconds": own} for name, own in settings.items()}
    write(results, "accuracy", runs({"edm": {"PLE": [0.3]}}), settings={})
    assert cost.runs_beside_tuned().empty
    write(results, "accuracy", runs(scores, spent), settings=settings)
    shown = cost.overall(made := cost.runs_beside_tuned())
    assert shown["cost"].to_dict() == pytest.approx(
        {cost.DEFAULT: 2, tuned: math.sqrt(8 * 32), rival: 90, cost.CHEAPEST: 1}
    )
    assert shown["score"].to_dict() == pytest.approx(
        {cost.DEFAULT: 0.5, tuned: 0.875, rival: 0.875, cost.CHEAPEST: 0}
    )
    text = module("page.headlines").from_tuned(made, shown)
    assert "2 small sets with 2 tasks" in text and "settings of CatBoost were fitted too" in text


def test_costs_of_fewer_members_are_those_of_the_default_times_a_factor(module, results):
    cost = module("page.cost")
    one = cost.FEWER[-1]
    scores = {"nhefs": {"PLE": [0.7]}, "edm": {"PLE": [0.3]}}
    apart = {name: {cost.DEFAULT: [0.9], one: [0.6]} for name in scores}
    write(results, "accuracy", runs(scores, {"PLE": 6.0}))
    write(results, "frontier", runs(apart, {cost.DEFAULT: 4.0, one: 1.0}, rows="test"))
    made = cost.runs_on_test_rows()
    found = made.groupby("model")["seconds"].unique().to_dict()
    assert found == {cost.DEFAULT: [6.0], one: [1.5]}
    assert made.loc[made["model"] == cost.DEFAULT, "score"].tolist() == [0.7, 0.3]
    assert "takes 25 % of the CPU time" in cost.fewer_members(made)


def test_tuned_models_are_ranked_where_all_of_them_ran(module, results):
    tuned, rival = "PLE, tuned", "CatBoost, tuned and ensembled"
    scores = {
        "nhefs": {"PLE": [0.7, 0.5], tuned: [0.8, 0.5], rival: [0.9, 0.6]},
        "edm": {"PLE": [0.3], tuned: [0.5], rival: [0.4]},
        "rf1": {"PLE": [0.1], tuned: [0.0]},
    }
    write(results, "accuracy", runs({name: scores[name] for name in ("rf1",)}))
    words = module("page.scores").tuned_in_words
    assert words().endswith("a set by -0.100 in the median of 1 set.")
    write(results, "accuracy", runs(scores))
    text = words()
    assert "changes the mean score of a set by +0.050 in the median of 3 sets." in text
    assert "On 2 sets with 3 tasks other models were tuned too." in text
    assert text.endswith("are CatBoost tuned 1.50, PLE tuned 1.62 and PLE 2.88.")
    means = module("page.rst").mean_scores(module("page.scores").accuracy_runs())
    by_task, by_data = module("page.aims").first_when_tuned(means)
    assert by_task[1:] == (False, "CatBoost tuned 1.33 and PLE tuned 1.67, on 2 sets")
    assert by_data[1] and by_data[2].count("1.50") == 2


def test_tuned_models_are_also_ranked_without_a_slow_one(module, results):
    tuned, rival, slow = "PLE, tuned", "CatBoost, tuned and ensembled", "TabM, tuned and ensembled"
    scores = {
        "nhefs": {"PLE": [0.7], tuned: [0.9], rival: [0.8], slow: [0.6]},
        "edm": {"PLE": [0.3, 0.3], tuned: [0.4, 0.4], rival: [0.5, 0.5]},
    }
    write(results, "accuracy", runs(scores))
    text = module("page.scores").tuned_in_words()
    assert "On 1 set with 1 task other models were tuned too." in text
    assert "are PLE tuned 1.00, CatBoost tuned 2.00, PLE 3.00 and TabM tuned 4.00. On " in text
    more = "On 2 sets with 3 tasks, without TabM, they are"
    assert text.endswith(f"{more} CatBoost tuned 1.50, PLE tuned 1.50 and PLE 3.00.")
    means = module("page.rst").mean_scores(module("page.scores").accuracy_runs())
    by_task, by_data = module("page.aims").first_when_tuned(means)
    first = "PLE tuned 1.00, CatBoost tuned 2.00 and TabM tuned 3.00, on 1 set; without TabM"
    assert by_task[1:] == (False, f"{first} CatBoost tuned 1.33 and PLE tuned 1.67, on 2 sets")
    assert by_data[1]


def test_without_a_slow_model_the_others_are_ranked_on_all_sets(module, results):
    own = {"PLE": [0.9], "CatBoost": [0.8], "XGBoost": [0.7]}
    scores = {f"set {number}": own for number in range(11)}
    write(results, "accuracy", runs(scores))
    assert module("page.scores").slow_in_words() == ""
    scores |= {name: own | {"TabM": [0.8 + 0.2 * (name < "set 2")]} for name in scores}
    scores["set 10"] = {"PLE": [0.6], "CatBoost": [0.7], "XGBoost": [0.5]}
    write(results, "accuracy", runs(scores, {"PLE": 2.0, "TabM": 8.0}))
    text = module("page.scores").slow_in_words()
    assert text.startswith(
        "**TabM** takes 4.0 times PLE's CPU time and scores more on 2 of 10 tasks. It was not "
        "fitted to set 10, which would take many hours. Without it, over 11 sets with 11 tasks, "
        "the mean ranks are PLE 1.09, CatBoost 1.91 and XGBoost 3.00."
    )
    assert "Over 10 sets" in module("page.scores").ranks_in_words()


def test_the_page_names_the_commits_of_its_numbers(module, results, grown):
    caveat = module("page.headlines").caveat
    rows = runs({"nhefs": {module("page.cost").DEFAULT: [0.9]}}, rows="test")
    write(results, "frontier", [row | {"commit": "aaaaaaa"} for row in rows])
    write(results, "memory", [{"commit": "aaaaaaa"}])
    text = "The numbers on this page are of commit aaaaaaa"
    assert f"{text}. " in caveat(["frontier", "memory"])
    write(results, "memory", [{"commit": "bbbbbbb"}])
    assert f"{text}, but for those of *Memory* (bbbbbbb)." in caveat(["frontier", "memory"])
    assert "one commit." in grown["benchmarks"] and "but for those" not in grown["benchmarks"]


def test_earlier_defaults_are_shown_among_the_trials_alone_with_their_commit(module, results):
    cost, caveat = module("page.cost"), module("page.headlines").caveat
    now = runs({"nhefs": {cost.DEFAULT: [0.9]}}, rows="validation", commit="aaaaaaa")
    before = runs({"nhefs": {cost.BEFORE: [0.8]}}, {cost.BEFORE: 3.0}, rows="validation")
    write(results, "frontier", now + [row | {"commit": "bbbbbbb"} for row in before])
    assert "commit aaaaaaa, the earlier ones those of commit bbbbbbb" in cost.defaults_before()
    assert "took 3.00 times" in cost.defaults_before()
    shown = cost.all_models()
    assert "0.900" in shown and "0.800" not in shown and "Commit: aaaaaaa." in shown
    assert "commit aaaaaaa. " in caveat(["frontier"])


def test_tasks_with_gains_beyond_chance_are_counted(module):
    noise = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    rows = [
        {"data": name, "system": system, "seed": split, "scores": {"a": 0.5 + a, "b": 0.5 + b}}
        for name, sign in {"first": 1, "second": -1}.items()
        for split in range(5)
        for system, a, b in [
            ("single-task", 0.0, 0.0),
            ("PLE", 0.1 * sign + noise[split], noise[split]),
            ("MMoE", 0.1 + noise[split], noise[split]),
        ]
    ]
    text = module("which").tasks_in_words(pd.DataFrame(rows).assign(fit_cpu_seconds=1.0))
    assert "tasks, of 4, on which" in text and "chance: MMoE 2 and 0; PLE 1 and 1. By" in text


def test_a_network_of_one_base_alone_is_drawn(module, monkeypatch):
    which, drawn = module("which"), []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure)
    )

    def base(*ranked):
        rows = [
            {
                "system": name,
                "seed": seed,
                "scores": {"mean": 0.5 + 0.1 * place + 0.01 * seed**place},
            }
            for place, name in enumerate(ranked)
            for seed in range(3)
        ]
        shown = pd.DataFrame({"rank": range(len(ranked))}, index=list(ranked))
        return shown, {"nhefs": which.gains(pd.DataFrame(rows))}, None

    which.draw({"one": base("single-task", "PLE"), "other": base("CGC", "PLE", "single-task")})
    one, other = drawn[0].axes
    assert [label.get_text() for label in one.get_yticklabels()] == ["PLE", "CGC"]
    heights = [sorted(ax.containers[0].lines[0].get_ydata()) for ax in (one, other)]
    assert heights == [[0], [0, 1]]


def test_the_figures_of_a_page_are_of_one_commit():
    pages = list((ROOT / "docs").rglob("*.rst"))
    texts = {page.stem: page.read_text(encoding="utf-8") for page in pages}
    named = {
        name: set(re.findall(r"^Commit: (.+?)\. ", text, re.MULTILINE))
        for name, text in texts.items()
    }
    named = {name: commits for name, commits in named.items() if commits}
    assert set(named) >= {"scores", "paper", "which_network"}
    assert all(len(own) == 1 and "," not in min(own) for own in named.values()), named
    assert "All numbers are of one commit." in texts["benchmarks"]


def test_results_of_other_fits_are_named(module, results):
    caveat = module("page.headlines").caveat
    for name, commit in {"frontier": "aaaaaaa", "memory": "bbbbbbb", "speed": "ccccccc"}.items():
        write(results, name, [{"commit": commit, "rows": "test"}])
    digests = {"aaaaaaa": "1", "bbbbbbb": "1", "ccccccc": "2"}
    rows = [{"commit": name, "digests": {"PLE": own}} for name, own in digests.items()]
    write(results, "same_fits", rows, present="aaaaaaa")
    alike = "All these commits fit the same models as the later commit aaaaaaa, to the last bit"
    assert f"{alike}. " in caveat(["frontier", "memory"])
    assert f"{alike}, but for those of *Speed of training*. " in caveat(["frontier", "speed"])


def test_differences_of_ranks_are_those_of_the_critical_difference(module, seed):
    random = np.random.default_rng(seed)
    n_models, n_sets = 6, 12
    names = list("abcdef")
    worse = np.arange(n_models)[:, None]
    by_data = pd.DataFrame(worse + 2 * random.normal(size=(n_models, n_sets)), index=names)
    tested = module("ranks").differences(by_data)
    ranks = by_data.rank().mean(axis=1)
    assert tested.ranks.to_dict() == pytest.approx(ranks.to_dict())
    # Demšar (2006), equation for CD.
    q = studentized_range.ppf(0.95, n_models, np.inf) / math.sqrt(2)
    critical = q * math.sqrt(n_models * (n_models + 1) / (6 * n_sets))
    assert tested.p_value < 0.05
    found = {name: set(tested.unlike(name)) for name in names}
    assert found == {a: {b for b in names if abs(ranks[a] - ranks[b]) > critical} for a in names}
    assert any(found.values())


def test_no_pair_differs_if_the_models_do_not(module, monkeypatch):
    ranks = module("ranks")
    by_data = pd.DataFrame([[1.0] * 9, [2.0] * 9, [3.0] * 9], index=list("abc"))
    assert ranks.differences(by_data).unlike("a") == ["c"]
    monkeypatch.setattr("scipy.stats.friedmanchisquare", lambda *_: SimpleNamespace(pvalue=0.05))
    assert ranks.differences(by_data).unlike("a") == []
