"""
Census-Income, a benchmark of the papers
========================================

Is a person's income above 50,000 dollars, and has the person never married?
The papers on multi-gate mixture of experts and on Progressive Layered
Extraction learn these two tasks together.

The files are searched for in the folder that the environment variable
``SKLEARN_PLE_DATA`` names, and in scikit-learn's data home. If they are not
found, the stored results of an earlier run are shown.
"""

# %%
# The data
# --------
# The published test part alone is enough: two thirds of it are used for
# training, the rest for testing. See
# :func:`~sklearn_ple.datasets.fetch_census_income` for the full benchmark, and
# pass ``download_if_missing=True`` to download the files.
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import fetch_census_income
from sklearn_ple.inspection import TrainingHistoryDisplay

TASKS = ["income", "never_married"]
try:
    X, y = fetch_census_income(
        subset="test", download_if_missing=False, return_X_y=True
    )
except OSError:
    X, y = None, None
    results = json.loads(Path("kept/census_income.json").read_text())
    print("Data not found: these results were kept from an earlier run.")
else:
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=1 / 3, random_state=0
    )
    results = {"mean": y_train.mean().to_dict()}

# %%
# Incomes above 50,000 dollars are rare; never having married is not.
pd.Series(results["mean"]).round(3)

# %%
# Fit
# ---
# Most of the 39 columns are categories; the network learns an embedding for
# each. Nearly everyone has no capital gains; bins, which the network also
# reads, separate the other values. Two members instead of eight make this
# example fast.
if X is not None:
    model = PLEClassifierRegressor(n_members=2, random_state=0)
    results["history"] = model.fit(X_train, y_train).history_
TrainingHistoryDisplay(results["history"], TASKS).plot()
plt.show()

# %%
# Compare with one boosting model per task
# ----------------------------------------
# Boosted trees are strong on tables with many categories and sharp thresholds.
# Two of them, one for each task, are compared with the single network. The
# scores are areas under the ROC curves.
false_rates = np.geomspace(1e-3, 1, 200)
if X is not None:
    probabilities = {"PLE": model.predict_proba(X_test)}
    probabilities["boosting"] = [
        HistGradientBoostingClassifier(random_state=0)
        .fit(X_train, y_train[task])
        .predict_proba(X_test)
        for task in TASKS
    ]
    results["auc"] = {name: {} for name in probabilities}
    results["roc"] = {name: {} for name in probabilities}
    for name, both in probabilities.items():
        for task, shares in zip(TASKS, both, strict=True):
            labels, scores = y_test[task], shares[:, 1]
            results["auc"][name][task] = roc_auc_score(labels, scores)
            curve = np.interp(false_rates, *roc_curve(labels, scores)[:2])
            results["roc"][name][task] = curve.tolist()
pd.DataFrame(results["auc"]).round(4)

# %%
# The axis of false positive rates is logarithmic, because the curves differ at
# low rates.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
# sphinx_gallery_thumbnail_number = 2
for ax, task in zip(axes, TASKS, strict=True):
    for (name, curves), style in zip(
        results["roc"].items(), ["-", "--"], strict=True
    ):
        label = f"{name}, AUC {results['auc'][name][task]:.4f}"
        ax.plot(false_rates, curves[task], style, label=label)
    ax.set(title=task, xscale="log", xlim=(1e-3, 1))
    ax.set(xlabel="false positive rate", ylabel="true positive rate")
    ax.legend(loc="lower right")
    ax.grid(alpha=0.3)
plt.show()
