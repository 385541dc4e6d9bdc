"""
Six targets at once
===================

NHEFS is a health survey: people were examined in 1971 and followed for twenty
years. Its six targets are of three kinds, and some labels are missing. One
estimator learns them all.
"""

# %%
# The data
# --------
# X holds 46 features, numbers and categories, with missing values. y holds one
# column per task.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
)
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.inspection import TrainingHistoryDisplay

X, y = load_nhefs(return_X_y=True)
y.head()

# %%
# A label that is missing is NaN. No row has to be dropped for it.
y.isna().sum()

# %%
# Fit
# ---
# X goes in as it is. The kinds of the tasks follow from y; it is better to
# name the kind only for whole numbers that could be classes as well.
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

numbers = ["sbp", "dbp", "cholesterol"]
model = PLEClassifierRegressor(
    task_types=dict.fromkeys(numbers, "regression"), random_state=0
)
model.fit(X_train, y_train)
model.task_types_

# %%
# The fitted estimator shows its parameters and its network. From the features
# up: experts, of each task and shared, the gates that weigh them, and the
# tasks' towers.
model

# %%
# Each member of the network leaves some rows out and is validated on them:
# training ends when their joint loss no longer decreases, and the network goes
# back to its best weights. Each task has a panel of its own, since their
# losses are on different scales.
TrainingHistoryDisplay.from_estimator(model)
plt.show()

# %%
# Predict
# -------
# Predictions look like y: the same columns, class labels, and numbers in their
# own units.
model.predict(X_test).head()

# %%
# Probabilities are a list in the order of the tasks, None for a task without
# classes.
probabilities = dict(
    zip(model.task_names_, model.predict_proba(X_test), strict=True)
)
exercise = pd.DataFrame(
    probabilities["exercise"], index=X_test.index, columns=model.classes_[-1]
)
exercise.head().round(3)

# %%
# Score
# -----
# ``score`` is the mean over the tasks of accuracy or R². For a single task,
# hide the labels of the others: missing labels are skipped.
scores = {
    task: model.score(X_test, y_test[[task]].reindex(columns=y.columns))
    for task in model.task_names_
}
pd.Series(scores, name="accuracy or R²").round(3)

# %%
# scikit-learn's own displays take the predictions, one task at a time. Death
# is foreseen well from age and health. Much exercise is hardly ever predicted,
# being rare (``class_weight`` can change that), and systolic blood pressure
# only in part.
predicted = model.predict(X_test)
there = y_test["sbp"].notna()

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
# sphinx_gallery_thumbnail_number = 2
RocCurveDisplay.from_predictions(
    y_test["death"],
    probabilities["death"][:, 1],
    ax=axes[0],
    name="PLE",
    plot_chance_level=True,
)
axes[0].set_title("death")
ConfusionMatrixDisplay.from_predictions(
    y_test["exercise"],
    predicted["exercise"],
    ax=axes[1],
    cmap="Blues",
    colorbar=False,
)
axes[1].set_title("exercise")
PredictionErrorDisplay.from_predictions(
    y_test["sbp"][there],
    predicted["sbp"][there],
    kind="actual_vs_predicted",
    ax=axes[2],
)
axes[2].set_title("systolic blood pressure in mmHg")
plt.show()
