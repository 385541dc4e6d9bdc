"""The paper's experiments: its claims beside our figures, and the gains of all systems."""

from functools import cache

import numpy as np
import pandas as pd

from ..comparisons import gains, results, task_scores
from .cells import MISSING, change, gain, mark
from .networks import REFERENCE, with_gains

TITLES = {
    "synthetic": "synthetic",
    "census": "Census-Income",
    "ali_ccp": "Ali-CCP, generated",
    "conflict": "VTR and VCR, generated",
}
#: Claims of the paper about an experiment: its words and gain, the system and whose scores its own
#: are compared with, and the task.
CLAIMS = (
    ("synthetic", "PLE gains on related regressions", 0.0044, "PLE", REFERENCE, "mean"),
    ("synthetic", "PLE gains more than MMoE", 0.0021, "PLE", "MMoE", "mean"),
    ("census", "PLE gains on income", 0.0078, "PLE", REFERENCE, "income"),
    ("census", "MMoE gains on income", 0.0048, "MMoE", REFERENCE, "income"),
    ("census", "PLE gains on never married", 0.0022, "PLE", REFERENCE, "never_married"),
    ("ali_ccp", "PLE gains on clicks", 0.0024, "PLE", REFERENCE, "CTR"),
    ("ali_ccp", "PLE gains on purchases", 0.0057, "PLE", REFERENCE, "CVR"),
    ("ali_ccp", "MMoE loses on purchases", -0.0302, "MMoE", REFERENCE, "CVR"),
)
#: The experiment whose data are those of the paper: elsewhere, only the signs of gains compare.
SAME_DATA = "census"
#: Claims of the paper about VTR and VCR, and its gains on both.
ON_BOTH = (
    ("hard sharing", "gains on one and loses on the other", (-0.0047, 0.00002)),
    ("MMoE", "gains on both", (0.0016, 0.0001)),
    ("PLE", "gains on both", (0.0044, 0.0013)),
)
UNTESTED = (
    "tables 1 to 4: gains on Tencent's data, and of its users online",
    "figure 8: MMoE's tasks use experts alike; shared experts weigh more in PLE than in CGC",
)


@cache
def scores_of(name):
    """Return the scores of an experiment by system and seed, with a column for each task."""
    scores = task_scores(results(f"paper_{name}")).groupby(level=[0, 1], sort=False).mean()
    return scores.assign(mean=scores.mean(axis=1)) if name == "synthetic" else scores


def starred(row):
    """Write a gain with its interval, and a star if it is beyond chance."""
    return gain(row) + mark(row, "*", "*")


def verdict(row, claimed, figure=0.0):
    """Say whether an interval lies on the side of zero of the paper's gain or, if not, may do so.

    It may if it includes zero and, if its figure compares with ours, that, too.
    """
    if mark(row, 1, -1) == np.sign(claimed):
        return "reproduced"
    undecided = row["low"] <= min(0, figure) and max(0, figure) <= row["high"]
    return "not reproduced: undecided" if undecided else "not reproduced"


def joint_verdict(rows, paper):
    """Say whether the gains on two tasks, with their intervals, have the signs of the paper's.

    Which task has which sign does not count: the tasks are not those of the paper.
    """
    ordered = rows.sort_values("mean").to_dict("records")
    found = {verdict(row, own) for row, own in zip(ordered, sorted(paper), strict=True)}
    return min(found - {"reproduced"}, default="reproduced")


def claims():
    lines = []
    for name, words, paper, system, reference, task in CLAIMS:
        row = gains(scores_of(name), reference).loc[system, task]
        found = verdict(row, paper, paper if name == SAME_DATA else 0.0)
        lines.append([f"{TITLES[name]}: {words}", change(paper, 4), gain(row), found])
    for system, words, paper in ON_BOTH:
        rows = gains(scores_of("conflict"), REFERENCE).loc[system]
        words = f"{TITLES['conflict']}: {system} {words}"
        own = "; ".join(f"{task} {gain(row)}" for task, row in rows.iterrows())
        figures = "VTR {}; VCR {}".format(*(change(figure, 4) for figure in paper))
        lines.append([words, figures, own, joint_verdict(rows, paper)])
    why = "the data were not published"
    lines += [[words, MISSING, why, "cannot be tested here"] for words in UNTESTED]
    columns = ["claim of the paper", "paper", "here, with 95 % interval", "verdict"]
    yield "paper_claims", pd.DataFrame(lines, columns=columns).set_index(columns[0])


def experiments():
    for name in ("census", "conflict"):
        yield f"paper_{name}", with_gains(scores_of(name), REFERENCE, starred)
    rows = results("paper_ali_ccp")
    shown = with_gains(task_scores(rows), REFERENCE, starred)
    shown.loc["true probabilities"] = task_scores(rows, "ceiling").iloc[0].map("{:.4f}".format)
    yield "paper_ali_ccp", shown

    columns = {}
    for setting, own in results("paper_synthetic").groupby("setting", sort=False):
        shown = with_gains(task_scores(own), REFERENCE, starred)
        columns |= {f"{task}, {setting.partition(',')[0]}": shown[task] for task in shown}
    yield "paper_synthetic", pd.DataFrame(columns)


PARTS = (claims, experiments)
