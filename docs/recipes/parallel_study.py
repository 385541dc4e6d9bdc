"""A study of Optuna whose trials run side by side, by joblib: on cores, or on a Dask cluster."""

import optuna
from joblib import Parallel, delayed
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.model_selection import cross_val_score


def mean_score(estimator, X, y, cv):
    """Return the mean score over the folds; None where a fit fails."""
    try:
        return cross_val_score(estimator, X, y, cv=cv, error_score="raise").mean()
    except ValueError:
        return None


def search(estimator, X, y, *, n_trials=40, at_once=4, cv=3, n_jobs=None, seed=0):
    """Ask for some trials at a time, run them side by side, and tell what came of them."""
    suggest = type(estimator).search_space("optuna")
    # Trials that are still running count as bad ones, so that others look elsewhere.
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while len(study.trials) < n_trials:
        trials = [study.ask() for _ in range(min(at_once, n_trials - len(study.trials)))]
        scores = Parallel(n_jobs=n_jobs)(
            delayed(mean_score)(clone(estimator).set_params(**suggest(trial)), X, y, cv)
            for trial in trials
        )
        for trial, score in zip(trials, scores, strict=True):
            if score is None:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, score)
    return study, clone(estimator).set_params(**suggest(study.best_trial))
