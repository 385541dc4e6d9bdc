"""What a fitted model does: latency, calibration, intervals and censored times."""

import pandas as pd
import texts
from ranks import ran_nearly_everywhere

from page.rst import (
    counted,
    counted_each,
    is_there,
    listed,
    load,
    mean_scores,
    section,
    short,
    table,
    times,
    title_of,
)

#: Sets whose 90 % intervals contain a smaller share of the labels than this are named.
FEW = 0.85


def latency_rows():
    """Return the times of one row, also divided by LightGBM's, and the rates of many rows.

    ONNX Runtime reads arrays, so its times are divided by those of LightGBM on an array.
    """
    every = pd.DataFrame(load("latency")["results"])
    one = every[every["p50_ms"].notna()].set_index("what")
    forms = ["data frame" if name.endswith("data frame") else "array" for name in one.index]
    lightgbm = one.loc[[f"LightGBM per task, {form}" for form in forms], "p50_ms"]
    one = one.assign(times_lightgbm=one["p50_ms"] / lightgbm.to_numpy())
    return one, every[every["p50_ms"].isna()]


def latency_in_words():
    one, _ = latency_rows()
    ways = one.drop(index=[name for name in one.index if name.startswith("LightGBM")])
    cells = [
        f"{row['p50_ms']:.2g} ms ({name.removeprefix('predict, ')}; "
        f"{times(row['times_lightgbm'])} times LightGBM's)"
        for name, row in ways.iterrows()
    ]
    return f"**Latency.** To predict the six tasks of one row takes {listed(cells)}."


def latency(images):
    one, many = latency_rows()
    shown = pd.DataFrame(
        {
            "p50, ms": one["p50_ms"].map("{:.2f}".format),
            "p99, ms": one["p99_ms"].map("{:.2f}".format),
            "p50 / LightGBM's": one["times_lightgbm"].map("{:.2f}".format),
        }
    )
    shown.index.name = "one row"
    rates = pd.DataFrame(
        {
            "threads": many["threads"].map("{:.0f}".format),
            "million rows a second": (many["rows_per_second"] / 1e6).map("{:.2f}".format),
            "million rows a CPU second": (many["rows_per_cpu_second"] / 1e6).map("{:.2f}".format),
        }
    )
    rates.index = pd.Index(many["numeric_embedding"], name="numeric_embedding")
    answer = latency_in_words().removeprefix("**Latency.** ")
    text = section("Latency", f"{answer}\n{texts.LATENCY}")
    return text + table(shown) + texts.THROUGHPUT + table(rates)


def calibration(images):
    runs = pd.DataFrame(load("calibration")["results"]).replace({"method": {"none": "as fitted"}})
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
    own = runs[runs["model"] == "default"].groupby("method", sort=False)
    cells = [f"{100 * value:.2f} ({name})" for name, value in own["ece"].mean().items()]
    losses = [f"{value:.4f} ({name})" for name, value in own["log_loss"].mean().items()]
    text = (
        f"PLE with its defaults has an expected calibration error of {listed(cells)} percentage "
        f"points and a log loss of {listed(losses)}, averaged over the tasks.\n"
        f"{texts.CALIBRATION.format(seeds=counted(runs['seed'].nunique(), 'seed'))}"
    )
    return section("Calibration", text) + table(shown) + calibration_of_models()


def calibration_of_models():
    """Make a table of the errors of all models' probabilities, on all tasks with classes."""
    runs = pd.DataFrame(load("accuracy")["results"]) if is_there("accuracy") else pd.DataFrame()
    if "log_losses" not in runs:
        return ""
    runs = runs[runs["log_losses"].map(bool)]
    losses, errors = (
        mean_scores(runs.assign(scores=runs[name]))
        for name in ("log_losses", "calibration_errors")
    )
    # As for the ranks: the models that ran nearly everywhere, on the tasks common to them.
    losses = losses[ran_nearly_everywhere(losses)].dropna(axis=1)
    errors = errors.loc[losses.index, losses.columns]
    least = (losses == losses.min()).sum(axis=1)
    by_set = [own.T.groupby(level="data").mean().mean() for own in (losses, errors)]
    order = by_set[0].sort_values().index
    shown = pd.DataFrame(
        {
            "log loss": by_set[0][order].map("{:.3f}".format),
            "error, percentage points": (100 * by_set[1][order]).map("{:.1f}".format),
            "least log loss on": least[order].map(lambda n: counted(n, "task")),
        }
    ).rename(short)
    n_sets = losses.columns.get_level_values("data").nunique()
    tasks = counted(losses.shape[1], "task")
    text = texts.CALIBRATION_OF_MODELS.format(tasks=tasks, n_sets=n_sets)
    return text + table(shown.rename_axis("model"))


def coverage(images):
    runs = pd.DataFrame(load("coverage")["results"])
    tasks = runs.groupby(["data", "method", "task"], sort=False)[["coverage", "width"]].mean()
    groups = tasks.groupby(["data", "method"], sort=False)
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
        index=pd.Index([title_of(name) for name, _ in least.index], name="data set"),
    )
    conformal = mean.xs("conformal", level="method").sort_values()
    few = conformal[conformal < FEW]
    few = [f"{title_of(name)} ({100 * value:.0f} %)" for name, value in few.items()]
    answer = (
        "Conformal intervals that should contain 90 % of the labels contain "
        f"{100 * conformal.median():.0f} % in the median of {len(conformal)} sets"
        + (f", but fewer than {100 * FEW:.0f} % on {listed(few)}." if few else ".")
    )
    splits = runs.groupby("data")["seed"].nunique()
    text = f"{answer}\n{texts.COVERAGE.format(splits=counted_each(splits, 'time'))}"
    return section("Intervals", text) + table(shown)


def survival(images):
    runs = pd.DataFrame(load("survival")["results"])
    means = runs.groupby("model", sort=False)[["concordance", "brier", "cpu_seconds"]].mean()
    forms = {
        "concordance": "{:.3f}".format,
        "brier": "{:.4f}".format,
        "cpu_seconds": "{:.2g}".format,
    }
    shown = pd.DataFrame({name: means[name].map(form) for name, form in forms.items()})
    shown = shown.where(means.notna(), "–").rename(
        columns={"brier": "Brier score", "cpu_seconds": "CPU seconds"}
    )
    others = means[~means.index.str.startswith("PLE")]["concordance"]
    answer = (
        f"PLE has a concordance of {means.loc['PLE', 'concordance']:.3f}, and the best of the "
        f"other models {others.max():.3f} ({others.idxmax()})."
    )
    text = f"{answer}\n{texts.SURVIVAL.format(seeds=counted(runs['seed'].nunique(), 'seed'))}"
    return section("Censored times", text) + table(shown)
