"""Networks of equal size, and ways of balancing."""

import numpy as np
import pandas as pd

from ..comparisons import OF_SPLITS, gains, mean_task_scores, results, task_scores
from .cells import MISSING, TITLES, cells, change, mark

REFERENCE = "single-task"


def with_gains(scores, reference, written, digits=4, overlap=0.0):
    """Write the mean score of each system and task, with what is written of its gain."""
    shown = scores.groupby("system").mean().loc[scores.index.unique("system")]
    shown = shown.map(f"{{:.{digits}f}}".format)
    for place, row in gains(scores, reference, overlap).iterrows():
        shown.loc[place] += f" {written(row)}".rstrip()
    return shown.rename(columns=lambda task: task.removeprefix("log "))


def by_set(rows, reference, written=mark):
    """Make a table of mean scores over the tasks, a column for each set."""
    sets = list(dict.fromkeys(rows["data"]))
    # Sets that were made for a comparison come first.
    sets.sort(key=lambda name: list(TITLES).index(name) if name in TITLES else -1)
    columns = {
        TITLES.get(name, name): with_gains(
            mean_task_scores(rows[rows["data"] == name]),
            reference,
            written,
            # The rows of conflicts are drawn anew for each seed.
            overlap=0.0 if name.startswith("conflict") else OF_SPLITS,
        )["mean"]
        for name in sets
    }
    order = list(dict.fromkeys(rows["system"]))
    return pd.DataFrame(columns).reindex(order).fillna(MISSING)


def signs(found):
    """Count the gains and losses beyond chance of each system."""
    better, worse = (own.groupby("system").sum() for own in (found["low"] > 0, found["high"] < 0))
    return better.astype(str) + " / " + worse.astype(str)


def network_runs():
    """Return the runs of networks.json by set, base and split."""
    rows = results("networks")
    rows[["data", "base", "seed"]] = rows["setting"].str.split(", ", expand=True).to_numpy()
    return rows


def ranks_and_gains(rows):
    """Return the mean ranks of networks over the sets, and the gains by data and system."""
    of_set = {name: mean_task_scores(own) for name, own in rows.groupby("data")}
    means = {name: own.groupby("system")["mean"].mean() for name, own in of_set.items()}
    ranks = pd.DataFrame(means).rank(ascending=False).mean(axis=1)
    found = {
        name: gains(own, REFERENCE, OF_SPLITS).droplevel("task") for name, own in of_set.items()
    }
    return ranks, pd.concat(found, names=["data"])


def networks():
    for base, rows in network_runs().groupby("base"):
        of_set = rows.groupby("data")
        tasks = [gains(task_scores(own), REFERENCE, OF_SPLITS) for _, own in of_set]
        ranks, found = ranks_and_gains(rows)
        shown = pd.DataFrame({"rank": ranks, "gain": found.groupby("system")["mean"].mean()})
        shown["sets"], shown["tasks"] = signs(found), signs(pd.concat(tasks))
        for column in ("fit_cpu_seconds", "n_parameters"):
            logs = np.log(rows.groupby(["system", "data"])[column].mean().unstack())
            shown[column] = np.exp((logs - logs.loc["PLE"]).mean(axis=1))
        forms = {"rank|mean rank": "{:.1f}", "gain|mean gain": lambda own: change(own, 4)}
        forms |= {"sets|tables": str, "tasks|tasks": str}
        forms |= {"fit_cpu_seconds|CPU time": "{:.2f}", "n_parameters|parameters": "{:.2f}"}
        order = ranks.drop(REFERENCE).sort_values().index
        shown = cells(shown.loc[[REFERENCE, *order]], **forms)
        yield f"networks_{base[3:]}", shown.rename_axis("network")
        yield f"networks_{base[3:]}_gains", gains_by_set(found, order).rename_axis("network")


def gains_by_set(found, order):
    """Make a table of gains with a column for each set; those beyond chance are bold."""
    texts = found["mean"].map(change)
    decided = (found["low"] > 0) | (found["high"] < 0)
    shown = texts.where(~decided, "**" + texts + "**").unstack("data")
    names = [name for name in TITLES if name in shown.columns]
    return shown.loc[order, names].rename(columns=TITLES)


def balancing():
    rows = results("balancing").rename(columns={"balancing": "system"})
    runs = rows[rows["seed"].notna()]
    for network, own in runs.groupby("network"):
        for members, part in own.groupby(own["n_members"].fillna(8)):
            name = f"balancing_{network.lower().replace(' ', '_')}_{members:.0f}"
            yield name, by_set(part, "equal").rename_axis("balancing")

    plain = runs[~runs["data"].str.startswith("conflict")].groupby(["network", "data"])
    parts = [gains(mean_task_scores(own), "equal", OF_SPLITS) for _, own in plain]
    shown = signs(pd.concat(parts)).to_frame(f"better / worse, of {len(parts)}")
    cost = rows[rows["seed"].isna()].replace("cost: ", "step, ", regex=True)
    ratios = cost.pivot(index="system", columns="data", values="ratio").map("{:.2f}".format)
    shown = pd.concat([shown, ratios], axis=1).reindex(runs["system"].unique()).fillna(MISSING)
    yield "balancing", shown.rename_axis("balancing")


PARTS = (networks, balancing)
