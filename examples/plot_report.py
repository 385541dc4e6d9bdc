"""
A report to share
=================

How well is each task predicted, and how certain is this? Which tasks lose
because they are learnt together with others? How was the model made? A report
answers these questions on one page, for readers who know neither scikit-learn
nor multi-task learning.
"""

# %%
# A model that learns six tasks together, and one that learns each of them
# alone. Both are small here.
from pathlib import Path

import matplotlib.pyplot as plt

from sklearn_ple import PLEClassifierRegressor, SingleTaskClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.inspection import MultiTaskReport
from sklearn_ple.model_selection import train_test_split

X, y = load_nhefs(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

parameters = {
    "task_types": dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression"),
    "n_members": 2,
    "random_state": 0,
}
model = PLEClassifierRegressor(**parameters).fit(X_train, y_train)
alone = SingleTaskClassifierRegressor(**parameters).fit(X_train, y_train)

# %%
# Both models are scored on rows that they have not seen. The confidence
# intervals come from the bootstrap: rows are drawn again and again, with
# replacement.
report = MultiTaskReport.from_estimator(
    model, X_test, y_test, single_task=alone, random_state=0
)
report.scores.round(3)

# %%
# The four numbers are hard to predict, but the intervals of their scores lie
# above zero. Each bar is an interval.
scores = report.scores.iloc[::-1]
labels = scores["task"] + " (" + scores["metric"] + ")"
figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.hlines(labels, scores["low"], scores["high"], lw=6, alpha=0.4)
ax.plot(scores["score"], labels, "o")
ax.set(xlabel="score on the test rows", xlim=(0, 1))
ax.grid(axis="x", alpha=0.3)
plt.show()

# %%
# Because the second model was passed, the report also shows which tasks gain
# and which lose.
print(report.gain)

# %%
# There are two plots for each task: the ROC curve and the calibration curve
# for classes, predicted against actual values and residuals for numbers.
report.plot()
plt.show()

# %%
# The page contains all this and more: the data, missing labels, training,
# gates, parameters and versions. It is a single file that loads nothing else.
page = Path("report.html")
report.to_html(page, title="Six targets of a health survey")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")
