"""What a fit costs and what each default is worth; what a fitted model does."""

from functools import cache

import numpy as np
import pandas as pd

from ..comparisons import CHEAPEST, OURS, mean_scores, ran_nearly_everywhere, results
from ..data_sets import SETS
from .cells import MISSING, SHORT, TITLES, cells, change, mark, named, seconds, times

#: The models whose scores are measured over the number of rows.
SIZED = ("PLE", "LightGBM", "CatBoost", "Ridge")


def changes(name, column, first):
    """Make a table of mean scores with each change by data set, and of the cost of each change."""
    runs = results(name)
    by_change = runs.groupby([column, "data"])
    # In the order of the results, which unstack changes differently in each version of pandas.
    places = runs[column].unique(), runs["data"].unique()
    means = by_change[["mean_score", "cpu_seconds"]].mean()
    score, spent = (means[part].unstack().loc[places] for part in means)
    more = (score - score.loc[first]).mean(axis=1)
    ratio = np.exp(np.log(spent / spent.loc[first]).mean(axis=1))
    shown = score.map("{:.4f}".format)
    deviation = by_change["mean_score"].std().unstack().loc[first]
    shown.loc[first] += deviation.map(" ± {:.4f}".format)
    shown["mean change"] = more.map(lambda value: change(value, 4))
    shown["CPU time"] = ratio.map(times)
    yield name, shown.rename(columns=TITLES)


def ablation():
    yield from changes("ablation", "change", "defaults")


def gates():
    yield from changes("gates", "network", "PLE")


@cache
def growth_lines():
    """Return the means by axis, size and model, and the slopes of the lines in logarithms."""
    runs = results("growth").rename(columns={"fit_cpu_seconds": "seconds"})
    columns = ["seconds", "score", "extra_mb"]
    means = runs.groupby(["axis", "size", "model"], sort=False)[columns].mean().reset_index()
    slopes = {
        key: np.polyfit(np.log(line["size"]), np.log(line["seconds"]), 1)[0]
        for key, line in means.groupby(["axis", "model"])
    }
    return means, pd.Series(slopes)


def growth():
    means, slopes = growth_lines()
    shown = (2**slopes).unstack().loc[["rows", "columns", "tasks", "experts", "members"]]
    forms = {f"{OURS}|PLE": times, f"{CHEAPEST}|LightGBM": times}
    yield "growth", cells(shown, **forms).rename_axis("twice as many")

    by_rows = means[means["axis"] == "rows"]
    forms = {"score|score": "{:.3f}", "seconds|fit, s": seconds, "extra_mb|extra, MB": "{:,.0f}"}
    parts = [
        cells(by_rows[by_rows["model"] == model].set_index("size"), **forms).add_prefix(
            f"{name}: "
        )
        for model, name in ((OURS, "PLE"), (CHEAPEST, "LightGBM"))
    ]
    yield "growth_rows", pd.concat(parts, axis=1).rename("{:,}".format).rename_axis("rows")


def sizes():
    runs = results("sizes")
    generated = ~runs["data"].isin(SETS)
    for name, own in (("sizes_real", runs[~generated]), ("sizes_generated", runs[generated])):
        by_size = own.groupby("n_rows")
        shown = pd.DataFrame([average(of_size) for _, of_size in by_size], list(by_size.groups))
        names = [model for model in SIZED if model in shown]
        forms = {"tables": "{:.0f}"} | dict.fromkeys(names, "{:.3f}")
        forms |= {f"{model}, s": seconds for model in names if model != "Ridge"}
        yield name, cells(shown, **forms).rename("{:,}".format).rename_axis("rows")


def average(runs):
    """Average runs with as many rows over the tables and seeds that all models have.

    Only models that were fitted to nearly all tables count.
    """
    fits = runs.pivot(index=["data", "seed"], columns="model", values=["score", "fit_cpu_seconds"])
    shares = fits["score"].notna().groupby("data").any().mean()
    fits = fits.loc[:, (slice(None), shares.index[shares > 0.8])].dropna()
    means = fits.groupby("data").mean().mean()
    spent = means["fit_cpu_seconds"].add_suffix(", s")
    return {"tables": fits.index.get_level_values("data").nunique(), **means["score"], **spent}


def memory():
    forms = {"X|X, MB": "{:.0f}", "extra|extra, MB": "{:.0f}", "extra / X|extra / X": "{:.2f}"}
    yield "memory", cells(results("memory").set_index("form"), **forms).rename_axis("X")


def streaming():
    every = results("streaming").replace({"where": {"memory": "in memory"}})
    rows = every[every["rows"].notna()].set_index("rows").rename("{:,.0f}".format)
    forms = {
        "where|read from": str,
        "peak of fit|peak of fit, MB": "{:,.0f}",
        "seconds before training|before training, s": "{:.0f}",
        "rows a second, training|rows/s, training": "{:,.0f}",
        "rows a second, prediction|rows/s, prediction": "{:,.0f}",
        "score|score": "{:.4f}",
    }
    yield "streaming", cells(rows, **forms)

    rows = every[every["rows"].isna()].set_index("system")
    known = rows[:1].rename(lambda _: "true probabilities")
    known = known.assign(scores=known["ceiling"], seconds=np.nan, where=MISSING)
    rows = pd.concat([rows, known])
    aucs = {name: [own[name] for own in rows["scores"]] for name in ("CTR", "CTCVR")}
    rows = rows.assign(minutes=rows["seconds"] / 60, **aucs)
    forms = {"where|read from": str, "minutes|minutes of fit": "{:.1f}"}
    forms |= {"CTR|AUC of CTR": "{:.4f}", "CTCVR|AUC of CTCVR": "{:.4f}"}
    yield "impressions", cells(rows, **forms).rename_axis("estimator")


def speed():
    every = results("speed")
    every["experts"] = every["experts"].map(lambda widths: "-".join(map(str, widths)))
    shape = ["n_tasks", "n_specific", "n_shared", "experts", "tower", "batch_size"]
    peers = ["deepctr-torch", "torch-rechub"]
    columns = []
    for of_shape, runs in every.groupby(shape, sort=False):
        n_tasks, n_own, n_shared, experts, tower, batch_size = of_shape
        own = {"network": f"{n_tasks} tasks", "experts": f"{n_own} + {n_shared}"}
        own |= {"units": f"{experts}/{tower}", "batch": batch_size}
        for name in ("estimator", "estimator, bfloat16", *peers):
            own[name] = f"{runs[name].median() / 1000:.1f}"
        low, middle, high = (runs["estimator"] / runs[peers].max(axis=1)).quantile([0, 0.5, 1])
        columns.append(own | {"ratio": f"{middle:.2f} ({low:.2f} to {high:.2f})"})
    shown = pd.DataFrame(columns).T
    yield "speed", shown[1:].set_axis(shown.loc["network"], axis=1).rename_axis("network")


def n_jobs():
    by_jobs = results("n_jobs").pivot(index="n_rows", columns="n_jobs", values="seconds")
    shown = by_jobs.map("{:.2f}".format).rename("{:,}".format).rename_axis("rows")
    yield "n_jobs", shown.rename(columns="n_jobs={}, s".format)


def latency():
    one = results("latency").set_index("what")
    # ONNX Runtime reads arrays.
    kinds = ["data frame" if name.endswith("data frame") else "array" for name in one.index]
    trees = one.loc[[f"LightGBM per task, {kind}" for kind in kinds], "p50_ms"]
    forms = {"p50_ms|p50, ms": "{:.2f}", "p99_ms|p99, ms": "{:.2f}"}
    forms |= {"ratio|p50 / LightGBM's": "{:.2f}"}
    one = one.assign(ratio=one["p50_ms"] / trees.to_numpy())
    yield "latency", cells(one, **forms).rename_axis("one row")


def calibration():
    runs = results("calibration").replace({"method": {"none": "as fitted"}})
    errors = ["ece", "ece_quantile", "log_loss", "accuracy"]
    means = runs.groupby(["model", "method"], sort=False)[errors].mean().reset_index("method")
    means[["ece", "ece_quantile"]] *= 100
    forms = {"method|probabilities": str, "ece|error, equal widths": "{:.2f}"}
    forms |= {"ece_quantile|error, equal numbers": "{:.2f}", "log_loss|log loss": "{:.4f}"}
    forms |= {"accuracy|accuracy": "{:.4f}"}
    yield "calibration", cells(means, **forms).rename_axis("network")

    runs = results("accuracy")
    runs = runs[runs["log_losses"].map(bool)]
    losses, errors = (mean_scores(runs, name) for name in ("log_losses", "calibration_errors"))
    # As for the ranks: the models that ran nearly everywhere, on the tasks common to them.
    losses = losses[ran_nearly_everywhere(losses)].dropna(axis=1)
    errors = 100 * errors.loc[losses.index, losses.columns]
    found = {
        name: own.T.groupby(level="data").mean().mean()
        for name, own in {"loss": losses, "error": errors}.items()
    }
    found["least"] = (losses == losses.min()).sum(axis=1)
    forms = {"loss|log loss": "{:.3f}", "error|error, percentage points": "{:.1f}"}
    forms |= {f"least|least of {losses.shape[1]} tasks": str}
    shown = cells(pd.DataFrame(found).sort_values("loss"), **forms)
    yield "probabilities", shown.rename(SHORT).rename_axis("model")


def coverage():
    runs = results("coverage")
    by_task = runs.groupby(["data", "method", "task"], sort=False)[["coverage", "width"]].mean()
    groups = by_task.groupby(["data", "method"], sort=False)
    ends = groups["coverage"].agg(["mean", "min", "max"])
    share = ends.apply(lambda row: "{:.3f} ({:.3f} to {:.3f})".format(*row), axis=1).unstack()
    width = groups["width"].mean().map("{:.2f}".format).unstack()
    parts = []
    for method in ("conformal", "standard deviation", "quantiles"):
        parts += [share[method], width[method].rename(f"width, {method}")]
    yield "coverage", named(pd.concat(parts, axis=1).fillna(MISSING))


def known():
    runs = results("known")
    means = runs.groupby(["model", "data"], sort=False).mean(numeric_only=True)
    for way in ("others", "half"):
        ends = zip(means[f"{way}_low"], means[f"{way}_high"], strict=True)
        marks = [mark({"low": low, "high": high}) for low, high in ends]
        marked = zip(means[way], marks, strict=True)
        means[f"{way}_shown"] = [f"{value:.3f}{sign}" for value, sign in marked]
    network, blend = means.loc["network"], means.loc["blend"]
    forms = {"others_blind|from X alone": "{:.3f}", "others_shown|all others known": "{}"}
    forms |= {"half_blind|X alone": "{:.3f}", "half_shown|half known": "{}"}
    forms |= {"used|tasks that gain": lambda share: f"{100 * share:.0f} %"}
    shown = cells(network, **forms)
    shown["blend, all others known"] = blend["others_shown"].reindex(shown.index).fillna(MISSING)
    yield "known", named(shown)


def joint():
    runs = results("joint")
    runs["size"] = np.log(runs["size"])
    means = runs.groupby(["way", "data"], sort=False).mean(numeric_only=True)
    means["size"] = np.exp(means["size"])
    ways = means.index.unique("way")
    shown = cells(means.loc["joint"], **{"rows|rows": "{:,.0f}", "tasks|numbers": "{:.0f}"})
    for way in ways:
        pairs = means.loc[way, ["coverage", "size"]].itertuples(index=False)
        shown[way] = ["{:.3f} ({:.2f})".format(*pair) for pair in pairs]
    yield "joint", named(shown)

    # Held-out rows of River flow are later than all others.
    of_way = means[(means["rows"] >= 800)].drop("rf1", level="data").groupby("way", sort=False)
    found = (
        of_way["coverage"]
        .agg(["mean", "min", "max"])
        .assign(
            size=np.exp(of_way["size"].agg(lambda sizes: np.log(sizes).mean())),
            worst=of_way["worst_slice"].mean(),
        )
    )
    forms = {"mean|coverage": "{:.3f}", "min|least": "{:.3f}", "max|most": "{:.3f}"}
    forms |= {"size|size": "{:.2f}", "worst|in the worst fifth": "{:.3f}"}
    yield "regions", cells(found, **forms).rename_axis("region")


def survival():
    means = results("survival").groupby("model", sort=False).mean(numeric_only=True)
    forms = {"concordance|concordance": "{:.3f}", "brier|Brier score": "{:.4f}"}
    yield "survival", cells(means, **forms, **{"cpu_seconds|CPU seconds": "{:.2g}"})


def verdicts():
    """Show errors of the verdicts and what they find, of five folds and of repeats of these."""
    runs = results("verdicts")
    runs["models"] = runs["model"] + ", " + runs["n_rows"].astype(str) + " rows"
    keys, measured = ["kind", "models"], ["found", "found_by_folds", "found_at_best"]
    forms = {"models": str, "found 0.0|error, %": "{:.1f}"}
    forms |= {"found_by_folds 0.0|error by folds alone": "{:.1f}", "found 0.3|found, %": "{:.0f}"}
    forms |= {"found_by_folds 0.3|found by folds alone": "{:.0f}"}
    forms |= {"found_at_best 0.3|found at best": "{:.0f}"}
    for n_repeats, repeated in runs.groupby("n_repeats"):
        order = pd.MultiIndex.from_frame(repeated[keys].drop_duplicates())
        found = 100 * repeated.pivot(index=keys, columns="loss", values=measured).loc[order]
        found.columns = [f"{name} {loss}" for name, loss in found.columns]
        found.loc[("mean", ""), :] = found.mean()
        name = "verdicts" if n_repeats == 1 else "verdicts_repeated"
        yield name, cells(found.reset_index("models"), **forms).rename_axis("target")


def learnable():
    """Show errors and times of tables with little noise, by table and number of rows."""
    runs = results("learnable")
    keys = ["data", "n_rows"]
    places = pd.Categorical(runs["data"], runs["data"].unique())
    order = runs.assign(place=places).sort_values(["place", "n_rows"])[keys].drop_duplicates()
    order = pd.MultiIndex.from_frame(order)
    found = runs.groupby([*keys, "model"], dropna=False)[["error", "fit_cpu_seconds"]].mean()
    found = found.unstack().loc[order]
    limited = "PLE in CatBoost's time"
    names = [name for name in SIZED if name in found["error"]]
    spent = found["fit_cpu_seconds"].add_suffix(" seconds")
    shown = found["error"].join(spent)
    shown.index = [name if np.isnan(n) else f"{name}, {n:,.0f} rows" for name, n in shown.index]
    forms = dict.fromkeys([*names, limited], error)
    forms |= {f"{name} seconds|{name}, s": seconds for name in ("PLE", "CatBoost")}
    yield "learnable", cells(shown, **forms).rename(str.capitalize).rename_axis("table")


def error(value):
    """Write an error with two digits, or three if it is large."""
    return f"{value:.3f}" if value >= 0.1 else f"{value:.2g}"


PARTS = (ablation, gates, sizes, learnable, growth, memory, streaming, speed, n_jobs)
PARTS += (latency, calibration, coverage, known, joint, survival, verdicts)
