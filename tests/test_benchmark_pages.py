"""The pages of the benchmarks show what the results say, and their words quote the tables."""

import importlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    "benchmarks",
    "comparison",
    "defaults",
    "growth",
    "known_labels",
    "paper",
    "probabilities",
    "scores",
    "speed",
    "which_balancing",
    "which_network",
    "sources",
    "verdicts",
)
#: Parts of other pages that quote tables: between two texts.
QUOTING = {
    "README.md": ("- **Scores**", "- **When not**"),
    "docs/benchmarks.rst": ("- **PLE and its", '"Gap to the best"'),
    "docs/comparison.rst": (":alt: On five small tables", "Tuning PLE gains little"),
    "docs/index.rst": ("What it gains", "**Do not use it**"),
    "docs/guide/decision.rst": ("test rows of 21 tables", "**Is it the sharing"),
}
QUOTED = (
    "overall",
    "overall_little_noise",
    "overall_tuned",
    "beside",
    "ranks",
    "ranks_tuned",
    "losses",
    "scores",
    "signed_ranks_blend",
)
QUOTED += ("signed_ranks_ple",)
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the project is no git checkout"
)
pytest.importorskip("matplotlib", reason="needs matplotlib")
pytest.importorskip("scikit_posthocs", reason="needs scikit-posthocs")


@pytest.fixture(scope="module")
def module():
    """Modules of benchmarks/ by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield lambda name: importlib.import_module(f"benchmarks.{name}")


def table(name):
    return (DOCS / "tables" / f"{name}.rst").read_text(encoding="utf-8")


def page(name):
    return (DOCS / f"{name}.rst").read_text(encoding="utf-8")


# -- tables ---------------------------------------------------------------------------------------


def test_tables_are_those_of_the_results(module):
    made = dict(module("render").tables())
    kept = {path.stem: table(path.stem) for path in (DOCS / "tables").glob("*.rst")}
    other = {name for name in made | kept if made.get(name) != kept.get(name)}
    assert not other, "python -m benchmarks.render makes other tables"


def test_every_table_is_on_a_page():
    included = {
        name
        for text in map(page, (*PAGES, "guide/blend", "guide/networks"))
        for name in re.findall(r"^\.\. include:: (?:\.\./)?tables/(\w+)\.rst$", text, re.MULTILINE)
    }
    assert included == {path.stem for path in (DOCS / "tables").glob("*.rst")}


@pytest.mark.nightly
def test_every_picture_is_drawn_and_on_a_page(module, tmp_path, monkeypatch):
    # Most of the time would go into looking for the labels' best places, and into files.
    labels = module("pictures.labels")
    monkeypatch.setattr(labels, "PLACES", labels.PLACES[::12])
    monkeypatch.setattr(labels, "N_STARTS", 1)
    drawn = set()
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, path, **_: drawn.add(path.name)
    )
    for name in ("pictures.costs", "pictures.gains"):
        module(name).draw(tmp_path)
    shown = set(re.findall(r"image:: images/(.*)$", "".join(map(page, PAGES)), re.MULTILINE))
    # The build adds those for dark pages.
    assert drawn == shown | {name.replace(".png", "-dark.png") for name in shown}


def test_repeats_that_repeat_nothing_have_no_deviation(module):
    shown = dict(module("tables.scores").set_by_set())
    n_alike = 0
    for name, runs in module("comparisons").results("accuracy").groupby("data"):
        for model, own in runs.groupby("model"):
            column = shown[f"scores_{name}"][module("tables.cells").SHORT.get(model, model)]
            scores = pd.DataFrame(own["scores"].tolist())
            alike = len(scores) > 1 and (scores.nunique() == 1).all()
            n_alike += alike
            assert column.str.contains("±").any() == (len(scores) > 1 and not alike), (name, model)
    assert n_alike


# -- words ----------------------------------------------------------------------------------------


def numbers(text):
    """Return decimal numbers, and those in percent or times, as written but without signs."""
    text = re.sub(r"``.*?``", "", " ".join(text.split()))
    decimals = re.findall(r"(?<![\w.])\d*\.\d+(?!\.?\d)", text)
    return decimals + re.findall(r"(?<![\w.,])(\d[\d,]*) (?:%|times)", text)


def is_in(number, text):
    """Whether a number is in a table, perhaps with more digits."""
    digits = len(number.partition(".")[2])
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", text)
    value = float(number.replace(",", ""))
    return any(abs(float(own.replace(",", "")) - value) <= 0.5001 * 10.0**-digits for own in found)


def sections(text):
    """Split a page at its titles."""
    return re.split(r"^.+\n(?:-{3,}|~{3,})\n", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAGES[1:])
def test_numbers_in_words_are_those_of_the_tables_of_their_section(name):
    """Those of the lead, and of sections without tables, may be in any table of the page.

    A comment `.. elsewhere:` in the section lists the numbers that are from elsewhere. Numbers
    that `QUOTING` names are checked below.
    """
    including = re.compile(r"^\.\. include:: tables/(\w+)\.rst$", re.MULTILINE)
    everywhere = including.findall(page(name))
    for place, body in enumerate(sections(page(name))):
        own = including.findall(body)
        tables = "".join(map(table, own if own and place else everywhere))
        elsewhere = numbers(" ".join(re.findall(r"^\.\. elsewhere: (.*)$", body, re.MULTILINE)))
        words = re.sub(r"^\.\. (?:elsewhere|include).*$", "", body, flags=re.MULTILINE)
        words = re.sub(r"::\n\n(?: {3,}.*\n|\n)+", "\n", words)
        quoted = set(numbers(words))
        assert {number for number in quoted if not is_in(number, tables)} <= set(elsewhere)
        assert set(elsewhere) <= quoted


@pytest.mark.parametrize("path", QUOTING)
def test_numbers_quoted_on_other_pages_are_in_the_tables(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    start, end = QUOTING[path]
    part = text[text.index(start) : text.index(end)]
    tables = "".join(map(table, QUOTED))
    assert numbers(part)
    assert [number for number in numbers(part) if not is_in(number, tables)] == []


def test_the_guide_quotes_the_papers_tables():
    text = page("guide/decision")
    part = text[text.index("* - two synthetic regressions") : text.index("* - 8 tables")]
    tables = "".join(table(path.stem) for path in (DOCS / "tables").glob("paper_*.rst"))
    assert len(numbers(part)) > 5
    assert [number for number in numbers(part) if not is_in(number, tables)] == []


def test_times_of_fits_for_users_of_boosting_were_measured():
    text = page("from_boosting")
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
        row = rf"^   \* - {start}.*\n     - (.*)\n     - (.*)$"
        ((rival, ours),) = re.findall(row, text, re.MULTILINE)
        for model, cells in (("LightGBM, early stopping", rival), ("PLE", ours)):
            assert cells == "; ".join(seconds(model, **case) for case in cases)


@pytest.mark.parametrize("name", ["sources", "which_balancing", "which_network", "paper"])
def test_pages_name_the_commit_of_their_numbers(name):
    files = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    fits = json.loads((RESULTS / "same_fits.json").read_text())["commit"].split(", ")
    measured = {row["commit"] for file in files for row in file["results"] if "digests" not in row}
    named = set(re.findall(r"commit (\w{7})\b", page(name)))
    assert named & measured and named <= measured | {fits[-1]}
    # This page is about all results, the others about those of networks.
    assert name != "sources" or measured <= named


# -- the paper ------------------------------------------------------------------------------------


def cells_of(name):
    """Return the lines of a table as lists of cells; the titles come first."""
    lines = re.split(r"^ +\* - ", table(name), flags=re.MULTILINE)[1:]
    return [[cell.strip() for cell in re.split(r"^ +- ?", line, flags=re.M)] for line in lines]


def signed(cell):
    """Return the numbers of a cell."""
    return [float(number) for number in re.findall(r"[-+]?\d*\.\d+", cell)]


@pytest.mark.parametrize("name", ["paper_census", "paper_conflict"])
def test_an_outsider_gets_the_gains_of_the_papers_tables(name):
    rows = json.loads((RESULTS / f"{name}.json").read_text())["results"]
    assert len({row["commit"] for row in rows}) == 1
    (_, *tasks), *lines = cells_of(name)
    assert [system for system, *_ in lines] == list(dict.fromkeys(row["system"] for row in rows))
    for system, *cells in lines:
        for task, cell in zip(tasks, cells, strict=True):
            of_seed = {
                (row["system"], row["seed"]): row["scores"][task]
                for row in rows
                if row["system"] in (system, "single-task")
            }
            seeds = sorted({seed for _, seed in of_seed})
            own = np.array([of_seed[system, seed] for seed in seeds])
            more = own - [of_seed["single-task", seed] for seed in seeds]
            half = stats.t.ppf(0.975, len(seeds) - 1) * more.std(ddof=1) / math.sqrt(len(seeds))
            expected = [own.mean(), more.mean(), more.mean() - half, more.mean() + half]
            expected = expected[:1] if system == "single-task" else expected
            assert signed(cell) == pytest.approx(expected, abs=5.001e-5)
            assert ("*" in cell) == (system != "single-task" and abs(more.mean()) > half)


def test_verdicts_on_the_papers_claims_follow_from_the_intervals_beside_them():
    _, *lines = cells_of("paper_claims")
    for claim, paper, here, verdict in lines:
        gains = [signed(part) for part in here.split(";")]
        if verdict == "cannot be tested here":
            assert gains == [[]]
            continue
        figures = [signed(part)[0] for part in paper.split(";")]
        sides = [(low > 0) - (high < 0) for _, low, high in gains]
        if "gains on one and loses on the other" in claim:
            holds = sorted(sides) == [-1, 1]
        else:
            holds = sides == [-1 if figure < 0 else 1 for figure in figures]
        assert verdict.startswith("reproduced" if holds else "not reproduced"), claim
        # The paper has other data than ours, except for Census-Income: there, figures compare.
        figure = figures[0] if "Census" in claim else 0.0
        undecided = all(low <= min(0, figure) <= max(0, figure) <= high for _, low, high in gains)
        assert verdict.endswith("undecided") == undecided, claim


# -- comparisons ----------------------------------------------------------------------------------


def runs(scores, seconds=None):
    """Make a run of each model and data set; `scores` has those of the tasks."""
    rows = [
        {
            "data": name,
            "model": model,
            "scores": dict(zip("abcdefgh", own, strict=False)),
            "fit_cpu_seconds": (seconds or {}).get(model, 1.0),
            "search_seconds": np.nan,
        }
        for name, by_model in scores.items()
        for model, own in by_model.items()
    ]
    return pd.DataFrame(rows)


def sizes_of(n_rows):
    """Make the sizes of data sets from their numbers of rows."""
    return pd.DataFrame({"n_rows": pd.Series(n_rows)})


@pytest.mark.parametrize("overlap", [0.0, 1 / 3])
def test_gains_have_students_intervals_corrected_for_overlapping_splits(module, overlap):
    random = np.random.default_rng(0)
    rows = [
        {"system": system, "seed": seed, "scores": {"a": random.normal(), "b": random.normal()}}
        for system in ("alone", "PLE", "MMoE")
        for seed in range(5)
    ]
    scores = module("comparisons").task_scores(pd.DataFrame(rows))
    found = module("comparisons").gains(scores, "alone", overlap)
    assert set(found.index) == {(s, t) for s in ("PLE", "MMoE") for t in "ab"}
    for (system, task), row in found.iterrows():
        tested = stats.ttest_rel(scores.loc[system, task], scores.loc["alone", task])
        interval = tested.confidence_interval(0.95)
        middle, half = (interval.low + interval.high) / 2, (interval.high - interval.low) / 2
        # Nadeau and Bengio: 1 / 5 becomes 1 / 5 + overlap.
        half *= math.sqrt(1 + 5 * overlap)
        assert row.tolist() == pytest.approx([middle, middle - half, middle + half])


def test_scores_and_costs_are_compared_over_the_sets_that_all_ran_on(module):
    comparisons = module("comparisons")
    rival = comparisons.CHEAPEST
    scores = {
        "nhefs": {"PLE": [0.9, 0.5], "CatBoost": [0.8, 0.7], rival: [0.7, 0.6]},
        "edm": {"PLE": [0.4], "CatBoost": [0.5], rival: [0.1]},
        # CatBoost is missing on one of many sets, and TabM on most of them.
        "rf1": {"PLE": [0.1], rival: [0.3], "LightGBM": [0.4]},
        "scpf": {"PLE": [0.5], "CatBoost": [0.4], rival: [0.3], "TabM": [0.9]},
        "census_no_education": {"CatBoost": [1.0], rival: [0.0]},
    }
    more = [f"set {number}" for number in range(9)]
    scores |= {name: {"PLE": [1.0], "CatBoost": [0.5], rival: [0.0]} for name in more}
    measured = runs(scores, {"PLE": 8.0, "CatBoost": 32.0, rival: 2.0})
    made = comparisons.runs_on_test_rows(measured, sizes_of(dict.fromkeys(scores, 3000)))
    found = comparisons.overall(made)
    expected = {
        "PLE": ((1 + 0) / 2 + 0.75 + 1 + 9) / 12,
        "CatBoost": ((0.5 + 1) / 2 + 1 + 0.5 + 9 / 2) / 12,
        rival: ((0 + 0.5) / 2 + 0 + 0 + 0) / 12,
    }
    assert found["score"].to_dict() == pytest.approx(expected)
    assert found["cost"].to_dict() == pytest.approx({"PLE": 4, "CatBoost": 16, rival: 1})
    # The best mean score is PLE's on ten sets, CatBoost's .5 on edm and .75 on NHEFS.
    assert found["gap"]["PLE"] == pytest.approx((0.75 - 0.7 + 0.5 - 0.4) / 12)
    assert found["seconds"].to_dict() == {"PLE": 96, "CatBoost": 384, rival: 24}
    by_set, by_task, ratio = comparisons.compare(made, "PLE", "CatBoost")
    assert (len(by_set), len(by_task), ratio) == (12, 13, pytest.approx(0.25))
    assert (by_set > 0).sum() == 10 and (by_task < 0).sum() == 2


def test_sets_of_little_noise_and_large_ones_are_shown_apart(module):
    comparisons = module("comparisons")
    scores = {name: {"PLE": [0.8], comparisons.CHEAPEST: [0.9]} for name in ("edm", "rf1", "arm")}
    made = runs(scores)
    made.loc[(made["data"] == "rf1") & (made["model"] == "PLE"), "fit_cpu_seconds"] = 4.0
    sizes = sizes_of({"edm": 2000, "rf1": 2001, "arm": 2001})
    found, little = comparisons.by_noise(comparisons.runs_on_test_rows(made, sizes))
    assert set(found["data"]) == {"edm", "rf1"} and set(little["data"]) == {"arm"}
    ours = comparisons.overall(found).loc["PLE"]
    assert ours["cost"] == pytest.approx(2) and ours["cost, large"] == pytest.approx(4)


def test_tuned_models_are_compared_with_the_time_of_their_search(module):
    comparisons = module("comparisons")
    rivals = {name: [0.4] for name in comparisons.TUNED_PEERS}
    cheapest = {comparisons.CHEAPEST: [0.1], "PLE": [0.3]}
    scores = {"edm": cheapest | rivals | {"PLE, tuned": [0.5]}, "rf1": cheapest}
    seconds = {"PLE": 2.0, "PLE, tuned": 3.0}
    accuracy = runs(scores, seconds)
    accuracy.loc[accuracy["model"] == "PLE, tuned", "search_seconds"] = 29.0
    made = comparisons.runs_on_test_rows(accuracy, sizes_of(dict.fromkeys(scores, 3000)))
    made = comparisons.runs_beside_tuned(made)
    assert set(made["data"]) == {"edm"}
    found = comparisons.overall(made)["cost"]
    assert found["PLE"] == pytest.approx(2) and found["PLE, tuned"] == pytest.approx(32)


def test_differences_of_ranks_are_those_of_the_critical_difference(module, seed):
    random = np.random.default_rng(seed)
    n_models, n_sets = 6, 12
    names = list("abcdef")
    worse = np.arange(n_models)[:, None]
    by_data = pd.DataFrame(worse + 2 * random.normal(size=(n_models, n_sets)), index=names)
    differ = module("comparisons").differing(by_data)
    ranks = by_data.rank().mean(axis=1)
    # Demšar (2006), equation for CD.
    q = stats.studentized_range.ppf(0.95, n_models, np.inf) / math.sqrt(2)
    critical = q * math.sqrt(n_models * (n_models + 1) / (6 * n_sets))
    found = {name: set(differ.columns[differ[name]]) for name in names}
    assert found == {a: {b for b in names if abs(ranks[a] - ranks[b]) > critical} for a in names}
    assert any(found.values())


def test_a_control_is_compared_by_signed_ranks_of_the_sets_means(module, seed):
    random = np.random.default_rng(seed)
    sets = [f"set {i}" for i in range(9)]
    tasks = [(name, task) for name in [*sets, "census_no_education"] for task in "ab"]
    columns = pd.MultiIndex.from_tuples(tasks, names=["data", "task"])
    means = pd.DataFrame(random.random((3, 20)), ["PLE", "CatBoost", "TabM"], columns)
    # TabM was not fitted to a set.
    means.loc["TabM", "set 3"] = np.nan
    found = module("comparisons").against(means, "PLE")
    p_values = {}
    for name, own in (("CatBoost", sets), ("TabM", sets[:3] + sets[4:])):
        more = [(means.loc["PLE", s] - means.loc[name, s]).mean() for s in own]
        assert found.loc[name, "sets"] == len(more)
        assert found.loc[name, "median"] == pytest.approx(np.median(more))
        p_values[name] = stats.wilcoxon(more).pvalue
    low, high = sorted(p_values, key=p_values.get)
    assert found.loc[low, "p"] == pytest.approx(min(1, 2 * p_values[low]))
    assert found.loc[high, "p"] == pytest.approx(max(found.loc[low, "p"], p_values[high]))


def test_p_values_are_corrected_as_holm_does_by_hand(module):
    columns = pd.MultiIndex.from_product([list("uvwxyz"), ["a"]], names=["data", "task"])
    ranks = np.arange(1, 7)
    leads = [ranks, ranks * [-1, 1, 1, 1, 1, 1], ranks * [-1, 1, -1, 1, -1, 1]]
    means = pd.DataFrame([ranks * 0, *leads], ["PLE", "first", "second", "third"], columns)
    # The negative ranks sum to 0, 1 and 9; of all 64 choices of signs, 1, 2 and 27 have no more.
    p_values = [2 * 1 / 64, 2 * 2 / 64, 2 * 27 / 64]
    found = module("comparisons").against(-means / 100, "PLE")["p"]
    assert found.tolist() == pytest.approx([3 * p_values[0], 2 * p_values[1], p_values[2]])


@pytest.mark.parametrize(
    ("differences", "likeliest"),
    [([0.02, 0.5, 0.03], "better"), ([0.009, -0.009], "equal"), ([-0.02, -0.5, -0.03], "worse")],
)
def test_chances_are_nearly_certain_if_all_sets_agree(module, differences, likeliest):
    found = module("comparisons").chances(np.repeat(differences, 10))
    assert sum(found.values()) == pytest.approx(1)
    assert found[likeliest] > 0.999


def test_chances_of_differences_that_differ_in_sign_only_are_alike(module):
    differences = np.array([0.03, 0.05, 0.001, -0.035, 0.045])
    found = module("comparisons").chances(differences)
    mirrored = module("comparisons").chances(-differences)
    assert found["better"] == pytest.approx(mirrored["worse"], abs=0.01)
    assert found["equal"] == pytest.approx(mirrored["equal"], abs=0.01)
    # What baycomp 1.0.3 finds for the same differences.
    assert list(found.values()) == pytest.approx([0.795, 0.120, 0.085], abs=0.01)


def test_the_chance_of_one_set_is_that_of_a_beta_distribution(module):
    found = module("comparisons").chances([0.015], margin=0.01)
    # Its mean with itself is above the margin, that with the prior's zero within. So "better" is
    # the most probable where the square of its weight, which is Beta(1, 1/2), exceeds a half.
    assert found["better"] == pytest.approx(stats.beta(1, 0.5).sf(math.sqrt(0.5)), abs=0.01)
    assert found["worse"] == 0
