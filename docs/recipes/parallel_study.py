"""A study of Optuna whose trials run side by side, by joblib."""

import warnings

import optuna
from joblib import Parallel, delayed
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.model_selection import cross_val_score


def mean_score(estimator, X, y, cv):
    """Return the mean score over the folds; the error where a fit fails."""
    try:
        scores = cross_val_score(estimator, X, y, cv=cv, error_score="raise")
    except ValueError as error:
        return error
    return scores.mean()


def search(
    estimator, X, y, *, n_trials=40, at_once=4, cv=3, n_jobs=None, seed=0
):
    """Run some trials side by side, and suggest the next from their scores."""
    suggest = type(estimator).search_space("optuna")
    # Running trials count as bad ones, so that others look elsewhere.
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while len(study.trials) < n_trials:
        n = min(at_once, n_trials - len(study.trials))
        trials = [study.ask() for _ in range(n)]
        models = [clone(estimator).set_params(**suggest(t)) for t in trials]
        scores = Parallel(n_jobs=n_jobs)(
            delayed(mean_score)(model, X, y, cv) for model in models
        )
        for trial, score in zip(trials, scores, strict=True):
            if isinstance(score, ValueError):
                warnings.warn(
                    f"Trial {trial.number} fails: {score}", stacklevel=2
                )
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, score)
    return study, clone(estimator).set_params(**suggest(study.best_trial))
