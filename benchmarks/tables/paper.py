"""The paper's experiments."""

from functools import cache

import numpy as np
import pandas as pd
from comparisons import gains, mean_task_scores, results, task_scores

from tables.cells import MISSING, TITLES, cells, change, gain, mark, named, seconds
from tables.networks import REFERENCE, by_set, with_gains


def starred(row):
    """Write a gain with its interval, and a star if it is beyond chance."""
    return gain(row) + mark(row, "*", "*")


def short(row, digits=3):
    """Write a gain alone, and a star if it is beyond chance."""
    return f"({change(row['mean'], digits)}{mark(row, '*', '*')})"


def comparison():
    means = {}
    for setting, own in results("paper_comparison").groupby("setting", sort=False):
        (name, base), scores = setting.split(", "), task_scores(own)
        written, digits = (short, 3) if scores.shape[1] > 2 else (starred, 4)
        yield f"paper_{name}_{base[3:]}", with_gains(scores, REFERENCE, written, digits)
        if name == "support2":
            means[base] = with_gains(mean_task_scores(own), REFERENCE, starred)["mean"]
    yield "paper_support2_mean", pd.DataFrame(means)


@cache
def synthetic_scores():
    """Return the scores of both depths, by system, seed and correlation."""
    rows = results("paper_synthetic")
    parts = rows["setting"].str.split(", ", expand=True)
    rows["correlation"] = parts[0].astype(float)
    rows["depth"] = parts[1].replace("a layer a level", "one layer per level")
    found = {}
    for depth, own in rows.groupby("depth"):
        # The deep systems are the same at either depth.
        own = pd.concat([own, rows[~rows["system"].isin(own["system"])]])
        found[depth] = task_scores(own).set_index(own["correlation"], append=True)
    return found


def synthetic():
    columns = {}
    for depth, scores in synthetic_scores().items():
        found = gains(scores.groupby(["system", "seed"]).mean(), REFERENCE)
        for task, own in found.groupby("task"):
            columns[f"{depth}, {task}"] = own.droplevel("task").apply(gain, axis=1)
    order = ["hard sharing", "MMoE", "ML-MMoE", "CGC", "PLE"]
    yield "paper_synthetic", pd.DataFrame(columns).loc[order].rename_axis("system")


def ali_ccp():
    rows = results("paper_ali_ccp")
    shown = with_gains(task_scores(rows), REFERENCE, starred)
    shown.loc["true probabilities"] = task_scores(rows, "ceiling").iloc[0].map("{:.4f}".format)
    yield "paper_ali_ccp", shown


@cache
def gates():
    """Return the weights of experts in gates, by set, system, seed, level, gate and expert."""
    parts = [
        pd.DataFrame(row.gates).assign(data=row.setting, system=row.system, seed=row.seed)
        for row in results("paper_experts").itertuples()
    ]
    return pd.concat(parts, ignore_index=True).replace("^log ", "", regex=True)


def experts():
    rows, own = results("paper_experts"), gates()
    distance = rows["separation"].str[-1].astype(float)
    distance = distance.groupby([rows["setting"], rows["system"]]).mean().unstack()
    last = own[own["level"] == own.groupby(["data", "system"])["level"].transform("max")]
    shared = last[last["expert"].str.contains("shared")]
    sums = [part.groupby(["data", "system"])["mean"].sum().unstack() for part in (shared, last)]
    columns = {f"{name}: distance of gates": distance[name] for name in ("MMoE", "CGC")}
    columns |= {
        f"{name}: shared experts' weight": sums[0][name] / sums[1][name] for name in ("CGC", "PLE")
    }
    yield "paper_gates", named(pd.DataFrame(columns).map("{:.2f}".format))

    runs = rows[rows["system"].str.contains("level")]
    runs = runs.assign(score=[np.mean(list(own.values())) for own in runs["scores"]])
    by_level = runs.groupby(["setting", "system"], sort=False)
    shown = by_level[["n_parameters", "fit_cpu_seconds", "score"]].mean()
    shown["deviation"], shown["levels"] = by_level["score"].std(), by_level["separation"].first()
    apart = by_level["separation"].apply(lambda own: np.mean(own.tolist(), axis=0))
    shown["apart"] = apart.map(lambda own: ", ".join(map("{:.2f}".format, own)))
    forms = {"levels|levels": lambda own: str(len(own)), "score|mean score": "{:.4f}"}
    forms |= {"deviation|deviation": "{:.4f}", "apart|distance of gates, by level": str}
    forms |= {"n_parameters|parameters": "{:,.0f}", "fit_cpu_seconds|fit, s": seconds}
    shown = cells(shown, **forms).droplevel("system").rename(TITLES)
    yield "paper_levels", shown.rename_axis("data set")


def shared_experts():
    rows = results("paper_shared_experts")
    rows[["data", "seed"]] = rows["setting"].str.split(", split ", expand=True).to_numpy()
    none = rows["system"][0]
    shown = by_set(rows, none, lambda row: short(row, 4)).T
    of_set = rows.groupby("data")
    more = pd.DataFrame({n: gains(mean_task_scores(own), none)["mean"] for n, own in of_set})
    more = more.droplevel("task")
    shown.loc["median gain"] = more.median(axis=1).map(lambda own: change(own, 4))
    shown.loc["gains on"] = (more > 0).sum(axis=1).map(f"{{}} of {more.shape[1]}".format)
    yield "paper_shared_experts", shown.fillna(MISSING).rename_axis("data set")


PARTS = (comparison, synthetic, ali_ccp, experts, shared_experts)
