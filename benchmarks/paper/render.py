"""Render the results of the paper's experiments as docs/paper.rst."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from common import RESULTS
from render import load, table, versions

from paper.systems import REFERENCE, SYSTEMS
from sklearn_ple.inspection import MTLGain, MTLGainDisplay

PAGE = RESULTS.parents[1] / "docs" / "paper.rst"
IMAGES = PAGE.parent / "images"
# Side by side, the systems' seeds can be distinguished.
OFFSETS = (-0.02, -0.01, 0, 0.01, 0.02)
HEAD = """The paper's experiments
=======================

Does sharing help each task, and which way of sharing? H. Tang, J. Liu, M. Zhao and X. Gong
("Progressive Layered Extraction (PLE)", RecSys 2020) answer it with ten systems. All ten are
estimators here; this page has their experiments again, by the scripts in ``benchmarks/paper/``.

In each comparison all systems have as many parameters as PLE with two levels, embeddings apart
(:func:`~sklearn_ple.capacity.equal_capacity`), and as in the paper no ``linear_path``; all else is
by default, as it was before outliers among numbers were clipped and members differed in the steps
of numbers. A gain is the score less that of the single-task network with the same seed, and an
interval that of Student with 95 % confidence over the seeds, so it does not tell what other test
rows would give.

What they show:

- **Few rows, labels missing (SUPPORT2): sharing pays**, by up to .014. All nine systems gain on
  hospdead and slos, and all but cross-stitch on death. No loss is beyond chance: hard sharing,
  asymmetric sharing and cross-stitch are .001 to .003 below single-task on sfdm2.
- **Many rows (Census-Income): it hardly does.** The mean gains of all systems are positive on both
  tasks with either set of features, but at most .0006 on income and .0001 on marital. Sluice and
  cross-stitch are above zero everywhere. PLE is on marital (with education), not on income: two of
  five seeds lose. With CGC and ML-MMoE it gains least on income; those that gain most, sluice,
  customized sharing and cross-stitch, have no gates. The paper's .0077 / .0022 were not found. Its
  single-task network has .9445 on income, trained on three times as many rows, ours .9542: what
  sharing made up for there, embeddings of numbers, averaged weights and four members seem to make
  up for here.
- **Synthetic tasks: PLE gains on both tasks at every correlation**, as in the paper, and so does
  ML-MMoE, which has two levels too, by a little more. Of the systems with one level CGC gains more
  than MMoE, and hard sharing loses. So a good part of PLE's gain is that of its second level.
- **Levels**: each adds parameters and time, without a gain in score that exceeds chance. On
  Census-Income the tasks' gates are further apart at upper levels than at the first, on SUPPORT2
  about as far at all.
"""
COMPARISON = {
    "census": (
        "Census-Income",
        "Income and never married, in AUC, on the split of :doc:`benchmarks` (66,508 rows to "
        "train on). The papers train on 199,523 rows. {members}",
        {
            "PLE paper": "single-task .9445 / .9923, MMoE .9393 / .9928, PLE .9522 / .9945: a "
            "gain of .0077 / .0022",
            "MMoE paper": "single-task .9398 / .9933, hard sharing .9361 / .9915, cross-stitch "
            ".9406 / .9917, MMoE .9410 / .9926",
        },
    ),
    "census_no_education": (
        "Census-Income without education",
        "As above, without education among the features, as the papers have it. {members}",
        {},
    ),
    "support2": (
        "SUPPORT2",
        "Six tasks of three kinds with missing labels: AUC of hospdead, death and (mean over the "
        "classes) sfdm2, R² of the logarithms of slos, totcst and totmcst. A star: the interval "
        "excludes zero. {members}",
        {},
    ),
}
SYNTHETIC = """
Synthetic regressions
---------------------

Two regressions whose weights have a given cosine, after the MMoE paper
(:func:`~sklearn_ple.datasets.make_multitask`): 100,000 rows to train on, 50,000 to test, 512
features; {n} seeds, the small dots, and their means. Mean squared errors less that of single-task
networks, so below zero is better. The PLE paper, with 1.4 million rows: PLE gains on both tasks
at every correlation, on average .0054 / .0035, and MMoE .0040 / .0008. ML-MMoE and PLE have two
levels of experts here, and so a layer more than the others; CGC has one.

.. image:: images/paper_synthetic.png
   :alt: Change of the squared error of each task by the correlation of the tasks
"""
EXPERTS = """
How gates use experts
---------------------

Mean and standard deviation, over test rows, of the weights of every task's gate, with one expert
of each task's own and one shared at every level (MMoE: three shared), one seed. In the PLE paper
MMoE's tasks use all experts about alike, and those of CGC and PLE differ.

.. image:: images/paper_experts_census.png
   :alt: Weights of the experts in every task's gate on Census-Income

The same on SUPPORT2. There, as in the paper, MMoE's tasks use all experts about alike. Where tasks
have experts of their own they read these first, and the lengths and costs (slos, totcst, totmcst)
read the shared one more than the events do.

.. image:: images/paper_experts_support2.png
   :alt: Weights of the experts in every task's gate on SUPPORT2
"""
LEVELS = """
What a level costs, and what it brings, which the paper leaves open: PLE with one to four levels of
experts of 64. Separation is the distance of two tasks' gates (total variation, a mean over pairs
of tasks and rows; experts of one's own are not the other's), level by level: 0 if both weigh the
shared experts alone and alike. Milliseconds are for a batch of 1,024 rows on one thread.
"""


def frame(name):
    rows = pd.DataFrame(load(name)["results"])
    scores = pd.DataFrame(rows.pop("scores").tolist())
    return rows, scores


def gains(rows, scores):
    """Turn a setting's rows into an `MTLGain`."""
    tidy = scores.assign(system=rows["system"].to_numpy(), repeat=rows["seed"].to_numpy())
    tidy = tidy.melt(["system", "repeat"], var_name="task", value_name="score")
    return MTLGain.from_scores(tidy, reference=REFERENCE, repeats="over the seeds that both have")


def comparison():
    rows, scores = frame("paper_comparison")
    text = ""
    for setting, (title, about, published) in COMPARISON.items():
        own = rows[rows["setting"] == setting]
        own = own.sort_values("system", key=lambda column: column.map(list(SYSTEMS).index))
        if own.empty:
            continue
        members = f"Each system has {own['n_members'].iloc[0]} members."
        text += f"\n{title}\n{'-' * len(title)}\n\n{about.format(members=members)}\n"
        tasks = scores.loc[own.index].dropna(axis=1, how="all")
        gain = gains(own, tasks)
        picture = IMAGES / f"paper_{setting}.png"
        display = MTLGainDisplay.from_gain(gain)
        display.figure_.savefig(picture, dpi=150, bbox_inches="tight")
        text += f"\n.. image:: images/{picture.name}\n   :alt: Gain of every system on each task\n"
        text += table(gain_table(own, tasks, gain))
        for paper, figures in published.items():
            text += f"\n{paper}: {figures}.\n"
        text += "\nIn words::\n\n" + "".join(
            f"    {line}\n" for line in gain.summary().splitlines()
        )
    return text + versions(load("paper_comparison"))


def gain_table(rows, scores, gain):
    """Write a table of mean scores, gains with their intervals, sizes and seconds."""
    systems = rows["system"].to_numpy()
    order = list(dict.fromkeys(systems))
    means = scores.groupby(systems).mean().loc[order]
    by_system = gain.gains.set_index(["system", "task"])
    # Of many tasks there is room for a star alone.
    short = means.shape[1] > 2
    shown = pd.DataFrame(index=pd.Index(order, name="system"))
    for task in means:
        cells = []
        for system in order:
            cell = f"{means.loc[system, task]:.4f}"
            if system != REFERENCE:
                mean, low, high = by_system.loc[(system, task), ["mean", "low", "high"]]
                star = "*" if low > 0 or high < 0 else ""
                cell = f"{means.loc[system, task]:.3f} ({mean:+.3f}{star})" if short else cell
                cell += "" if short else f" ({mean:+.5f}: {low:+.5f} to {high:+.5f})"
            cells.append(cell)
        shown[task.replace("log ", "")] = cells
    runs = rows.groupby("system")
    shown["parameters"] = runs["n_parameters"].first().loc[order].map("{:,}".format)
    shown["seeds"] = runs.size().loc[order]
    shown["fit, s"] = runs["fit_cpu_seconds"].mean().loc[order].map("{:.0f}".format)
    return shown


def synthetic():
    rows, scores = frame("paper_synthetic")
    systems = [system for system in dict.fromkeys(rows["system"]) if system != REFERENCE]
    correlations = sorted(set(rows["setting"].astype(float)))
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 3.8), sharex=True, sharey=True, layout="constrained"
    )
    cells = {system: [] for system in systems}
    errors = scores.assign(system=rows["system"], seed=rows["seed"])
    errors["correlation"] = rows["setting"].astype(float)
    for ax, task in zip(axes, scores, strict=True):
        ax.axhline(0, color="0.6", lw=1)
        by_seed = errors.pivot_table(task, ["correlation", "seed"], "system")
        for system, offset, marker in zip(systems, OFFSETS, "osD^v", strict=False):
            change = by_seed[REFERENCE] - by_seed[system]
            mean = change.groupby("correlation").mean()
            (line,) = ax.plot(mean.index + offset, mean, marker=marker, ms=6, label=system)
            seeds = change.index.get_level_values("correlation") + offset
            ax.plot(seeds, change, ".", ms=4, color=line.get_color(), alpha=0.6)
            cells[system].append(-mean.to_numpy())
        ax.set(title=task, xlabel="correlation of the tasks")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("squared error less that of single-task")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
    )
    figure.savefig(IMAGES / "paper_synthetic.png", dpi=150)
    plt.close(figure)
    shown = pd.DataFrame(
        {
            system: [f"{a:+.4f} / {b:+.4f}" for a, b in zip(*pair, strict=True)]
            + [f"{np.mean(pair[0]):+.4f} / {np.mean(pair[1]):+.4f}"]
            for system, pair in cells.items()
        },
        index=pd.Index([*map(str, correlations), "mean"], name="correlation"),
    )
    reference = scores[rows["system"] == REFERENCE].mean()
    text = SYNTHETIC.format(n=rows["seed"].nunique()) + "\nGains, task by task:\n" + table(shown)
    means = " and ".join(f"{-value:.4f}" for value in reference)
    return (
        text
        + f"\nThe single-task networks' errors are {means} on average.\n"
        + versions(load("paper_synthetic"))
    )


def experts():
    rows, scores = frame("paper_experts")
    rows["score"] = scores.mean(axis=1)
    for setting in dict.fromkeys(rows["setting"]):
        draw_experts(rows[(rows["setting"] == setting) & (rows["seed"] == 0)], setting)
    text = EXPERTS + LEVELS
    for setting in dict.fromkeys(rows["setting"]):
        own = rows[(rows["setting"] == setting) & rows["system"].str.contains("level")]
        runs = own.groupby("system", sort=False)
        separation = runs["separation"].apply(lambda s: np.mean(s.tolist(), axis=0).round(2))
        shown = pd.DataFrame(
            {
                "mean score": [
                    f"{m:.4f}" + ("" if np.isnan(s) else f" ± {s:.4f}")
                    for m, s in zip(runs["score"].mean(), runs["score"].std(), strict=True)
                ],
                "separation by level": [", ".join(f"{v:.2f}" for v in s) for s in separation],
                "parameters": runs["n_parameters"].first().map("{:,}".format).to_numpy(),
                "milliseconds": runs["milliseconds"].median().map("{:.1f}".format).to_numpy(),
                "fit, s": runs["fit_cpu_seconds"].mean().map("{:.0f}".format).to_numpy(),
            },
            index=pd.Index([name.removeprefix("PLE, ") for name in runs.groups], name="PLE"),
        )
        text += f"\n{COMPARISON[setting][0]}, {own['seed'].nunique()} seed(s):\n" + table(shown)
    return text + versions(load("paper_experts"))


def draw_experts(rows, setting):
    """Draw the weights of every gate, a row of axes a system and a column a level."""
    systems = ["MMoE", "ML-MMoE", "CGC", "PLE"]
    n_levels = 2
    figure, axes = plt.subplots(
        len(systems), n_levels, figsize=(11, 10), sharey=True, layout="constrained"
    )
    for line, system in zip(axes, systems, strict=True):
        (gates,) = rows.loc[rows["system"] == system, "gates"]
        gates = pd.DataFrame(gates)
        for level, ax in enumerate(line, start=1):
            own = gates[gates["level"] == level]
            if own.empty:
                ax.set_axis_off()
                continue
            ax.set_title(f"{system}, level {level}")
            draw_gates(ax, own)
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_ylim(0, 1.4)
            ax.set_yticks(np.linspace(0, 1, 6))
        line[0].set_ylabel("weight")
    figure.savefig(IMAGES / f"paper_experts_{setting}.png", dpi=150)
    plt.close(figure)


def draw_gates(ax, gates):
    """Draw a group of bars for each expert, of the gates that read it."""
    gates = gates.assign(**{k: gates[k].str.removeprefix("log ") for k in ("gate", "expert")})
    names = list(dict.fromkeys(gates["gate"]))
    experts = list(dict.fromkeys(gates["expert"]))
    width = 0.85 / len(names)
    # Which of its expert's gates one is, from the middle.
    readers = gates.groupby("expert")["gate"]
    places = readers.cumcount() - (readers.transform("size") - 1) / 2
    x = gates["expert"].map(experts.index) + places * width
    for name in names:
        own = gates["gate"] == name
        bars = gates[own]
        ax.bar(x[own], bars["mean"], width, yerr=bars["std"], label=name, capsize=2)
    ax.set_xticks(range(len(experts)), experts, fontsize=8)
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=4)


if __name__ == "__main__":
    PAGE.write_text(HEAD + comparison() + synthetic() + experts())
