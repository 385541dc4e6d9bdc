"""
Census-Income, a benchmark of the papers
========================================

Is a person's income above 50,000 dollars, and has the person never married?
The papers on multi-gate mixture of experts and on Progressive Layered
Extraction learn these two tasks together.

The files are looked for in the folder that the environment variable
``SKLEARN_PLE_DATA`` names and in scikit-learn's data home. Without them this
example says where to put them, and ends.
"""

# %%
# The data
# --------
# The published test part alone is enough: two thirds of it to train on, the
# rest to test. See :func:`~sklearn_ple.datasets.fetch_census_income` for the
# full benchmark.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score, roc_curve

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import fetch_census_income
from sklearn_ple.inspection import TrainingHistoryDisplay

try:
    X, y = fetch_census_income(
        subset="test", download_if_missing=False, return_X_y=True
    )
except OSError as error:
    print(f"{error}\nThen run this example again.")
    X = y = None

# %%
# Income above the bound is rare; marital status is not.
if y is not None:
    train, test = np.split(
        np.random.RandomState(0).permutation(len(X)), [66_508]
    )
    X_train, X_test, y_train, y_test = (
        X.iloc[train],
        X.iloc[test],
        y.iloc[train],
        y.iloc[test],
    )
    print(y_train.mean().round(3).to_string())

# %%
# Fit
# ---
# Most of the 39 columns are categories; the network learns an embedding for
# each. Numbers such as capital gains are zero for nearly everyone: the network
# reads bins of them as well, which part the other values. Two members instead
# of the default make this example fast.
if y is not None:
    model = PLEClassifierRegressor(n_members=2, random_state=0).fit(
        X_train, y_train
    )
    TrainingHistoryDisplay.from_estimator(model)
    plt.show()

# %%
# Compare with one boosting model per task
# ----------------------------------------
# Tables with many categories and sharp thresholds are where boosted trees are
# at home; two models are fitted for what the network does in one.
if y is not None:
    curves = {"PLE": dict(zip(y, model.predict_proba(X_test), strict=True))}
    curves["boosting"] = {
        task: HistGradientBoostingClassifier(random_state=0)
        .fit(X_train, y_train[task])
        .predict_proba(X_test)
        for task in y
    }
    auc = pd.DataFrame(
        {
            name: {
                task: roc_auc_score(y_test[task], scores[task][:, 1])
                for task in y
            }
            for name, scores in curves.items()
        }
    )
    print(auc.round(4).to_string())

# %%
# The axis of false positives is logarithmic: that is where the curves differ.
if y is not None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    for ax, task in zip(axes, y, strict=True):
        for name, scores in curves.items():
            false, true, _ = roc_curve(y_test[task], scores[task][:, 1])
            ax.plot(
                false, true, label=f"{name}, AUC {auc.loc[task, name]:.4f}"
            )
        ax.set(title=task, xscale="log", xlim=(1e-3, 1))
        ax.legend(loc="lower right")
        ax.set(xlabel="false positive rate", ylabel="true positive rate")
        ax.grid(alpha=0.3)
    plt.show()
