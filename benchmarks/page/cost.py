"""Score against cost on test rows: over all data sets, and set by set."""

import numpy as np
import pandas as pd
import texts
from frontier import BEFORE, BESIDE, DEFAULT, FEWER, N_MEMBERS
from peers import TUNED_PEERS
from pictures import draw_frontier, draw_overall
from ranks import ran_nearly_everywhere

from page.rst import (
    BLANK,
    best_bold,
    change,
    counted,
    counted_each,
    image,
    in_order,
    is_there,
    listed,
    load,
    mean_scores,
    named,
    seconds,
    section,
    short,
    table,
    times,
    title_of,
    versions,
)
from page.scores import ALIKE, OURS, TUNED

CHEAPEST = BESIDE[0]
TUNED_MODELS = (TUNED, *TUNED_PEERS)
#: The models of the pictures; ours differ in their members.
SHOWN = (*N_MEMBERS, *BESIDE, "CatBoost MultiLogloss", "Random forest", "TabM")
SIZES = ["n_rows", "n_columns", "n_tasks"]


def runs_of_frontier(kind):
    """Return the runs of frontier.json on rows of a kind: validation or test."""
    runs = pd.DataFrame(load("frontier")["results"])
    return runs[runs["rows"] == kind].rename(columns={"fit_cpu_seconds": "seconds"})


def runs_of_accuracy():
    """Return the runs of accuracy.json, with our defaults under their name in frontier.json."""
    rows = load("accuracy")["results"] if is_there("accuracy") else []
    rows = [
        row
        | {
            "model": DEFAULT if row["model"] == OURS else row["model"],
            "score": np.mean(list(row["scores"].values())),
            "seconds": row["fit_cpu_seconds"],
            "n_tasks": len(row["scores"]),
        }
        for row in rows
    ]
    return pd.DataFrame(rows)


def untuned_runs():
    """Return the runs on test rows of all models that are not tuned."""
    runs = runs_of_accuracy()
    runs = pd.concat([runs, runs_of_fewer(runs)], ignore_index=True)
    return runs[~runs["model"].isin(TUNED_MODELS) & (runs["data"] != ALIKE)]


def runs_of_fewer(others):
    """Return the runs of PLE with fewer members on test rows, with costs like those of others.

    frontier.json times every fit in a process of its own. It has the default too: all its times
    on a set are multiplied by the factor between the times of the default.
    """
    runs = runs_of_frontier("test")
    if others.empty:
        return runs
    spent, apart = (
        own[own["model"] == DEFAULT].groupby("data")["seconds"].mean() for own in (others, runs)
    )
    factors = runs["data"].map(spent / apart).astype(float).fillna(1)
    twice = (runs["model"] == DEFAULT) & runs["data"].isin(spent.index)
    return runs.assign(seconds=runs["seconds"] * factors)[~twice]


def runs_on_test_rows():
    """Return what the pictures show: models of accuracy.json, and ours with fewer members."""
    runs = untuned_runs()
    return runs[runs["model"].isin(SHOWN)]


def runs_beside_tuned():
    """Return the runs on the sets of every tuned model; the time of our search is added."""
    runs = runs_of_accuracy()
    if runs.empty:
        return runs
    tuned = runs[runs["model"].isin(TUNED_MODELS)]
    models = tuned.groupby("data")["model"].nunique()
    sets = models.index[models == tuned["model"].nunique()]
    runs = runs[runs["model"].isin((*SHOWN, *TUNED_MODELS)) & runs["data"].isin(sets)]
    searches = {name: own["search_seconds"] for name, own in load("accuracy")["settings"].items()}
    search = runs["data"].map(searches).astype(float).where(runs["model"] == TUNED, 0)
    return runs.assign(seconds=runs["seconds"] + search)


def on_common_sets(runs):
    """Keep the models that ran on nearly all sets, and the sets that they all ran on."""
    spent = runs.groupby(["model", "data"])["seconds"].mean().unstack()
    common = spent[ran_nearly_everywhere(spent)].dropna(axis=1)
    return runs[runs["model"].isin(common.index) & runs["data"].isin(common.columns)]


def overall(runs):
    """Compute every model's score and cost over the sets on which all ran.

    On every task the lowest score counts 0 and the highest 1; a set's score is the mean over its
    tasks. Costs are multiples of LightGBM's, geometric means over the sets.
    """
    runs = on_common_sets(runs)
    scores = mean_scores(runs)
    low, high = scores.min(), scores.max()
    scaled = ((scores - low) / (high - low)).fillna(1)
    spent = np.log(runs.groupby(["model", "data"])["seconds"].mean().unstack())
    return pd.DataFrame(
        {
            "score": scaled.T.groupby(level="data").mean().mean(),
            "cost": np.exp((spent - spent.loc[CHEAPEST]).mean(axis=1)),
        }
    ).sort_values("score", ascending=False)


def compare(runs, one, other):
    """Compare two models on the sets on which both ran.

    Returns
    -------
    Series
        By how much the first model scores more, for each set.
    float
        How many times as long its fits take, in the geometric mean.
    """
    means = runs.groupby(["model", "data"])[["score", "seconds"]].mean()
    a, b = means.loc[one], means.loc[other]
    both = a.index.intersection(b.index, sort=False)
    a, b = a.loc[both], b.loc[both]
    ratio = np.exp(np.log(a["seconds"] / b["seconds"]).mean())
    return a["score"] - b["score"], float(ratio)


def fewer_members(runs):
    """Describe what fewer members cost and lose, compared with the default."""
    parts = []
    for name in in_order(set(FEWER) & set(runs["model"]), FEWER):
        more, ratio = compare(runs, name, DEFAULT)
        part = f"{100 * ratio:.0f} %", change(more.median())
        n = N_MEMBERS[name]
        if parts:
            parts.append(f"with {n} it is {part[0]} and {part[1]}")
        else:
            parts.append(
                f"With {n} members instead of {N_MEMBERS[DEFAULT]} a fit takes {part[0]} of the "
                f"CPU time, and the median change of the score is {part[1]}"
            )
    return f"{'; '.join(parts)}." if parts else ""


def score_and_cost(images):
    runs = runs_on_test_rows()
    means = runs.groupby(["data", "model"], sort=False)[["score", "seconds"]].mean()
    sizes = runs.groupby("data", sort=False)[SIZES].first().astype(int)
    of_fewer = runs[runs["model"].isin(FEWER)].groupby(["data", "model"])
    seeds = counted_each(of_fewer["seed"].nunique(), "seed")
    text = section(
        "Score and cost", f"{fewer_members(runs)}\n{texts.FRONTIER.format(seeds=seeds)}"
    )
    groups = [texts.DATA_SETS, texts.MULAN_SETS]
    groups.append([name for name in sizes.index if not any(name in own for own in groups)])
    for own, picture in zip(groups, ("frontier", "frontier_small", "frontier_more"), strict=True):
        titles = {
            name: (title_of(name), "{:,} × {:,}, {} tasks".format(*sizes.loc[name]))
            for name in own
            if name in sizes.index
        }
        if titles:
            draw_frontier(means, titles, N_MEMBERS, images / f"{picture}.png")
            first, *_, last = (title for title, _ in titles.values())
            text += image(picture, f"Scores against CPU seconds: {first} to {last}")
    models = shown_models(runs)
    text += texts.FRONTIER_TABLES + "\nMean score over a set's tasks:\n"
    text += table(scores_table(means, models))
    return text + "\nCPU seconds of a fit:\n" + cost_table(means, models)


def shown_models(runs):
    """Return the six models of the page's table: two of ours, the best three, the cheapest."""
    ours = [DEFAULT, *(name for name in FEWER if "4 " in name)]
    others = [name for name in overall(runs).index if name not in (*N_MEMBERS, CHEAPEST)]
    return [name for name in (*ours, *others[:3], CHEAPEST) if name in set(runs["model"])]


def scores_table(means, models):
    scores = means["score"].unstack("model")
    scores = scores.loc[in_order(scores.index, texts.SETS)].reindex(columns=models)
    return named(best_bold(scores))


def cost_table(means, models):
    cells = means["seconds"].unstack("model")
    cells = cells.loc[in_order(cells.index, texts.SETS)].reindex(columns=models).map(seconds)
    return table(named(cells))


def all_models():
    """Make the tables of all models on validation rows, without the earlier defaults."""
    runs = runs_of_frontier("validation")
    runs = runs[runs["model"] != BEFORE]
    means = runs.groupby(["data", "model"], sort=False)[["score", "seconds"]].mean()
    models = in_order(set(runs["model"]), [*N_MEMBERS, *BESIDE])
    cells = means.apply(
        lambda row: f"{row['score']:.3f}, {seconds(row['seconds'])}{BLANK}s", axis=1
    )
    cells = cells.unstack("model")
    cells = cells.loc[in_order(cells.index, texts.SETS), models].fillna("–")
    text = section("Scores on validation rows", texts.ALL_MODELS) + table(named(cells))
    return text + versions(load("frontier") | {"commit": ", ".join(runs["commit"].unique())})


def defaults_before():
    """Describe what the earlier defaults scored and cost, if they were run."""
    runs = runs_of_frontier("validation")
    if BEFORE not in set(runs["model"]):
        return ""
    more, ratio = compare(runs, DEFAULT, BEFORE)
    two = [DEFAULT, BEFORE]
    now, before = (", ".join(runs.loc[runs["model"] == name, "commit"].unique()) for name in two)
    text = texts.BEFORE.format(
        n=len(more),
        wins=int((more > 0).sum()),
        median=more.median(),
        ratio=1 / ratio,
        now=now,
        before=before,
    )
    means = runs.groupby(["data", "model"], sort=False)[["score", "seconds"]].mean()
    scores = means["score"].unstack("model").loc[more.index, two].map("{:.3f}".format)
    spent = means["seconds"].unstack("model").loc[more.index, two].map(seconds)
    shown = named(scores).join(named(spent).add_suffix(", s"))
    return section("The cheaper defaults", text) + table(shown)


def picture_in_words(shown, beside_tuned):
    """Describe the picture of all data sets, without our models with fewer members."""
    shown = shown.drop(index=FEWER, errors="ignore")
    text = f"Scores, and CPU time as a multiple of {short(CHEAPEST)}'s: {points_in_words(shown)}"
    if beside_tuned is not None:
        few = beside_tuned.loc[beside_tuned.index.intersection([DEFAULT, *TUNED_MODELS])]
        text += f". On small data sets: {points_in_words(few)}"
    return text


def points_in_words(shown):
    cells = []
    for name, (score, spent) in shown.iterrows():
        beside = "" if name == CHEAPEST else f" at {times(spent)} times"
        cells.append(f"{short(name)} {score:.2f}{beside}")
    return listed(cells)


def draw_all_sets(runs, tuned, images):
    """Draw the picture that the page begins with; return what its panels show.

    The second panel shows the runs on sets with tuned models; it is None if there are none.
    """
    shown, beside_tuned = overall(runs), None
    n_sets = on_common_sets(runs)["data"].nunique()
    panels = [(shown, f"Defaults, {counted(n_sets, 'data set')}", texts.AXES)]
    if len(tuned):
        beside_tuned = overall(tuned)
        title = f"Also tuned, {counted(tuned['data'].nunique(), 'small data set')}"
        panels.append((beside_tuned, title, texts.HOLLOW))
    draw_overall(panels, N_MEMBERS, images / "overall.png")
    return shown, beside_tuned
