"""Scores, costs and ranks of PLE and other models."""

from functools import cache

import pandas as pd

from .. import comparisons
from ..comparisons import (
    BLEND,
    CHEAPEST,
    DEFAULT,
    FEWER,
    LITTLE_NOISE,
    OURS,
    SHOWN,
    SLOW,
    TUNED,
    TUNED_PEERS,
    results,
)
from .cells import (
    BLANK,
    MISSING,
    SHORT,
    TITLES,
    best_bold,
    cells,
    change,
    named,
    seconds,
    times,
)

OF_BLEND = (BLEND, comparisons.BOOSTING)


@cache
def every_run():
    """Return the rows of accuracy.json, and those of the blend and of our boosting."""
    ours = results("blend").query("model in @OF_BLEND")
    return pd.concat([results("accuracy"), ours], ignore_index=True)


@cache
def test_runs():
    sizes = results("blend").groupby("data")[["n_rows", "n_columns", "n_tasks"]].first()
    return comparisons.runs_on_test_rows(every_run(), sizes)


def shown_runs():
    """Return the runs of the models of the pictures."""
    return test_runs()[test_runs()["model"].isin(SHOWN)]


def blend():
    runs = results("blend")
    runs["score"] = [sum(scores.values()) / len(scores) for scores in runs["scores"]]
    ours = runs.pivot_table("score", "data", "model")
    ours = ours[["network", "boosting", "blend"]]
    rivals = test_runs()[test_runs()["model"].isin(("CatBoost", "RealMLP", SLOW))]
    rivals = rivals.pivot_table("score", "data", "model")
    yield "blend", named(best_bold(ours.join(rivals)))


def summary():
    for name, runs in zip(
        ("overall", "overall_little_noise"), comparisons.by_noise(shown_runs()), strict=True
    ):
        forms = {
            "score|score": "{:.2f}",
            "gap|gap to the best": "{:.3f}",
            "seconds|CPU s": seconds,
        }
        forms |= {"seconds|CPU s": seconds, "cost|CPU time": times}
        forms["cost, large|CPU time, large tables"] = times
        shown = cells(comparisons.overall(runs), **forms)
        yield name, shown.rename(SHORT).rename_axis("model")

    small = comparisons.overall(comparisons.runs_beside_tuned(test_runs()))
    shown = cells(small, **{"score|score": "{:.2f}", "cost|CPU time": times})
    yield "overall_tuned", shown.rename(SHORT).rename_axis("model")

    rows, scores = {}, comparisons.mean_scores(test_runs())
    # Those that ran everywhere come first.
    order = comparisons.mean_ranks(scores)[0].sort_values("tasks", ascending=False, kind="stable")
    for name in order.index.drop(OURS):
        by_set, by_task, ratio = comparisons.compare(test_runs(), OURS, name)
        rows[name] = {
            "PLE ahead on": f"{(by_set > 0).sum()} of {len(by_set)} tables",
            "median difference": change(by_set.median()),
            "PLE behind on": f"{(by_task < 0).sum()} of {len(by_task)} targets",
            "CPU time of PLE": times(ratio),
        }
    yield "beside", pd.DataFrame(rows).T.rename(SHORT).rename_axis("other model")

    rows, members = {}, results("members")
    members = members.assign(seconds=members["fit_cpu_seconds"])
    for name in FEWER:
        by_set, _, ratio = comparisons.compare(members, name, DEFAULT)
        rows[name] = {"median change of the score": change(by_set.median())}
        rows[name] |= {"least change": change(by_set.min()), "CPU time": times(ratio)}
    yield "members", pd.DataFrame(rows).T.rename_axis("beside 8 members")
    yield "losses", losses()


def losses():
    """Show the sets on which another model scores more than PLE by default, the worst first."""
    means = test_runs().groupby(["data", "model"])["score"].mean().unstack()
    others = means.drop(columns=[OURS, *OF_BLEND, TUNED, *TUNED_PEERS])
    best = others.max(axis=1)
    lost = (best - means[OURS]).sort_values(ascending=False)
    lost = lost[lost.round(3) > 0]
    found = {"PLE": means[OURS], "best": others.idxmax(axis=1), "score": best, "difference": lost}
    forms = {"PLE|PLE": "{:.3f}", "best|best model": lambda name: SHORT.get(name, name)}
    forms |= {"score|its score": "{:.3f}", "difference|difference": "{:.3f}"}
    shown = cells(pd.DataFrame(found).loc[lost.index], **forms)
    return shown.rename(TITLES).rename_axis("table")


def by_set():
    """Show two of our models, the best three others and the cheapest, set by set."""
    runs = shown_runs()
    others = comparisons.overall(runs).index
    others = others.drop([OURS, *OF_BLEND, CHEAPEST], errors="ignore")
    models = [OURS, BLEND, *others[:3], CHEAPEST]
    means = runs.groupby(["data", "model"])[["score", "seconds"]].mean()
    scores = means["score"].unstack()
    gaps = scores.rsub(scores.max(axis=1), axis=0)[[OURS, BLEND]].add_prefix("gap of ")
    shown = best_bold(scores[models]).join(gaps.map("{:.3f}".format))
    yield "scores", named(shown)
    yield "seconds", named(cells(means["seconds"].unstack(), **dict.fromkeys(models, seconds)))


def ranks():
    scores = comparisons.mean_scores(every_run())
    # The slow model was not fitted to all sets.
    found, by_data, differ = comparisons.ranked(scores.dropna(axis=1, how="all", subset=[SLOW]))
    others = scores.drop(index=SLOW)
    others = others[comparisons.ran_nearly_everywhere(others)].dropna(axis=1)
    of_others, by_more_data, others_differ = comparisons.ranked(others)
    shown = found.loc[found.index.intersection(differ.index)].drop(columns="tasks")
    titles = [f"by target, {by_data.shape[1]} tables", f"by table, {by_data.shape[1]} tables"]
    shown.columns, more = titles, f"by table, without {SLOW}, {by_more_data.shape[1]} tables"
    shown[more] = of_others["by set"]
    shown = cells(shown, **dict.fromkeys(shown, "{:.2f}"))
    for ours, ranked, own in (
        (OURS, by_data, differ),
        (BLEND, by_data, differ),
        (OURS, by_more_data, others_differ),
        (BLEND, by_more_data, others_differ),
    ):
        title = f"differs from {SHORT.get(ours, ours)}, {ranked.shape[1]} tables"
        answers = own[ours].drop(ours).map({True: "yes", False: "no"})
        shown[title] = answers.reindex(shown.index, fill_value=MISSING)
    yield "ranks", shown.rename(SHORT).rename_axis("model")
    yield "ranks_tuned", tuned_ranks(scores)

    forms = {"sets|tables": "{:.0f}", "median|median lead": change, "p|p, by signed ranks": chance}
    forms |= dict.fromkeys(("better", "equal", "worse"), chance)
    compared = scores.loc[found.index.intersection(differ.index)]
    forms["p, found|p, tables as found"] = chance
    found = compared.loc[:, ~compared.columns.get_level_values("data").isin(LITTLE_NOISE)]
    for ours in (BLEND, OURS):
        rows = comparisons.against(compared, ours).sort_values("median")
        rows["p, found"] = comparisons.against(found, ours)["p"]
        shown = cells(rows, **forms)
        shown = shown.rename(SHORT).rename_axis(f"{SHORT.get(ours, ours)} beside")
        yield f"signed_ranks_{SHORT.get(ours, ours).lower()}", shown


def chance(value):
    """Write a probability; one that rounds to 0 or 1 is no certainty."""
    if value < 0.0005:
        return "< .001"
    return "> .999" if value > 0.9995 else f"{value:.3f}"


def tuned_ranks(scores):
    """Rank the tuned models where all were fitted, and where all but the slow one were."""
    columns = {}
    for left_out in ("", f"{SLOW}, tuned and ensembled"):
        models = [name for name in (TUNED, *TUNED_PEERS) if name != left_out]
        for beside in ([], [OURS]):
            found, by_data = comparisons.mean_ranks(scores.loc[[*beside, *models]].dropna(axis=1))
            title = f"{by_data.shape[1]} tables"
            if beside:
                columns[f"{title}, with PLE"] = found["by set"]
            else:
                columns[f"{title}, by target"], columns[title] = found["by task"], found["by set"]
    shown = pd.DataFrame(columns).loc[[OURS, TUNED, *TUNED_PEERS]]
    return cells(shown, **dict.fromkeys(shown, "{:.2f}")).rename(SHORT).rename_axis("model")


def set_by_set():
    """Show scores, costs and seeds of all models, with tasks as rows, for each set."""
    for name, runs in results("accuracy").groupby("data", sort=False):
        digits = 4 if name.startswith("census") else 3
        scores = pd.DataFrame(runs["scores"].tolist()).groupby(runs["model"].to_numpy())
        mean, deviation = scores.mean(), scores.std()
        order = mean.rank(ascending=False).mean(axis=1).sort_values(kind="stable").index
        form = f"{{:.{digits}f}}".format
        written = mean.map(form)
        written = written.where(written != mean.max().map(form), "**" + written + "**")
        # Some models do not depend on the seed.
        written += (" ±" + BLANK + deviation.map(form)).where(scores.nunique() > 1, "")
        shown = written.T.rename(lambda task: task.removesuffix("_48H__0"))
        by_model = runs.groupby("model")
        for step, title in (("fit", "fit"), ("predict", "prediction")):
            shown.loc[f"{title}, CPU s"] = by_model[f"{step}_cpu_seconds"].mean().map(seconds)
        shown.loc["seeds"] = by_model.size().astype(str)
        yield f"scores_{name}", shown[order].rename(columns=SHORT).rename_axis("task")


PARTS = (summary, blend, by_set, ranks, set_by_set)
