"""
Six targets at once
===================

NHEFS is a health survey: people who smoked were examined in 1971, and
followed until 1992. Its six targets are of three kinds, and some labels are
missing. One estimator learns them all. It needs no network connection: the
data come with the package, and no weights are downloaded, as they are for
:doc:`foundation models </from_foundation_models>`.
"""

# %%
# The data
# --------
# X has 46 features, numbers and categories, with missing values. y has a
# column for each target.
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
    r2_score,
)
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.export import load, save
from sklearn_ple.inspection import TrainingHistoryDisplay
from sklearn_ple.metrics import multitask_scores

X, y = load_nhefs(return_X_y=True)
y.head()

# %%
# A missing label is NaN. Its row is still used for the other tasks.
y.isna().sum()

# %%
# Fit
# ---
# X needs no preparation. The kinds of the tasks are inferred from y. If whole
# numbers could also be classes, set the kind yourself.
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

numbers = ["sbp", "dbp", "cholesterol"]
model = PLEClassifierRegressor(
    task_types=dict.fromkeys(numbers, "regression"), random_state=0
)
model.fit(X_train, y_train)
model.task_types_

# %%
# The fitted estimator shows its parameters and its network. From the bottom
# up, the network consists of the features, the experts of each task and the
# shared ones, the gates that weigh them, and the towers of the tasks.
model

# %%
# Each member of the ensemble leaves out some rows and is validated on them.
# Training ends when the joint validation loss no longer decreases, and the
# network returns to its best weights. Each task has its own panel, because
# losses of different tasks are on different scales.
TrainingHistoryDisplay.from_estimator(model)
plt.show()

# %%
# Predict
# -------
# Predictions look like y: the same columns, class labels, and numbers in their
# own units.
model.predict(X_test).head()

# %%
# ``predict_proba`` returns a list in the order of the tasks, with None for a
# task without classes.
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
# ``multitask_scores`` computes the area under the ROC curve for classes, and
# R² for numbers. Missing labels are skipped.
pd.Series(multitask_scores(model, X_test, y_test)).round(3)

# %%
# scikit-learn's own displays accept the predictions of one task at a time.
# Death is predicted well from age and health. "Much" exercise is never
# predicted here, because it is the least frequent class (``class_weight`` can
# change that). Systolic blood pressure is predicted only roughly.
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

# %%
# Predict with known labels
# -------------------------
# Often some labels of a new row are known before others. Here it is one of the
# two blood pressures, and the other is predicted far better with it. A model
# of a single target cannot use it, unless it was trained for just this case.
known = model.predict(X_test, known=y_test[["dbp"]])
pd.Series(
    {
        "without": r2_score(y_test["sbp"][there], predicted["sbp"][there]),
        "with dbp": r2_score(y_test["sbp"][there], known["sbp"][there]),
    },
    name="R² of sbp",
).round(2)

# %%
# What is deployed
# ----------------
# One file predicts all targets. The training rows are not in it.
with TemporaryDirectory() as folder:
    path = Path(folder, "model.safetensors")
    save(model, path)
    megabytes = path.stat().st_size / 1e6
    loaded = load(path)

start = perf_counter()
for _ in range(50):
    loaded.predict(X_test[:1])
milliseconds = 1000 * (perf_counter() - start) / 50
print(f"{megabytes:.1f} MB, {milliseconds:.1f} ms for a row")

# %%
# Where next
# ----------
# A report shows all tasks on one page: :doc:`plot_report`. The :doc:`user
# guide </guide/index>` says how to save the model, serve it, calibrate it, and
# find out whether sharing helps.
