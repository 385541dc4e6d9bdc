"""
A kind of task of your own
==========================

Where does the wind come from? As numbers, 359 degrees and 1 degree are far
apart; as directions they are close together. The package has no kind of task
for directions, but a class of a few lines defines one. It then works with all
features of the estimators.
"""

# %%
# Made-up weather: differences in air pressure cause wind. The second task is
# whether there is a storm. Three in ten directions are missing, because the
# weather vane was stuck.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import make_scorer

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split
from sklearn_ple.tasks import Task

rng = np.random.default_rng(0)
pressure = rng.normal(size=(3000, 4))
X = pd.DataFrame(pressure, columns=["north", "east", "south", "west"])
northward, eastward = X["north"] - X["south"], X["east"] - X["west"]
slope = np.hypot(northward, eastward)
wind = np.degrees(np.arctan2(eastward, northward)) + rng.normal(0, 10, len(X))
storm = slope + rng.normal(size=len(X)) > 3
y = pd.DataFrame({"wind": wind % 360, "storm": storm})
y["wind"] = y["wind"].mask(rng.random(len(y)) < 0.3)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
y_train.head(3)

# %%
# The class
# ---------
# The network has two outputs for an angle, the coordinates of a point in the
# plane. The predicted angle is the direction of this point. The loss is its
# squared distance from the point of length one in the direction of the label.


def mean_cosine(labels, predictions, sample_weight=None):
    """1 is perfect, 0 is chance, -1 is the opposite direction."""
    errors = np.radians(np.subtract(labels, predictions))
    return np.average(np.cos(errors), weights=sample_weight)


class Angle(Task):
    kind = "angle"
    words = "an angle"
    metric = make_scorer(mean_cosine)
    has_errors = False  # 359 - 1 = 358, but these angles differ by 2

    def __init__(self):
        super().__init__()
        self.n_outputs = 2

    def fit(self, labels, weights, classes):
        return self

    def encode(self, labels):
        return np.radians(labels.astype(float))

    def loss(self, outputs, targets):
        points = torch.stack([targets.cos(), targets.sin()], dim=-1)
        return ((outputs - points) ** 2).sum(dim=-1)

    def average(self, outputs, weights):
        return (weights * outputs).sum(dim=0)

    def predict(self, outputs):
        return np.degrees(np.arctan2(outputs[:, 1], outputs[:, 0])) % 360

    def score(self, labels, predictions, weights=None):
        return mean_cosine(labels, predictions, weights)


# %%
# The same estimator with both kinds
# ----------------------------------
# Pass an instance of the class instead of the name of a kind. The class need
# not handle missing labels, validation, early stopping or the ensemble.
kinds = {"as a number": "regression", "as an angle": Angle()}
models = {
    name: PLEClassifierRegressor(
        task_types={"wind": kind}, n_members=2, random_state=0
    ).fit(X_train, y_train)
    for name, kind in kinds.items()
}
metrics = {"wind": Angle.metric, "storm": "roc_auc"}
scores = pd.DataFrame(
    {
        name: multitask_scores(model, X_test, y_test, metrics)
        for name, model in models.items()
    }
)
scores.rename({"wind": "wind (mean cosine)", "storm": "storm (AUC)"}).round(3)

# %%
# Trained on the number, the model fails at the ends of the scale. Where labels
# are near 0 and near 360 degrees, the squared error is least in the middle,
# which is south. Angles do not have this problem. Between the dotted lines the
# error of a prediction is less than 30 degrees.
there = y_test["wind"].notna()
true = y_test["wind"][there]
wind = {name: model.predict(X_test)["wind"] for name, model in models.items()}

colors = {"as a number": "tab:orange", "as an angle": "tab:blue"}
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, (name, color) in zip(axes, colors.items(), strict=True):
    ax.plot(true, wind[name][there], ".", color=color, alpha=0.4)
    for shift in (-330, -30, 30, 330):
        ax.axline((0, shift), slope=1, color="0.3", linestyle=":")
    ax.set(title=name, xlabel="true direction", ylabel="predicted")
    ax.set(xlim=(0, 360), ylim=(0, 360), aspect="equal")
    ax.set(xticks=range(0, 361, 90), yticks=range(0, 361, 90))
plt.show()

# %%
# The mean error in degrees, by the direction that the wind comes from:
figure, ax = plt.subplots(
    figsize=(5.5, 4), subplot_kw={"projection": "polar"}, layout="constrained"
)
# sphinx_gallery_thumbnail_number = 2
for (name, color), marker in zip(colors.items(), ["o", "s"], strict=True):
    errors = np.abs((wind[name][there] - true + 180) % 360 - 180)
    means = errors.groupby((true // 30).astype(int)).mean()
    angles = np.radians(30 * np.append(means.index, 0) + 15)
    ax.plot(angles, [*means, means[0]], color=color, marker=marker, label=name)
ax.set(theta_zero_location="N", theta_direction=-1)
ax.set_thetagrids(range(0, 360, 90), "NESW")
ax.set(rticks=[30, 60], rlabel_position=135)
figure.legend(loc="outside right upper")
plt.show()

# %%
# Your own networks, balancers and embeddings of numbers are classes, too:
# :doc:`/extending` has an example of each.
