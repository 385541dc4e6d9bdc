"""Which values the parameters may take that all estimators share; `_docs` says what they mean."""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from .numeric import NUMERIC_EMBEDDINGS
from .training import LR_SCHEDULES, OPTIMIZERS

SHARED_PARAMETERS: dict[str, list] = {
    "task_types": [str, list, tuple, dict],
    "class_weight": [StrOptions({"balanced"}), dict, list, tuple, None],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "max_categories": [Interval(Integral, 1, None, closed="left"), None],
    "min_frequency": [
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="neither"),
        None,
    ],
    "numeric_embedding": [StrOptions(set(NUMERIC_EMBEDDINGS)), None],
    "n_bins": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    "embedding_dim": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "feature_dropout": [Interval(Real, 0, 1, closed="left")],
    "n_members": [Interval(Integral, 1, None, closed="left")],
    "task_weights": ["array-like", dict, None],
    "task_weight_decay": [Interval(Real, 0, None, closed="neither"), "array-like", dict],
    "optimizer": [StrOptions(set(OPTIMIZERS)), type],
    "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "weight_averaging": [Interval(Real, 0, 1, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "early_stopping": [StrOptions({"auto"}), "boolean"],
    "validation_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "device": [str],
    "dtype": [StrOptions({"float32", "float64"})],
    "callbacks": [list, tuple, None],
    "net_params": [dict, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
