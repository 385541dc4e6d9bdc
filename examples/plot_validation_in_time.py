"""
Validation in the order of time
===============================

A model that will predict next month has to be validated on the latest rows. If
the validation rows are drawn at random, they lie between training rows. Their
scores then show how well the model fills gaps, not how well it predicts the
future.
"""

# %%
# Data of a shop: three times a day, its sales and whether goods are sold out.
# They depend on temperature, price and demand. Demand rises and falls over
# days and weeks, and is not measured. But other sales on the same day, and on
# adjacent days, reveal it. The last 100 days are the future.
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
# Two models differ only in ``validation_split``: "last" sets aside the latest
# rows, and "random" the same number of random rows. Early stopping, the
# weights of the members and the intervals all depend on these rows.
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
# The table compares the validation score with the score on future rows: R² for
# sales, accuracy for the other task. On days with training rows, the model can
# learn the demand; on later days it cannot. Random validation rows hide this.
# The last rows reveal it, but not in full, because the future is further away.
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
# The longer the line, the more optimistic the validation score.
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.hlines(scores.index, scores["validation"], scores["future"], color="0.6")
ax.plot(scores["validation"], scores.index, "o", label="validation")
ax.plot(scores["future"], scores.index, "s", label="future")
ax.set(xlabel="score", xlim=(0, 1))
ax.margins(y=0.2)
ax.legend(loc="lower left")
plt.show()

# %%
# If the validation score is too optimistic, intervals are too narrow. This is
# the share of future sales that lie within their 90 % intervals:
for split, model in models.items():
    low, high = model.predict_interval(X[future], level=0.9)
    inside = y.loc[future, "sales"].between(low["sales"], high["sales"])
    print(f"{split}: {inside.mean():.0%}")

# %%
# If some rows belong together, such as those of a patient,
# ``fit(X, y, groups=...)`` never splits a group between training and
# validation. For other splits, for example with a gap, pass a splitter of
# scikit-learn as ``validation_split``.
