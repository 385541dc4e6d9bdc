"""Names that boosting has and the estimators do not, and what to use here instead."""

_EARLY = "set n_iter_no_change, and pass rows of your own as X_val and y_val to fit"
_CATEGORIES = "set categorical_features, or make the columns categorical"
_METRIC = (
    "set early_stopping to the name of a task whose score decides; validation is by losses, and "
    "sklearn_ple.metrics.multitask_scores computes other metrics"
)
_MONOTONE = (
    "a network cannot be made monotone; boosting can, such as PerTaskClassifierRegressor with "
    "HistGradientBoostingRegressor(monotonic_cst=...)"
)

#: What to do instead of passing an argument, by its name.
ARGUMENTS = {
    "cat_features": _CATEGORIES,
    "categorical_feature": _CATEGORIES,
    "early_stopping_rounds": _EARLY,
    "eval_metric": _METRIC,
    "eval_set": "pass the rows as X_val and their labels as y_val",
    "monotone_constraints": _MONOTONE,
    "monotonic_cst": _MONOTONE,
    "n_estimators": "set max_epochs",
    "scale_pos_weight": "set class_weight",
}

_HISTORY = "see history_, whose entries have the losses of each epoch, and n_iter_"

#: What to use instead of an attribute of a fitted model, by its name.
ATTRIBUTES = {
    "best_iteration_": _HISTORY,
    "best_score_": _HISTORY,
    "evals_result_": _HISTORY,
    "feature_importances_": (
        "sklearn_ple.inspection.multitask_importance(model, X, y) measures the importance of the "
        "columns for each task"
    ),
}
