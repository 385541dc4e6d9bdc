"""What a training costs: defaults one by one, growth, memory, files, speed, a grid search."""

import numpy as np
import pandas as pd
import texts
from pictures import draw_growth

from page.rst import (
    cost,
    counted,
    counted_each,
    image,
    listed,
    load,
    seconds,
    section,
    table,
    times,
    title_of,
)

BESIDE = "LightGBM, early stopping"
#: How many changes are named at either end.
N_NAMED = 3
PEERS = ("deepctr-torch", "torch-rechub")


def ablation(images):
    runs = pd.DataFrame(load("ablation")["results"])
    changes = list(dict.fromkeys(runs["change"]))
    rows = pd.DataFrame(index=pd.Index(changes, name="change"))
    for name, run in runs.groupby("data", sort=False):
        of_change = run.groupby("change")
        mean, deviation = of_change["mean_score"].mean(), of_change["mean_score"].std()
        scores = mean.reindex(changes).map("{:.4f}".format)
        if deviation["defaults"] > 0:
            scores["defaults"] += f" ± {deviation['defaults']:.4f}"
        rows[title_of(name)] = scores
        rows[f"{title_of(name)}, s"] = (
            of_change["cpu_seconds"].mean().reindex(changes).map(seconds)
        )
    seeds = counted_each(runs.groupby("data")["seed"].nunique(), "seed")
    text = f"{changes_in_words(runs)}\n{texts.ABLATION.format(seeds=seeds)}"
    return section("What each default is worth", text) + table(rows)


def changes_in_words(runs):
    """Name the changes of the defaults that lose most, and those that would gain."""
    means = runs.groupby(["data", "change"])[["mean_score", "cpu_seconds"]].mean()
    score, spent = means["mean_score"].unstack(), np.log(means["cpu_seconds"].unstack())
    change = score.sub(score["defaults"], axis=0).mean().drop("defaults").sort_values()
    ratio = np.exp(spent.sub(spent["defaults"], axis=0).mean())
    parts = change[~change.index.str.startswith("as published")]
    worst = listed([f"{name} ({gain:+.4f})" for name, gain in parts[:N_NAMED].items()])
    text = f"These changes of a single default lose most, on average over the sets: {worst}."
    better = [
        f"{name} ({gain:+.4f}, {cost(ratio[name])})"
        for name, gain in parts[: -N_NAMED - 1 : -1].items()
        if gain > 0
    ]
    if better:
        text += f" These gain most: {listed(better)}."
    published = [name for name in change.index if name not in parts.index]
    if published:
        own = listed([f"{name} {change[name]:+.4f}" for name in published])
        text += f" Networks without the additions of this package: {own}."
    return text


def growth_slopes():
    """Return the means by axis, size and model, and the slope of every line in logarithms."""
    runs = pd.DataFrame(load("growth")["results"]).rename(columns={"fit_cpu_seconds": "seconds"})
    columns = ["seconds", "score", "extra_mb"]
    means = runs.groupby(["axis", "size", "model"], sort=False)[columns].mean().reset_index()
    slopes = {
        key: np.polyfit(np.log(line["size"]), np.log(line["seconds"]), 1)[0]
        for key, line in means.groupby(["axis", "model"])
        if len(line) > 1
    }
    return runs, means, slopes


def growth_in_words():
    _, _, slopes = growth_slopes()
    axes = [axis for axis in ("rows", "columns", "tasks") if (axis, "PLE") in slopes]
    ours, others = (
        listed(
            [times(2 ** slopes[axis, model]) if (axis, model) in slopes else "–" for axis in axes],
            "or",
        )
        for model in ("PLE", BESIDE)
    )
    return (
        f"**Growth.** With twice as many {listed(axes, 'or')}, a fit takes {ours} times as long; "
        f"with LightGBM {others} times."
    )


def growth(images):
    runs, means, slopes = growth_slopes()
    measured = set(means["axis"])
    axes = {axis: title for axis, title in texts.GROWTH_AXES.items() if axis in measured}
    draw_growth(means, axes, slopes, images / "growth.png")
    by_rows = means[means["axis"] == "rows"].pivot(index="size", columns="model")
    shown = pd.DataFrame(index=pd.Index(by_rows.index.map("{:,}".format), name="rows"))
    for model in by_rows.columns.unique("model")[::-1]:
        for name, title, form in (
            ("score", "score", "{:.3f}".format),
            ("seconds", "fit, s", seconds),
            ("extra_mb", "extra, MB", "{:.0f}".format),
        ):
            cells = by_rows[name, model].map(form).where(by_rows[name, model].notna(), "–")
            shown[f"{model.split(',')[0]}: {title}"] = cells.to_numpy()
    answer = growth_in_words().removeprefix("**Growth.** ")
    text = section("Growth", f"{answer}\n{texts.GROWTH}")
    text += image("growth", "CPU seconds against rows, columns, tasks, experts and members")
    text += texts.GROWTH_ROWS.format(seeds=counted(runs["seed"].nunique(), "seed"))
    return text + table(shown)


def memory(images):
    rows = pd.DataFrame(load("memory")["results"]).set_index("form").rename_axis("X")
    shown = pd.DataFrame(
        {
            "X, MB": rows["X"].map("{:.0f}".format),
            "extra, MB": rows["extra"].map("{:.0f}".format),
            "extra / X": rows["extra / X"].map("{:.2f}".format),
        }
    )
    low, high = rows["extra / X"].agg(["min", "max"])
    answer = (
        f"At its peak, a fit takes {low:.2f} to {high:.2f} times the memory of X in addition to "
        "X and y."
    )
    return section("Memory", f"{answer}\n{texts.MEMORY}") + table(shown)


def streaming(images):
    results = pd.DataFrame(load("streaming")["results"])
    rows = results[results["rows"].notna()]
    shown = pd.DataFrame(
        {
            "read from": rows["where"].map({"files": "files", "memory": "in memory"}),
            "peak of fit, MB": rows["peak of fit"].map("{:.0f}".format),
            "before training, s": rows["seconds before training"].map("{:.0f}".format),
            "rows/s, training": rows["rows a second, training"].map("{:,.0f}".format),
            "rows/s, prediction": rows["rows a second, prediction"].map("{:,.0f}".format),
            "score": rows["score"].map("{:.4f}".format),
        }
    )
    shown = shown.replace("nan", "–")
    shown.index = pd.Index(rows["rows"].map("{:,.0f}".format), name="rows")
    most = rows.loc[rows["rows"][rows["where"] == "files"].idxmax()]
    answer = (
        f"A fit to {most['rows']:,.0f} rows in a file takes {most['peak of fit']:.0f} MB at its "
        f"peak, and processes {most['rows a second, training']:,.0f} rows a second in training."
    )
    scan = rows["rows a second, bare scan"].median()
    text = f"{answer}\n{texts.STREAMING.format(scan=scan)}"
    page = section("Tables larger than memory", text) + table(shown)
    if "impressions" in results:
        page += impressions(results[results["impressions"].notna()])
    return page


def impressions(runs):
    """Show files in the format of Ali-CCP: the areas under the curves, and the time."""
    scores, ceilings = (pd.DataFrame(list(runs[name])) for name in ("scores", "ceiling"))
    shown = pd.DataFrame(
        {
            "read from": runs["where"].map({"files": "files", "memory": "in memory"}).to_numpy(),
            "minutes of fit": (runs["seconds"] / 60).map("{:.1f}".format).to_numpy(),
            "AUC of CTR": scores["CTR"].map("{:.4f}".format),
            "AUC of CTCVR": scores["CTCVR"].map("{:.4f}".format),
        }
    )
    shown.index = pd.Index(runs["system"], name="estimator")
    text = texts.IMPRESSIONS.format(
        n=f"{runs['impressions'].iloc[0]:,.0f}",
        click=f"{ceilings['CTR'].iloc[0]:.4f}",
        purchase=f"{ceilings['CTCVR'].iloc[0]:.4f}",
    )
    return f"\n{text.strip()}\n" + table(shown)


def speed(images):
    results = pd.DataFrame(load("speed")["results"])
    peers = [name for name in PEERS if name in results]
    results["experts"] = results["experts"].map(lambda widths: "-".join(map(str, widths)))
    names = ["estimator", "estimator, bfloat16", "its own steps", "plain loop", *peers, "products"]
    shape = ["n_tasks", "n_specific", "n_shared", "experts", "tower", "batch_size"]
    shown, ratios = {}, []
    for of_shape, runs in results.groupby(shape, sort=False):
        n_tasks, n_specific, n_shared, experts, tower, batch_size = of_shape
        cells = {"experts": f"{n_specific} + {n_shared}", "units": f"{experts}/{tower}"}
        cells["batch"] = batch_size
        cells |= {name: f"{runs[name].median() / 1000:.1f}" for name in names if name in runs}
        if peers:
            ratio = runs["estimator"] / runs[peers].max(axis=1)
            low, middle, high = ratio.quantile([0, 0.5, 1])
            cells["ratio"] = f"{middle:.2f} ({low:.2f} to {high:.2f})"
            ratios.append(middle)
        shown[f"{n_tasks} tasks, {len(shown)}"] = cells
    shown = pd.DataFrame(shown).rename(columns=lambda name: name.split(",")[0])
    answer = ""
    if peers:
        fastest = f"the faster of {listed(peers)}" if len(peers) > 1 else peers[0]
        answer = (
            f"This package trains PLE {min(ratios):.2f} to {max(ratios):.2f} times as fast as "
            f"{fastest}."
        )
    text = f"{answer}\n{texts.SPEED.format(n=results['repeat'].nunique())}"
    return section("Speed of training", text) + table(shown.rename_axis("network"))


def grid_search(images):
    runs = pd.DataFrame(load("grid_search")["results"]).groupby("grid", sort=False)
    median = runs[["seconds", "cpu_seconds"]].median().map("{:.1f}".format)
    shown = median.rename(columns={"cpu_seconds": "CPU seconds"})
    own = listed([f"{spent} CPU seconds ({grid})" for grid, spent in shown["CPU seconds"].items()])
    text = f"A search takes {own}.\n{texts.GRID.format(n=int(runs.size().min()))}"
    return section("A grid search", text) + table(shown)
