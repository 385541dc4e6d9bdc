"""
A grid search over a cluster of Dask
====================================

scikit-learn runs independent jobs through joblib, and joblib can run them on a
Dask cluster. Then all machines of the cluster share the fits of a grid search,
or the groups of members of a single fit.
"""

# %%
# The cluster
# -----------
# In this example, the cluster is two workers in this process. For a cluster of
# several machines, pass the address of its scheduler to ``Client``, such as
# ``"tcp://10.0.0.1:8786"``; nothing else changes.
import joblib
import matplotlib.pyplot as plt
import pandas as pd
from distributed import Client, get_task_stream
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs

client = Client(
    processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
)
X, y = load_nhefs(tasks=["death", "exercise"], return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# The search
# ----------
# There are twelve fits, and ``n_jobs=1`` lets each use one core. To make the
# example fast, there are fewer members and epochs than by default. The score
# is the mean accuracy of both tasks.
model = PLEClassifierRegressor(
    n_members=4, max_epochs=5, refit=False, n_jobs=1, random_state=0
)
grid = {"n_shared_experts": [1, 2], "dropout": [0.1, 0.3]}
search = GridSearchCV(model, grid, cv=3, refit=False)
with joblib.parallel_config("dask"), get_task_stream(client) as stream:
    search.fit(X_train, y_train)

results = pd.DataFrame(search.cv_results_)
shown = ["param_n_shared_experts", "param_dropout", "mean_test_score"]
results[shown].round(3)

# %%
# Each bar is a fit. The fits are divided among the workers.
fits = pd.DataFrame(
    {"worker": entry["worker"], **part}
    for entry in stream.data
    for part in entry["startstops"]
    if part["action"] == "compute"
)
fits[["start", "stop"]] -= fits["start"].min()

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for k, (_, own) in enumerate(fits.groupby("worker")):
    color = ["tab:blue", "tab:orange"][k]
    spans = zip(own["start"], own["stop"] - own["start"], strict=True)
    ax.broken_barh(
        list(spans),
        (k - 0.35, 0.7),
        color=color,
        edgecolor="white",
        linewidth=2,
    )
ax.set_yticks([0, 1], ["worker 1", "worker 2"])
ax.set(xlabel="seconds from the start of the search")
plt.show()

# %%
# A single fit
# ------------
# With the best parameters, a model is fitted to all training rows. A single
# fit is distributed over the cluster by groups of members: with ``n_jobs=-1``
# there are as many groups as workers, but each has at least two members.
best = model.set_params(**search.best_params_)
with joblib.parallel_config("dask"):
    spread = PLEClassifierRegressor(**best.get_params() | {"n_jobs": -1}).fit(
        X_train, y_train
    )
round(spread.score(X_test, y_test), 3)

# %%
# A single core learns the same, except for rounding.
together = best.fit(X_train, y_train)
round(together.score(X_test, y_test), 3)

# %%
client.close()
