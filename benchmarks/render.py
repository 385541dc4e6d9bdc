"""Render the results as docs/benchmarks.rst, with its appendices scores.rst and trials.rst."""

import sys

import texts
from common import RESULTS, ROOT
from page import aims, cost, errors, headlines, scores, training, trials, using
from page.rst import is_there, section

DOCS = ROOT / "docs"
#: The function that writes each section, by the name of its results.
PARTS = {
    "frontier": cost.score_and_cost,
    "accuracy": scores.accuracy,
    "relative_errors": errors.relative_errors,
    "ablation": training.ablation,
    "growth": training.growth,
    "memory": training.memory,
    "streaming": training.streaming,
    "speed": training.speed,
    "grid_search": training.grid_search,
    "latency": using.latency,
    "calibration": using.calibration,
    "coverage": using.coverage,
    "survival": using.survival,
}


def main(docs=DOCS):
    """Write the pages and pictures to a folder, from the results that exist."""
    images = docs / "images"
    images.mkdir(exist_ok=True)
    there = [name for name in PARTS if is_there(name)]
    if not there:
        sys.exit(f"{RESULTS} has no results yet: run the benchmarks first.")
    text = texts.HEAD + headlines.headlines(images) + headlines.caveat(there)
    text += "".join(PARTS[name](images) for name in there)
    text += aims.aims() if "accuracy" in there else ""
    text += section("Where the numbers come from", headlines.sources(there)) + texts.APPENDICES
    (docs / "benchmarks.rst").write_text(text, encoding="utf-8")

    text = texts.SCORES_HEAD
    text += cost.all_models() if "frontier" in there else ""
    text += scores.set_by_set() if "accuracy" in there else ""
    (docs / "scores.rst").write_text(text, encoding="utf-8")
    (docs / "trials.rst").write_text(trials.page(), encoding="utf-8")


if __name__ == "__main__":
    main()
