"""
A report to share
=================

How well is each task predicted, how sure is that, which tasks lose because
they are learnt with others, and how was the model made? A report answers in
one page, for readers who know neither scikit-learn nor multi-task learning.
"""

# %%
# A model of six tasks, and its twin that learns each of them alone. Both are
# small here.
import tempfile
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
# The scores are on rows that neither model has seen. Their intervals come from
# the bootstrap: the rows are drawn anew, many times.
report = MultiTaskReport.from_estimator(
    model, X_test, y_test, single_task=alone, random_state=0
)
report.scores.round(3)

# %%
# The four numbers are hard to foresee, but their intervals end above zero. A
# bar is an interval.
scores = report.scores.iloc[::-1]
labels = scores["task"] + " (" + scores["metric"] + ")"
figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.hlines(labels, scores["low"], scores["high"], lw=6, alpha=0.4)
ax.plot(scores["score"], labels, "o")
ax.set(xlabel="score on the test rows", xlim=(0, 1))
ax.grid(axis="x", alpha=0.3)
plt.show()

# %%
# With the twin the report also says which tasks gain and which lose.
print(report.gain)

# %%
# Two pictures for each task: the ROC and the calibration curve of classes, the
# predicted values and the residuals of numbers.
report.plot()
plt.show()

# %%
# The page has all this and more: the data, missing labels, training, gates,
# parameters, versions. It is one file that loads nothing from elsewhere.
page = Path(tempfile.mkdtemp()) / "report.html"
report.to_html(page, title="Health after twenty years")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")
