"""
Validation in the order of time
===============================

A model that is to predict next month has to be validated on the latest rows.
Rows drawn at random lie between rows of training: what they score says how
well the model fills gaps, not how well it looks ahead.
"""

# %%
# A shop's sales, and whether goods run out, three times a day. Warmth and
# price matter, and so does demand, which rises and falls over days and weeks.
# Nobody measures it, but the other sales of the same day, and those of the
# days around it, show it. The last 100 days are the future.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ple import PLEClassifierRegressor

rng = np.random.default_rng(1)
demand = np.zeros(500)
for day in range(1, 500):
    demand[day] = 0.9 * demand[day - 1] + 0.4 * rng.normal()
X = pd.DataFrame({"day": np.arange(500).repeat(3)})
X["warmth"], X["price"] = rng.normal(size=(2, len(X)))
wanted = demand[X["day"]] + X["warmth"] - X["price"]
sales, sold_out = wanted.to_numpy() + 0.5 * rng.normal(size=(2, len(X)))
y = pd.DataFrame({"sales": 100 + 10 * sales, "sold_out": sold_out > 1})
past, future = X["day"] < 400, X["day"] >= 400

# %%
# The same model twice. ``validation_split="last"`` sets the latest rows aside;
# "random" draws as many. Early stopping, the weights of the members and the
# intervals all depend on these rows.
models = {
    split: PLEClassifierRegressor(
        n_members=2,
        validation_split=split,
        validation_fraction=0.2,
        random_state=0,
    ).fit(X[past], y[past])
    for split in ("random", "last")
}

# %%
# The score in validation beside the score in the future: R² of sales, accuracy
# of the other task. Of a day with rows of training, the model knows the
# demand; of later days it does not. Random rows hide that. The last rows show
# it, though not in full: the future lies further ahead.
rows = {}
for split, model in models.items():
    best = min(model.history_, key=lambda epoch: epoch["valid_loss"])
    promised = dict(
        zip(model.task_names_, best["valid_task_scores"], strict=True)
    )
    for task in model.task_names_:
        came = model.task_view(task).score(X[future], y.loc[future, task])
        rows[f'{task}, "{split}"'] = {
            "validation": promised[task],
            "future": came,
        }
scores = pd.DataFrame.from_dict(rows, orient="index").sort_index()
scores.round(2)

# %%
# The longer the line, the more validation overstates the score.
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.hlines(scores.index, scores["validation"], scores["future"], color="0.6")
ax.plot(scores["validation"], scores.index, "o", label="validation")
ax.plot(scores["future"], scores.index, "s", label="future")
ax.set(xlabel="score", xlim=(0, 1))
ax.margins(y=0.2)
ax.legend(loc="lower left")
plt.show()

# %%
# Intervals are too narrow where validation overstates the score. Of the
# future's sales, those of 90 % hold:
for split, model in models.items():
    low, high = model.predict_interval(X[future], level=0.9)
    inside = y.loc[future, "sales"].between(low["sales"], high["sales"])
    print(f"{split}: {inside.mean():.0%}")

# %%
# Where rows belong together, as those of a patient, ``fit(X, y, groups=...)``
# keeps each group on one side. For gaps and other splits, ``validation_split``
# takes a splitter of scikit-learn.
