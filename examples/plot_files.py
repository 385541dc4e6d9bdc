"""
A table in many files
=====================

A table need not fit into memory. ``fit`` reads a folder of Parquet files a few
rows at a time, and predictions are written to a file in the same way.
"""

# %%
# A folder
# --------
# Made-up taxi trips, with one file per week. How long does a trip take, and is
# there a tip? Tips in cash are not recorded, so for a third of the trips this
# label is missing. The last four weeks are kept in a separate folder.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.export import predict_to_parquet

folder = Path(tempfile.mkdtemp())
known, new = folder / "known", folder / "new"
known.mkdir()
new.mkdir()

rng = np.random.default_rng(0)
speed_of_zone = rng.uniform(0.8, 1.2, 50)
for week in range(24):
    n = 3000
    trips = pd.DataFrame(
        {
            "day": rng.integers(0, 7, n),
            "hour": rng.integers(0, 24, n),
            "km": rng.gamma(2, 2, n),
            "rain": rng.random(n) < 0.2,
        }
    )
    zone = rng.integers(0, 50, n)
    trips["zone"] = np.char.add("zone ", zone.astype(str))
    rush = np.exp(-((trips["hour"].to_numpy()[:, None] - [8, 18]) ** 2) / 4)
    jam = rush.sum(axis=1) * (trips["day"] < 5) + 0.5 * trips["rain"]
    speed = 30 * speed_of_zone[zone] / (1 + jam)
    minutes = 60 * trips["km"] / speed + 3
    trips["minutes"] = minutes * np.exp(0.15 * rng.normal(size=n))
    night = (trips["hour"] - 23.5) % 24 < 6
    content = 1 + 2 * night - 1.5 * jam + 0.1 * trips["km"]
    tip = (content + rng.logistic(size=n) > 0).astype("boolean")
    trips["tip"] = tip.mask(rng.random(n) < 1 / 3)
    part = known if week < 20 else new
    trips.to_parquet(part / f"week_{week:02}.parquet", index=False)

trips.head(3)

# %%
# Fit to the folder
# -----------------
# Pass the path of the folder as X, and names of columns as y. All other
# columns are features. In every epoch the files are read in random order, a
# few at a time, and their rows are mixed.
tasks = ["minutes", "tip"]
model = PLEClassifierRegressor(n_members=2, max_epochs=4, random_state=0)
model.fit(known, tasks)
model.task_types_

# %%
# ``score`` reads the folder of the new weeks, and returns the mean of accuracy
# and R².
round(model.score(new, tasks), 3)

# %%
# Predictions in files
# --------------------
# Predictions are written block by block, in the order of the rows: labels, or
# a column for each class.
predict_to_parquet(model, new, folder / "labels.parquet")
predict_to_parquet(
    model, new, folder / "shares.parquet", method="predict_proba"
)
shares = pd.read_parquet(folder / "shares.parquet")
shares.head(3).round(3)

# %%
# Read together with some columns of the new weeks, the predictions can be
# plotted by hour. A dot is the observed mean of an hour, a line the predicted
# one.
frame = pd.read_parquet(new, columns=["day", "hour", "minutes", "tip"])
frame["predicted"] = pd.read_parquet(folder / "labels.parquet")["minutes"]
frame["share"] = shares["tip=True"]
frame["when"] = np.where(frame["day"] < 5, "Monday to Friday", "weekend")
frame["tip"] = frame["tip"].astype(float)
means = frame.groupby(["when", "hour"]).mean()

figure, axes = plt.subplots(
    2, 1, figsize=(6.4, 5.2), sharex=True, layout="constrained"
)
panels = [
    ("minutes", "predicted", "mean minutes of a trip"),
    ("tip", "share", "share of trips with a tip"),
]
looks = {"Monday to Friday": ("tab:blue", "o"), "weekend": ("tab:orange", "s")}
for ax, (happened, predicted, label) in zip(axes, panels, strict=True):
    for when, (color, marker) in looks.items():
        hours = means.loc[when]
        ax.plot(hours[happened], marker, color=color, alpha=0.6, label=when)
        ax.plot(hours[predicted], color=color)
    ax.set(ylabel=label, ylim=(0, None))
    ax.grid(alpha=0.3)
axes[0].legend()
axes[1].set(xlabel="hour", xticks=range(0, 25, 6))
plt.show()
