"""
A grid search over a cluster of Dask
====================================

scikit-learn runs what is independent through joblib, and joblib through Dask:
the fits of a grid search, and the groups of members of a single fit, are then
done by all machines of a cluster.
"""

# %%
# The cluster
# -----------
# Here it is two workers in this process. Of a cluster of several machines,
# ``Client`` takes the scheduler's address, such as ``"tcp://10.0.0.1:8786"``;
# nothing else changes.
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
# Twelve fits fill the cluster: each of them takes one core, by ``n_jobs=1``.
# Four members and five epochs are less than the defaults, to be fast here. The
# score is the mean accuracy of both tasks.
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
# A bar is a fit. The workers share them out.
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
# The best parameters are fitted once more, to all rows of training. A single
# fit spreads over the cluster by groups of its members: with ``n_jobs=-1`` as
# many as there are workers, but of two members at least.
best = model.set_params(**search.best_params_)
with joblib.parallel_config("dask"):
    spread = PLEClassifierRegressor(**best.get_params() | {"n_jobs": -1}).fit(
        X_train, y_train
    )
round(spread.score(X_test, y_test), 3)

# %%
# The model is the one that a single core learns, bit for bit.
together = best.fit(X_train, y_train)
spread.predict(X_test).equals(together.predict(X_test))

# %%
client.close()
