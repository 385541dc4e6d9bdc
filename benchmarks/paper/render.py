"""Render the results of the paper's experiments as docs/paper.rst."""

import re

import numpy as np
import pandas as pd
from common import ROOT
from page.rst import counted, load, section, table, versions
from texts import DATA_SETS, MULAN_SETS

from paper import texts
from paper.gains import gain_table, gains, in_words, interval, number, results, scores_of
from paper.pictures import draw_experts, draw_gains, draw_synthetic
from paper.shared_experts import EXPERTS
from paper.systems import BASES, REFERENCE, SYSTEMS

PAGE = ROOT / "docs" / "paper.rst"
IMAGES = PAGE.parent / "images"


def ordered(rows, names=SYSTEMS):
    return rows.sort_values("system", key=lambda column: column.map(list(names).index))


def comparison(answers):
    rows = results("paper_comparison")
    text = ""
    for name, (title, about) in texts.SETS.items():
        own = {base: ordered(rows[rows["setting"] == f"{name}, {base}"]) for base in BASES}
        own = {base: runs for base, runs in own.items() if set(SYSTEMS) <= set(runs["system"])}
        if not own:
            continue
        by_base = {base: gains(runs) for base, runs in own.items()}
        picture = IMAGES / f"paper_{name}.png"
        draw_gains(by_base, picture)
        beyond = " ".join(beyond_chance(base, gain) for base, gain in by_base.items())
        text += section(title, f"{beyond}\n\n{about}", f"paper-{name}")
        text += f"\n.. image:: images/{picture.name}\n   :alt: Gain of every system on each task\n"
        for base, gain in by_base.items():
            text += f"\n**{base.capitalize()}**\n{table(gain_table(own[base], gain))}\n"
            text += in_words(gain)
            if name.startswith("census"):
                answer = f"{title}, {base}: gain of PLE {by_task(gain, 'PLE')}."
                answers.setdefault("Table 5: Census-Income", []).append(answer)
        if name == "census_no_education":
            text += texts.CENSUS_IN_PAPERS
    return text + versions(load("paper_comparison")) if text else text


def beyond_chance(base, gain):
    """Write how many systems gain on some task, and how many lose on some task."""
    own = gain.gains
    beyond = own["low"] > 0, own["high"] < 0
    better, worse = (own.loc[rows, "system"].nunique() for rows in beyond)
    n_systems = own["system"].nunique()
    return (
        f"{base.capitalize()}, of {n_systems} systems {better} gain{'s' * (better == 1)} beyond "
        f"chance on at least one task, and {worse} lose{'s' * (worse == 1)} on at least one."
    )


def by_task(gain, system):
    """Write the gains of a system, task by task."""
    tasks = gain.gains["task"].unique()
    return ", ".join(f"{interval(gain, system, task)} on {task}" for task in tasks)


def synthetic(answers):
    rows = results("paper_synthetic")
    if rows.empty:
        return ""
    # Trials with fewer rows may be there too.
    parts = rows["setting"].str.split(", ", expand=True)
    rows["correlation"] = parts[0].astype(float)
    rows["depth"] = parts[1].replace("a layer a level", "one layer per level")
    rows["n_rows"] = parts[2].str.removesuffix(" rows").astype(int)
    rows = rows[rows["n_rows"] == rows["n_rows"].max()]
    by_depth = {depth: synthetic_gains(rows, depth) for depth in dict.fromkeys(rows["depth"])}
    draw_synthetic(by_depth, IMAGES / "paper_synthetic.png")
    text = ""
    for depth, by_task in by_depth.items():
        cells = [by_seed.groupby("correlation").mean() for by_seed in by_task.values()]
        pairs = [pd.concat([own, own.mean().to_frame("mean").T]) for own in cells]
        shown = pairs[0].map(number) + " / " + pairs[1].map(number)
        shown.index.name = "correlation"
        text += f"\n**Gains, task by task: {depth}**\n{table(shown)}"
        means = ", ".join(f"{name} {shown.loc['mean', name]}" for name in ("PLE", "MMoE"))
        answers.setdefault("Figure 7: synthetic tasks", []).append(
            f"Mean gains on the two tasks, {depth}: {means}."
        )
    errors = -scores_of(rows[rows["system"] == REFERENCE]).groupby(rows["depth"]).mean()
    means = "; ".join(f"{depth}: {a:.4f} and {b:.4f}" for depth, a, b in errors.itertuples())
    text += f"\nMean errors of the single-task networks on the two tasks: {means}.\n"
    head = texts.SYNTHETIC.format(
        rows=rows["n_rows"].max(),
        n=rows["seed"].nunique(),
        answer=" ".join(answers["Figure 7: synthetic tasks"]),
    )
    return head + text + versions(load("paper_synthetic"))


def synthetic_gains(rows, depth):
    """Compute, for each task, gains by correlation and seed, with a column for each system."""
    own = rows[rows["depth"] == depth]
    # The deep systems are the same at either depth.
    others = rows[~rows["system"].isin(own["system"])]
    own = pd.concat([own, others]).reset_index(drop=True)
    scores = scores_of(own).assign(**own[["system", "correlation", "seed"]])
    by_task = {}
    for task in scores.columns[:2]:
        by_system = scores.pivot_table(task, ["correlation", "seed"], "system")
        order = [name for name in SYSTEMS if name in by_system and name != REFERENCE]
        by_task[task] = by_system[order].sub(by_system[REFERENCE], axis=0)
    return by_task


def ali_ccp(answers):
    rows = results("paper_ali_ccp")
    if rows.empty:
        return ""
    text = ""
    for setting in dict.fromkeys(rows["setting"]):
        own = ordered(rows[rows["setting"] == setting], [*SYSTEMS, "ESMM"])
        gain = gains(own)
        title = setting[0].upper() + setting[1:]
        title = re.sub(r"\d{4,}", lambda number: f"{int(number[0]):,}", title)
        text += f"\n**{title}**\n{table(ali_ccp_table(own, gain))}\n{in_words(gain)}"
        answers.setdefault("Table 5: Ali-CCP", []).append(
            f"{title}: gain of PLE {by_task(gain, 'PLE')}."
        )
    head = texts.ALI_CCP.format(answer=" ".join(answers["Table 5: Ali-CCP"]))
    return head + text + texts.ALI_CCP_IN_PAPER + versions(load("paper_ali_ccp"))


def ali_ccp_table(rows, gain):
    """Make a table of AUCs, in the last line those of the known probabilities."""
    shown = gain_table(rows, gain).astype(object)
    if "ceiling" in rows and rows["ceiling"].notna().all():
        ceiling = scores_of(rows, "ceiling").iloc[0].map("{:.4f}".format)
        shown.loc["known probabilities"] = ceiling.reindex(shown.columns, fill_value="")
    return shown


def shared_experts():
    rows = results("paper_shared_experts")
    if rows.empty:
        return ""
    parts = rows["setting"].str.split(", split ", expand=True)
    rows["setting"], rows["seed"] = parts[0], parts[1].astype(int)
    rows["scores"] = [{"mean": np.mean(list(scores.values()))} for scores in rows["scores"]]
    names = {name: title for name, (title, *_) in (DATA_SETS | MULAN_SETS).items()}
    none, *others = EXPERTS
    by_set = {names[name]: gains(own, none) for name, own in rows.groupby("setting", sort=False)}
    change = pd.DataFrame(
        {name: g.gains.set_index("system")["mean"] for name, g in by_set.items()}
    )
    words = [
        f'With "{experts}" the median gain over the sets is {number(own.median())}, and the '
        f"score is higher on {(own > 0).sum()} of {len(own)} sets."
        for experts, own in change.loc[others].iterrows()
    ]
    shown = pd.DataFrame({name: score_cells(gain) for name, gain in by_set.items()}).T
    text = texts.SHARED.format(n=rows["seed"].nunique(), answer=" ".join(words))
    shown = table(shown[list(EXPERTS)].rename_axis("set"))
    return f"{text}{shown}{versions(load('paper_shared_experts'))}"


def score_cells(gain):
    """Write the mean score and the gain of every system; a star marks a gain beyond chance."""
    cells = gain.scores.groupby("system")["score"].mean().map("{:.4f}".format)
    for system, own in gain.gains.set_index("system").iterrows():
        star = "*" if own["low"] > 0 or own["high"] < 0 else ""
        cells[system] += f" ({number(own['mean'])}{star})"
    return cells


def experts(answers):
    rows = results("paper_experts")
    if rows.empty:
        return ""
    text = ""
    for setting in dict.fromkeys(rows["setting"]):
        own = rows[rows["setting"] == setting]
        picture = IMAGES / f"paper_experts_{setting}.png"
        draw_experts(first_gates(own), picture)
        title = texts.SETS[setting][0]
        apart, said = utilisation(own)
        text += f"\n**{title}**\n\n.. image:: images/{picture.name}\n"
        text += f"   :alt: Weights of the experts in every task's gate on {title}\n\n{said}"
        answers.setdefault("Figure 8: use of experts", []).append(
            f"{title}: the distance between the gates of two of MMoE's tasks is {apart:.2f}; in "
            "the paper they are much alike."
        )
    text = texts.EXPERTS.format(answer=" ".join(answers["Figure 8: use of experts"])) + text
    text += texts.LEVELS
    for setting in dict.fromkeys(rows["setting"]):
        own = rows[(rows["setting"] == setting) & rows["system"].str.contains("level")]
        seeds = counted(own["seed"].nunique(), "seed")
        text += f"\n{texts.SETS[setting][0]}, {seeds}:\n"
        text += table(levels(own))
    return text + versions(load("paper_experts"))


def gates_of(runs):
    """Return the gates' weights of some runs as one frame."""
    parts = [
        pd.DataFrame(gates).assign(seed=seed) for seed, gates in runs[["seed", "gates"]].values
    ]
    gates = pd.concat(parts)
    return gates.assign(**{k: gates[k].str.removeprefix("log ") for k in ("gate", "expert")})


def first_gates(rows):
    first = rows[(rows["seed"] == rows["seed"].min()) & rows["system"].isin(SYSTEMS)]
    return {system: gates_of(own) for system, own in first.groupby("system", sort=False)}


def utilisation(rows):
    """Compute the distance between MMoE's gates, and compare the results with the paper."""
    runs = dict(list(rows.groupby("system", sort=False)))
    apart = {s: np.mean([own[-1] for own in runs[s]["separation"]]) for s in ("MMoE", "CGC")}
    least = gates_of(runs["MMoE"]).groupby("seed")["mean"].min().min()
    shared = {system: weight_of_shared(runs[system]) for system in ("CGC", "PLE")}
    alike = "as in the paper" if apart["MMoE"] < 0.33 else "which contradicts the paper"
    more = "as in the paper" if shared["PLE"] > shared["CGC"] else "which contradicts the paper"
    said = (
        "In the paper MMoE's tasks use the experts much alike. Here the distance between their "
        f"gates is {apart['MMoE']:.2f} (0: alike, 1: nothing in common), {alike}, and the least "
        f"mean weight of an expert is {least:.2f}. For CGC the distance is {apart['CGC']:.2f}. In "
        "the paper shared experts weigh more in PLE than in CGC. Here their share of the weight "
        f"is {shared['PLE']:.2f} in PLE's last level and {shared['CGC']:.2f} in CGC, {more}.\n"
    )
    return apart["MMoE"], said


def weight_of_shared(runs):
    """Compute the mean weight of shared experts in the tasks' gates of the last level."""
    gates = gates_of(runs)
    gates = gates[gates["level"] == gates["level"].max()]
    shared = gates[gates["expert"].str.contains("shared")]
    return shared["mean"].sum() / gates["mean"].sum()


def levels(rows):
    """Make a table of score, separation, size and time by the number of levels."""
    rows = rows.assign(score=scores_of(rows).mean(axis=1))
    runs = rows.groupby("system", sort=False)
    separation = runs["separation"].apply(lambda own: np.mean(own.tolist(), axis=0))
    scores = zip(runs["score"].mean(), runs["score"].std(), strict=True)
    return pd.DataFrame(
        {
            "mean score": [
                f"{mean:.4f}" + ("" if np.isnan(deviation) else f" ± {deviation:.4f}")
                for mean, deviation in scores
            ],
            "separation by level": [", ".join(f"{v:.2f}" for v in own) for own in separation],
            "parameters": runs["n_parameters"].first().map("{:,}".format).to_numpy(),
            "milliseconds": runs["milliseconds"].median().map("{:.1f}".format).to_numpy(),
            "fit, s": runs["fit_cpu_seconds"].mean().map("{:.0f}".format).to_numpy(),
        },
        index=pd.Index([name.split()[1] for name in runs.groups], name="levels"),
    )


def answers_table(answers):
    """Make a table of the paper's tables and figures: the result here, or why there is none."""
    cells = {
        item: why or (lines(answers[item]) if item in answers else "Not run yet.")
        for item, why in texts.ITEMS.items()
    }
    shown = pd.DataFrame({"here": cells})
    return texts.ANSWERS + table(shown.rename_axis("in the paper"))


def lines(answers):
    """Make a block of lines for a cell of a table."""
    return "\n       ".join(f"| {answer}" for answer in ["Run.", *answers])


def main():
    answers = {}
    parts = [comparison(answers), synthetic(answers), ali_ccp(answers), experts(answers)]
    PAGE.write_text(texts.HEAD + answers_table(answers) + "".join(parts) + shared_experts())


if __name__ == "__main__":
    main()
