"""Render the results as docs/benchmarks.rst, and the pictures of them."""

import json

import numpy as np
import pandas as pd
import texts
from common import RESULTS, ROOT
from frontier import BESIDE, MODELS, N_MEMBERS
from pictures import draw_frontier, draw_growth, draw_summary
from ranks import draw, mean_ranks

PAGE = ROOT / "docs" / "benchmarks.rst"
PICTURE = PAGE.parent / "images" / "accuracy.png"
#: The models of the first page's picture, and the inks of its texts and lines on light and dark.
SUMMARY = [*BESIDE, "PLE, 8 members (default)", "PLE, 4 members"]
INKS = {"summary": ("#1f2328", "#8c959f"), "summary-dark": ("#e6edf3", "#7d8590")}


def load(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(frame):
    """Make a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [[frame.index.name, *frame.columns], *frame.reset_index().to_numpy().tolist()]:
        lines += [f"   {'  ' if i else '* '}- {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(["", *lines, ""])


def versions(record):
    names = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    if "processor" in record:
        text = f"Commit: {record['commit']}. Processor: {record['processor']}."
    else:
        text = f"Results last changed in commit {record['commit']}."
    if ", " in record["commit"]:
        text += " Versions and processor are those of the last run."
    return f"\nPython {record['python']}, {names}.\n{text}\n"


def speed():
    if not (RESULTS / "speed.json").exists():
        return ""
    record = load("speed")
    results = pd.DataFrame(record["results"])
    peers = [name for name in ("deepctr-torch", "torch-rechub") if name in results]
    results["ratio"] = results["estimator"] / results[peers].max(axis=1)
    rows = []
    names = ["estimator", "estimator, bfloat16", "its own steps", "plain loop", *peers, "products"]
    shape = ["n_tasks", "n_specific", "n_shared", "experts", "tower", "batch_size"]
    results["experts"] = results["experts"].map(lambda widths: "-".join(map(str, widths)))
    for of_shape, runs in results.groupby(shape, sort=False):
        n_tasks, n_specific, n_shared, experts, tower, batch_size = of_shape
        row = {
            "tasks": n_tasks,
            "experts": f"{n_specific} + {n_shared}",
            "units": f"{experts}/{tower}",
            "batch": batch_size,
        }
        row |= {name: f"{runs[name].median() / 1000:.1f}" for name in names if name in runs}
        low, middle, high = runs["ratio"].quantile([0, 0.5, 1])
        rows.append(row | {"ratio": f"{middle:.2f} ({low:.2f} to {high:.2f})"})
    text = texts.SPEED.format(n=results["repeat"].nunique())
    return text + table(pd.DataFrame(rows).set_index("tasks")) + versions(record)


def grid_search():
    record = load("grid_search")
    runs = pd.DataFrame(record["results"]).groupby("grid", sort=False)
    median = runs[["seconds", "cpu_seconds"]].median()
    rows = pd.DataFrame(
        {"seconds": median["seconds"].round(1), "CPU seconds": median["cpu_seconds"].round(1)}
    )
    return texts.GRID.format(n=int(runs.size().min())) + table(rows) + versions(record)


def ablation():
    record = load("ablation")
    runs = pd.DataFrame(record["results"])
    changes = list(dict.fromkeys(runs["change"]))
    rows = pd.DataFrame(index=pd.Index(changes, name="change"))
    for name, run in runs.groupby("data", sort=False):
        of_change = run.groupby("change")
        mean, deviation = of_change["mean_score"].mean(), of_change["mean_score"].std()
        scores = mean.loc[changes].map("{:.4f}".format)
        if deviation["defaults"] > 0:
            scores["defaults"] += f" ({deviation['defaults']:.4f})"
        title = texts.DATA_SETS[name][0]
        rows[title] = scores
        rows[f"{title}, s"] = of_change["cpu_seconds"].mean().loc[changes].map("{:.0f}".format)
    n_seeds = runs.groupby("data", sort=False)["seed"].nunique()
    seeds = ", ".join(f"{texts.DATA_SETS[name][0]} {n}" for name, n in n_seeds.items())
    text = texts.ABLATION.format(seeds=seeds).replace("{table}", table(rows))
    return text + versions(record)


def frontier():
    record = load("frontier")
    runs = pd.DataFrame(record["results"])
    kind = "test" if "test" in set(runs["rows"]) else "validation"
    runs = runs[runs["rows"] == kind].rename(columns={"fit_cpu_seconds": "seconds"})
    means = runs.groupby(["data", "model"], sort=False)[["score", "seconds"]].mean()
    titles = {
        name: (
            title,
            "{:,} × {}, {} tasks".format(*one[["n_rows", "n_columns", "n_tasks"]].iloc[0]),
        )
        for name, (title, *_) in (texts.DATA_SETS | texts.MULAN_SETS).items()
        if len(one := runs[runs["data"] == name])
    }
    ranks = frontier_ranks(runs[runs["model"].isin(SUMMARY)])
    for picture, inks in INKS.items():
        draw_summary(ranks, N_MEMBERS, PICTURE.with_name(f"{picture}.svg"), *inks)
    text = texts.FRONTIER.format(rows=texts.ROWS[kind])
    for sets, picture, about in (
        (texts.DATA_SETS, "frontier", texts.FRONTIER_RANKS),
        (texts.MULAN_SETS, "frontier_small", texts.FRONTIER_SMALL),
    ):
        some = {name: title for name, title in titles.items() if name in sets}
        if some:
            ranks = frontier_ranks(runs[runs["data"].isin(sets)])
            draw_frontier(means, some, N_MEMBERS, PICTURE.with_name(f"{picture}.png"), ranks)
            text += about
    cells = means.apply(lambda row: f"{row['score']:.3f}, {row['seconds']:.3g} s", axis=1)
    models = [name for name in MODELS if name in set(runs["model"])]
    rows = cells.unstack("model").loc[list(titles), models].fillna("not run")
    rows.index = pd.Index([title for title, _ in titles.values()], name="set")
    return text + texts.FRONTIER_TABLE + table(rows) + versions(record)


def frontier_ranks(runs):
    """Rank every model among those of other libraries and our defaults, on sets where all ran.

    A model that ran on less than half of the sets has no rank, and does not count for that. Others
    of ours take the place of the defaults. Costs are relative to LightGBM's, geometric means.
    """
    sets = runs.groupby("model")["data"].nunique()
    runs = runs[runs["model"].isin(sets.index[sets >= sets.max() / 2])]
    models = runs.groupby("data")["model"].nunique()
    runs = runs[runs["data"].isin(models.index[models == models.max()])]
    scores = {
        name: pd.DataFrame(run["scores"].tolist()).groupby(run["model"].to_numpy()).mean()
        for name, run in runs.groupby("data", sort=False)
    }
    scores = pd.concat(scores, axis=1, names=["data", "task"])
    seconds = np.log(runs.groupby(["model", "data"])["seconds"].mean().unstack())
    costs = np.exp((seconds - seconds.loc[BESIDE[0]]).mean(axis=1))
    field = [name for name in BESIDE if name in scores.dropna().index]
    default = [name for name in N_MEMBERS if name in scores.index][:1]
    ranks = {}
    for name in scores.index:
        among = [*field, *default] if name in BESIDE else [*field, name]
        summary, _ = mean_ranks(scores.loc[list(dict.fromkeys([*among, name]))])
        ranks[name] = summary.loc[name, "by data set"]
    return pd.DataFrame({"rank": ranks, "cost": costs})


def growth():
    record = load("growth")
    runs = pd.DataFrame(record["results"]).rename(columns={"fit_cpu_seconds": "seconds"})
    columns = ["seconds", "score", "extra_mb"]
    means = runs.groupby(["axis", "size", "model"], sort=False)[columns].mean().reset_index()
    slopes = {
        key: np.polyfit(np.log(line["size"]), np.log(line["seconds"]), 1)[0]
        for key, line in means.groupby(["axis", "model"])
    }
    draw_growth(means, texts.GROWTH_AXES, slopes, PICTURE.with_name("growth.png"))
    by_rows = means[means["axis"] == "rows"].pivot(index="size", columns="model")
    shown = pd.DataFrame(index=pd.Index(by_rows.index.map("{:,}".format), name="rows"))
    for model in by_rows.columns.unique("model")[::-1]:
        for name, title, digits in (
            ("score", "score", ".3f"),
            ("seconds", "fit, s", ".3g"),
            ("extra_mb", "extra, MB", ".0f"),
        ):
            cells = by_rows[name, model].map(lambda x, d=digits: "" if np.isnan(x) else f"{x:{d}}")
            shown[f"{model}: {title}"] = cells.to_numpy()
    text = texts.GROWTH.format(seeds=runs["seed"].nunique())
    return text + table(shown) + versions(record)


def memory():
    record = load("memory")
    rows = pd.DataFrame(record["results"]).set_index("form")
    rows.index.name = "X"
    shown = pd.DataFrame(
        {
            "X, MB": rows["X"].map("{:.0f}".format),
            "extra, MB": rows["extra"].map("{:.0f}".format),
            "extra / X": rows["extra / X"].map("{:.2f}".format),
        }
    )
    return texts.MEMORY + table(shown) + versions(record)


def latency():
    record = load("latency")
    every = pd.DataFrame(record["results"])
    one = every[every["p50_ms"].notna()].set_index("what")
    shown = pd.DataFrame(
        {
            "p50, ms": one["p50_ms"].map("{:.2f}".format),
            "p99, ms": one["p99_ms"].map("{:.2f}".format),
            "p50 / LightGBM's": one["times_lightgbm"].map("{:.2f}".format),
        }
    )
    shown.index.name = "one row"
    many = every[every["p50_ms"].isna()]
    rates = pd.DataFrame(
        {
            "threads": many["threads"].map("{:.0f}".format),
            "million rows a second": (many["rows_per_second"] / 1e6).map("{:.2f}".format),
            "a CPU second": (many["rows_per_cpu_second"] / 1e6).map("{:.2f}".format),
        }
    )
    rates.index = pd.Index(many["numeric_embedding"], name="numeric_embedding")
    return texts.LATENCY + table(shown) + texts.THROUGHPUT + table(rates) + versions(record)


def streaming():
    record = load("streaming")
    rows = pd.DataFrame(record["results"])
    rows = rows[rows["rows"].notna()]
    places = {"files": "files", "memory": "in memory"}
    shown = pd.DataFrame(
        {
            "read from": rows["where"].map(places),
            "peak of fit, MB": rows["peak of fit"].map("{:.0f}".format),
            "before training, s": rows["seconds before training"].map("{:.0f}".format),
            "rows/s, training": rows["rows a second, training"].map("{:,.0f}".format),
            "rows/s, prediction": rows["rows a second, prediction"].map("{:,.0f}".format),
            "score": rows["score"].map("{:.4f}".format),
        }
    )
    shown = shown.replace("nan", "–")
    shown.index = pd.Index(rows["rows"].map("{:,.0f}".format), name="rows")
    scan = rows["rows a second, bare scan"].median()
    return texts.STREAMING.format(scan=scan) + table(shown) + versions(record)


def calibration():
    record = load("calibration")
    runs = pd.DataFrame(record["results"]).replace({"method": {"none": "as fitted"}})
    means = runs.groupby(["task", "model", "method"], sort=False)[
        ["ece", "ece_quantile", "log_loss", "accuracy"]
    ].mean()
    shown = pd.DataFrame(
        {
            "network": means.index.get_level_values("model"),
            "probabilities": means.index.get_level_values("method"),
            "error, equal widths": (100 * means["ece"]).map("{:.2f}".format).to_numpy(),
            "error, equal numbers": (100 * means["ece_quantile"]).map("{:.2f}".format).to_numpy(),
            "log loss": means["log_loss"].map("{:.4f}".format).to_numpy(),
            "accuracy": means["accuracy"].map("{:.4f}".format).to_numpy(),
        },
        index=pd.Index(means.index.get_level_values("task"), name="task"),
    )
    return texts.CALIBRATION.format(n=runs["seed"].nunique()) + table(shown) + versions(record)


def coverage():
    record = load("coverage")
    runs = pd.DataFrame(record["results"])
    tasks = runs.groupby(["data", "method", "task"], sort=False)[["coverage", "width"]].mean()
    groups = tasks.groupby(["data", "method"], sort=False)
    titles = {name: own[0] for name, own in (texts.DATA_SETS | texts.MULAN_SETS).items()}
    least, mean, most = (getattr(groups["coverage"], f)() for f in ("min", "mean", "max"))
    shown = pd.DataFrame(
        {
            "intervals": least.index.get_level_values("method"),
            "tasks": groups.size().to_numpy(),
            "coverage": [
                f"{m:.3f} ({a:.3f} to {b:.3f})" for a, m, b in zip(least, mean, most, strict=True)
            ],
            "width": groups["width"].mean().map("{:.2f}".format).to_numpy(),
        },
        index=pd.Index([titles[name] for name, _ in least.index], name="data"),
    )
    splits = runs.groupby("data")["seed"].nunique()
    text = texts.COVERAGE.format(least=splits.min(), most=splits.max())
    return text + table(shown) + versions(record)


def survival():
    record = load("survival")
    runs = pd.DataFrame(record["results"])
    means = runs.groupby("model", sort=False)[["concordance", "brier", "cpu_seconds"]].mean()
    text = {
        "concordance": "{:.3f}".format,
        "brier": "{:.4f}".format,
        "cpu_seconds": "{:.2g}".format,
    }
    shown = pd.DataFrame({name: means[name].map(form) for name, form in text.items()})
    shown = shown.where(means.notna(), "–").rename(
        columns={"brier": "Brier score", "cpu_seconds": "CPU seconds"}
    )
    head = texts.SURVIVAL.format(n=runs["seed"].nunique())
    return head + table(shown) + versions(record)


def accuracy():
    record = load("accuracy")
    rows = pd.DataFrame(record["results"])
    runs = {
        name: rows[rows["data"] == name] for name in texts.DATA_SETS if name in set(rows["data"])
    }
    scores = {name: pd.DataFrame(run["scores"].tolist()) for name, run in runs.items()}
    means = pd.concat(
        {name: scores[name].groupby(run["model"].to_numpy()).mean() for name, run in runs.items()},
        axis=1,
        names=["data", "task"],
    )
    summary, by_data = mean_ranks(means)
    draw(summary, by_data, {name: texts.DATA_SETS[name][0] for name in runs}, PICTURE)
    text = texts.ACCURACY.format(
        n=len(runs),
        tasks=means.shape[1],
        picture=PICTURE.name,
        ranked=int(summary["tasks"].max()),
    )
    digits = {name: summary[name].map("{:.2f}".format) for name in ("by task", "by data set")}
    text += table(summary.assign(**digits)) + texts.SCORES
    for name, run in runs.items():
        title, n_digits, about = texts.DATA_SETS[name]
        ranks = means[name].dropna().rank(ascending=False).mean(axis=1)
        order = ranks.sort_values(kind="stable").index
        text += f"\n{title}\n{'~' * len(title)}\n\n{about}\n"
        text += table(one_data_set(run, scores[name], order, n_digits))
    return text + versions(record)


def one_data_set(runs, scores, order, n_digits):
    """Make the rows of a data set's table, the best mean of each task being bold."""
    by_model = runs["model"].to_numpy()
    mean = scores.groupby(by_model).mean().loc[order]
    deviation = scores.groupby(by_model).std().loc[order]

    def cell(value, deviation, best):
        text = f"{value:.{n_digits}f}"
        text = f"**{text}**" if text == f"{best:.{n_digits}f}" else text
        return text if np.isnan(deviation) else f"{text} ± {deviation:.{n_digits}f}"

    rows = pd.DataFrame(index=pd.Index(order, name="model"))
    for task in scores:
        cells = zip(mean[task], deviation[task], strict=True)
        rows[task.removesuffix("_48H__0")] = [cell(m, s, mean[task].max()) for m, s in cells]
    for step in ("fit", "predict"):
        seconds = runs.groupby("model")[f"{step}_cpu_seconds"].mean().loc[order]
        rows[f"{step}, s"] = seconds.map(lambda s: f"{s:.2g}" if s < 100 else f"{s:.0f}")
    return rows.assign(seeds=runs.groupby("model").size().loc[order])


if __name__ == "__main__":
    sections = (
        frontier,
        accuracy,
        ablation,
        growth,
        memory,
        streaming,
        speed,
        latency,
        grid_search,
        calibration,
        coverage,
        survival,
    )
    there = [section for section in sections if (RESULTS / f"{section.__name__}.json").exists()]
    PAGE.write_text(texts.HEAD + "".join(section() for section in there))
