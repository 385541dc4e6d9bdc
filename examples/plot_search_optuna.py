"""
Searching for good parameters
=============================

Every estimator defines a search space: ``search_space`` returns the parameters
to tune, with ranges, for scikit-learn's random searches or for Optuna. This
example runs two searches that stop poor candidates early, and then scores a
whole search.

Without Optuna (``pip install optuna``), the part on Optuna is skipped.
"""

# %%
# The data
# --------
# Two tasks of NHEFS, a class and a number. Some labels of the number are
# missing.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
    train_test_split,
)
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs

try:
    import optuna
except ImportError as error:
    print(
        f"{error}. Install it and run this example again to see Optuna's part."
    )
    optuna = None

X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# The space
# ---------
# The space is a dict: you can remove parameters, or change their values. One
# member and few epochs make this example fast.
space = PLEClassifierRegressor.search_space()
base = PLEClassifierRegressor(n_members=1, random_state=0)
list(space)

# %%
# Optuna, with pruning of poor trials
# -----------------------------------
# A callback of skorch reports the validation loss after every epoch, and ends
# a trial that is worse than the median of earlier trials. Because of the fixed
# ``random_state``, every trial sets aside the same rows. With callbacks there
# is no second training on all rows, unless ``refit=True`` requests it. So all
# epochs that are reported belong to the same training.


class PruneByEpoch(Callback):
    """Ends a trial that is worse than others were at the same epoch."""

    def __init__(self, trial):
        self.trial = trial

    def __deepcopy__(self, memo):
        # Every training copies the callbacks; the trial is the study's.
        return PruneByEpoch(self.trial)

    def on_epoch_end(self, net, **kwargs):
        epoch = net.history[-1]
        self.trial.report(epoch["valid_loss"], epoch["epoch"])
        if self.trial.should_prune():
            raise optuna.TrialPruned


suggest = PLEClassifierRegressor.search_space("optuna")


def objective(trial):
    model = PLEClassifierRegressor(
        n_members=1,
        max_epochs=10,
        validation_fraction=0.25,
        callbacks=[PruneByEpoch(trial)],
        random_state=0,
        **suggest(trial),
    )
    model.fit(X_train, y_train)
    return min(epoch["valid_loss"] for epoch in model.history_)


if optuna is not None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=4, n_warmup_steps=2
        ),
    )
    study.optimize(objective, n_trials=20)

# %%
# The parameters of the best trial; widths are tuples again.
if optuna is not None:
    best = PLEClassifierRegressor(
        n_members=2, random_state=0, **suggest(study.best_trial)
    )
    best.fit(X_train, y_train)
    print(pd.Series(suggest(study.best_trial)).to_string())
    print(f"score on the test rows: {best.score(X_test, y_test):.3f}")

# %%
# Each line is a trial. The short ones were pruned.
if optuna is not None:
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    looks = {
        "PRUNED": {"color": "tab:gray", "alpha": 0.6, "label": "pruned"},
        "COMPLETE": {
            "color": "tab:blue",
            "alpha": 0.6,
            "label": "trained to the end",
        },
    }
    for trial in study.trials:
        losses = pd.Series(trial.intermediate_values)
        ax.plot(losses, **looks[trial.state.name])
        ax.plot(losses.tail(1), "o", markersize=4, **looks[trial.state.name])
    ax.plot(
        pd.Series(study.best_trial.intermediate_values),
        color="tab:orange",
        lw=3,
        label="best",
    )
    entries = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(entries.values(), entries.keys())
    ax.set(xlabel="epoch", ylabel="joint validation loss")
    ax.grid(alpha=0.3)
    plt.show()

# %%
# scikit-learn, with more epochs for the better ones
# --------------------------------------------------
# :class:`~sklearn.model_selection.HalvingRandomSearchCV` starts with many
# candidates and two epochs. It keeps the best third, trains them again with
# three times as many epochs, and so on. The learning rate falls to zero within
# the number of epochs, so even short trainings allow a fair comparison.
folds = KFold(3, shuffle=True, random_state=0)
halving = HalvingRandomSearchCV(
    base.set_params(early_stopping=False),
    space,
    resource="max_epochs",
    min_resources=2,
    max_resources=18,
    n_candidates=9,
    cv=folds,
    random_state=0,
)
halving.fit(X_train, y_train)
print(f"score on the test rows: {halving.score(X_test, y_test):.3f}")
halving.best_params_

# %%
# Each line is a candidate, from round to round.
results = pd.DataFrame(halving.cv_results_)
candidates = results["params"].map(
    lambda params: str(params | {"max_epochs": None})
)

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for _, rounds in results.groupby(candidates):
    ax.plot(
        rounds["n_resources"],
        rounds["mean_test_score"],
        "o-",
        color="tab:blue",
        alpha=0.5,
    )
ax.set_xscale("log")
ax.set_xticks(halving.n_resources_, halving.n_resources_)
ax.minorticks_off()
ax.set(xlabel="epochs", ylabel="score in cross-validation")
ax.grid(alpha=0.3)
plt.show()

# %%
# How good is a search?
# ---------------------
# The best score of a search is wrong in two ways. It is too high, because it
# is that of the luckiest candidate, and too low, because candidates are
# trained on only a part of the rows. Nested cross-validation scores the search
# as a whole, on rows that it has not seen.
search = RandomizedSearchCV(
    PLEClassifierRegressor(
        n_members=1, max_epochs=6, early_stopping=False, random_state=0
    ),
    space,
    n_iter=4,
    cv=KFold(2, shuffle=True, random_state=0),
    random_state=0,
)
nested = cross_validate(search, X, y, cv=folds, return_estimator=True)
pd.DataFrame(
    {
        "score in the search": [
            inner.best_score_ for inner in nested["estimator"]
        ],
        "score on unseen rows": nested["test_score"],
    }
).round(3)
