"""
A loss that is a hundred times too large
========================================

Networks that share learn from the sum of the tasks' losses. If one loss is
much larger than the others, which can happen with your own kinds of task, it
dominates the sum. Some methods of balancing do not depend on the size of a
loss.
"""

# %%
# Three numbers depend on the same hidden factors, each in its own way. All
# three are equally hard to learn.
import warnings

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
# The network is as simple as possible: a layer of 16 units that the tasks
# share, a tower for each task, and none of the additions of this package. It
# is fitted with the original losses, and then with the loss of "a" multiplied
# by 100. In the second case the losses are combined in three ways: by their
# sum (``balancing="equal"``), by their geometric mean, and by FAMO, which
# gives more weight to tasks that improve more slowly. Each fit is repeated on
# three draws of the data, with other initial weights, to show the effect of
# chance. Here ``task_weights`` stand for losses of different sizes, so the
# warning that two of the methods ignore them is switched off.
warnings.filterwarnings("ignore", "task_weights have next to no effect")

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
            tower_hidden_units=(32,),
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
# With the sum, the 16 units serve only "a", and "b" and "c" have to use what
# "a" needs. Not even "a" benefits from this. With the other two methods, all
# tasks are learnt about as well as with the sum of the original losses. A
# small mark is one draw, a large mark the mean.
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
# ``history_`` contains the weights of every epoch as ``balancing_weights``.
# With the sum all weights are 1, and there is no such entry. The weight of a
# task in a step is this weight times its ``task_weights``.
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
# The package standardises numbers, so losses of such different sizes are rare
# with its own kinds of task. With these, the sum is as good as other methods:
# see :doc:`/which_balancing`.
