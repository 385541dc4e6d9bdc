"""
What sharing is worth when labels are missing
=============================================

Tasks that are learnt together can help each other, especially if labels are
scarce. Here most labels of two tasks are removed from the training rows. A
network with shared experts is compared with one whose tasks have only experts
of their own.
"""

# %%
# Four tasks with something in common
# -----------------------------------
# The targets are made up: all depend on the same two hidden factors, each in
# its own way. One is a number, one a count, and two are classes. A network
# that has found the factors for one of them has done most of the work for the
# others.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ple import PLEClassifierRegressor


def make_tasks(n_rows, rng):
    mixing = np.random.default_rng(42).normal(size=(30, 2)) / np.sqrt(30)
    X = rng.normal(size=(n_rows, 30))
    first, second = (X @ mixing).T
    noise = rng.normal(scale=0.2, size=(3, n_rows))
    y = pd.DataFrame(
        {
            "number": 100 + 20 * (np.tanh(2 * first) + second + noise[0]),
            "count": rng.poisson(np.exp(1 + 0.7 * (second - first))),
            "two classes": np.where(
                first + second + noise[1] > 0, "yes", "no"
            ),
            "three classes": pd.cut(
                first - second + noise[2],
                [-np.inf, -0.6, 0.6, np.inf],
                labels=["low", "mid", "high"],
            ),
        }
    )
    return X, y


X, y = make_tasks(1000, np.random.default_rng(0))
y.head()

# %%
# Remove labels
# -------------
# In the training rows, the number and the count keep all their labels. The two
# tasks with classes keep one label in twenty, one in five, or all.
SCARCE = ["two classes", "three classes"]


def remove_labels(y, share_kept, rng):
    y = y.copy()
    y.loc[rng.random(len(y)) >= share_kept, SCARCE] = np.nan
    return y


remove_labels(y, 0.05, np.random.default_rng(0)).notna().sum()

# %%
# Compare
# -------
# Every gate weighs three experts: two shared ones and one of the task's own,
# or three of the task's own. Without shared experts, the tasks have
# independent networks. Several draws of the data, each with its own initial
# weights, show the effect of chance.
#
# Some defaults do not suit these data. Each feature has a small, smooth
# effect, so the numbers need no embedding, and ``feature_dropout`` would only
# remove information. A single member shows the effect of sharing apart from
# that of averaging.
NETWORKS = {
    "shared experts": {"n_shared_experts": 2, "n_specific_experts": 1},
    "independent": {"n_shared_experts": 0, "n_specific_experts": 3},
}


def score_tasks(share_kept, seed, parameters):
    rng = np.random.default_rng(seed)
    X_train, y_train = make_tasks(1000, rng)
    X_test, y_test = make_tasks(1000, rng)
    model = PLEClassifierRegressor(
        task_types={"count": "count"},
        n_members=1,
        numeric_embedding=None,
        feature_dropout=0.0,
        dropout=0.3,
        max_epochs=30,
        early_stopping=False,
        random_state=seed,
        **parameters,
    )
    model.fit(X_train, remove_labels(y_train, share_kept, rng))
    # Hide the other tasks' labels to score one.
    return {
        task: model.score(
            X_test, y_test[[task]].reindex(columns=y_test.columns)
        )
        for task in y_test
    }


results = pd.DataFrame(
    {"kept": kept, "seed": seed, "network": network}
    | score_tasks(kept, seed, parameters)
    for kept in (0.05, 0.2, 1.0)
    for seed in range(3)
    for network, parameters in NETWORKS.items()
)
results.groupby(["kept", "network"])[list(y)].mean().round(3)

# %%
# Each dot is one draw; the lines connect the means.
kept = np.sort(results["kept"].unique())
figure, axes = plt.subplots(2, 2, figsize=(7, 5.6), layout="constrained")
for ax, task in zip(axes.flat, y, strict=True):
    for offset, (network, color) in zip(
        (-0.08, 0.08),
        zip(NETWORKS, ("tab:blue", "tab:gray"), strict=True),
        strict=True,
    ):
        scores = results[results["network"] == network].pivot(
            index="kept", columns="seed", values=task
        )
        places = np.arange(len(kept)) + offset
        ax.plot(places, scores, "o", color=color, alpha=0.4, markersize=5)
        ax.plot(places, scores.mean(axis=1), color=color, label=network)
    ax.set_title(task)
    ax.set_xticks(range(len(kept)), [f"{share:.0%}" for share in kept])
    ax.set_ylabel("accuracy" if "classes" in task else "R²")
    ax.grid(alpha=0.3)
figure.supxlabel(
    "labels kept of the two tasks with classes", fontsize="medium"
)
axes[-1, -1].legend(loc="lower right")
plt.show()

# %%
# How much does sharing add, and is it more than chance? These are differences
# between the two networks with the same data and the same seed:
means = results.set_index(["kept", "seed", "network"])[list(y)].unstack(
    "network"
)
gain = means.xs("shared experts", axis=1, level="network") - means.xs(
    "independent", axis=1, level="network"
)
gain.groupby("kept").agg(["mean", "min", "max"]).round(3)

# %%
# On average, sharing helps the tasks with classes most when they have few
# labels, and hardly when none is missing. The count, which has all its labels,
# gains as well, and the number gains a little when the others have enough. In
# a single draw sharing may not help. These data are the ideal case for
# sharing, because the tasks have factors in common. Unrelated tasks gain
# nothing or lose, and real data lie in between. :doc:`/guide/sharing` shows
# how to compare on your own data, with networks that share nothing.
