"""
A loss that is a hundred times too large
========================================

Networks that share learn from the sum of the tasks' losses. If one loss is
much larger than the others, as it may be with a kind of task of your own, the
sum is almost that loss alone. Some ways of balancing do not care how large a
loss is.
"""

# %%
# Three numbers that depend on the same hidden causes, each in its own way. All
# three can be learnt equally well.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ple import SharedBottomClassifierRegressor
from sklearn_ple.metrics import multitask_scores

TASKS = ["a", "b", "c"]


def make_rows(seed, n_rows=2000):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 12))
    causes = np.tanh(X @ rng.normal(size=(12, 6)) / 2)
    y = causes @ rng.normal(size=(6, 3))
    y = y / y.std(axis=0) + 0.3 * rng.normal(size=y.shape)
    return pd.DataFrame(X).add_prefix("x"), pd.DataFrame(y, columns=TASKS)


# %%
# The network is the plainest one: a layer of 16 units that the tasks share,
# and a tower for each, without what the package adds to it. It is fitted as it
# should be, and with the loss of "a" multiplied by 100: by the sum of the
# losses, which is ``balancing="equal"``, by their geometric mean, and by FAMO,
# which moves weight to the tasks that improve more slowly. Three draws of the
# data, each with its own initial weights, show how far chance reaches.
WAYS = {
    "sum": ("equal", 1.0),
    "sum, a × 100": ("equal", 100.0),
    "geometric, a × 100": ("geometric", 100.0),
    "FAMO, a × 100": ("famo", 100.0),
}

rows, models = [], {}
for seed in range(3):
    X, y = make_rows(seed)
    for way, (balancing, weight) in WAYS.items():
        model = SharedBottomClassifierRegressor.as_published(
            bottom_hidden_units=(16,),
            balancing=balancing,
            task_weights={"a": weight, "b": 1.0, "c": 1.0},
            random_state=seed,
        )
        models[way] = model.fit(X[:1000], y[:1000])
        scores = multitask_scores(model, X[1000:], y[1000:])
        rows.append({"way": way, "seed": seed} | scores)

scores = pd.DataFrame(rows)
scores.groupby("way", sort=False)[TASKS].mean().round(3)

# %%
# By the sum, the 16 units serve "a" alone: "b" and "c" have to make do with
# what "a" needs. It does not even gain by that. The other two ways learn all
# tasks about as well as the sum does without the factor. A small mark is one
# draw, a large one the mean.
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
colors, markers = ["tab:blue", "tab:orange", "tab:green"], ["o", "s", "^"]
places = np.arange(len(WAYS))
for k, task in enumerate(TASKS):
    own = scores.pivot(index="way", columns="seed", values=task).loc[[*WAYS]]
    look = {"color": colors[k], "marker": markers[k], "linestyle": "none"}
    height = places + 0.2 * (k - 1)
    ax.plot(own, height, alpha=0.35, markersize=5, **look)
    ax.plot(own.mean(axis=1), height, markersize=9, label=task, **look)
ax.set_yticks(places, WAYS)
ax.invert_yaxis()
ax.set(xlabel="R² on rows that are not seen in training")
ax.grid(axis="x", alpha=0.3)
ax.margins(y=0.08)
figure.legend(title="task", loc="outside right center")
plt.show()

# %%
# ``history_`` has the weights of every epoch, as ``balancing_weights``; by the
# sum all are one, and it has none. Times the task's own weight, this is what a
# task counts in a step.
figure, axes = plt.subplots(
    1, 3, figsize=(9, 2.8), sharey=True, layout="constrained"
)
for ax, way in zip(axes, list(WAYS)[1:], strict=True):
    model = models[way]
    weights = np.array(
        [e.get("balancing_weights", [1, 1, 1]) for e in model.history_]
    )
    weights = weights * [model.task_weights[task] for task in TASKS]
    shares = weights / weights.sum(axis=1, keepdims=True)
    for k, task in enumerate(TASKS):
        ax.plot(
            np.arange(1, len(shares) + 1),
            shares[:, k],
            color=colors[k],
            marker=markers[k],
            markevery=4,
            label=task,
        )
    ax.set(title=way, xlabel="epoch", ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("share of the weights")
axes[0].legend(title="task", loc="center left")
plt.show()

# %%
# Numbers are learnt in units of their deviation, so such factors are rare with
# the package's own kinds of task. There the sum is as good as any other way,
# see :doc:`/which_network`.
