"""A trial of a loaded model, so that a file that does not hold together fails at once."""

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from ...utils.warn import collected
from ..estimator import FittedEstimator


def try_model(model: FittedEstimator) -> None:
    """Predict two rows, and compute the losses of their outputs.

    One row has no values. The other one holds zeros, the first category of each column, and no
    dates.

    Parameters
    ----------
    model : estimator of this package
        The model.

    Raises
    ------
    ValueError
        If an output is not finite. Other errors are possible, too.
    """
    X = _make_rows(model)
    # Two rows need no threads.
    n_jobs, model.n_jobs = model.n_jobs, 1
    try:
        _try_losses(model, X)
        _try_predictions(model, X)
    finally:
        model.n_jobs = n_jobs


def _try_losses(model: FittedEstimator, X: pd.DataFrame | sparse.csr_matrix) -> None:
    for task, outputs in zip(model.tasks_, model._compute(X), strict=True):
        if not np.isfinite(outputs).all():
            raise ValueError(f"the outputs of the task {task.name!r} are not finite")
        task.loss(torch.as_tensor(outputs), torch.zeros(len(outputs), dtype=torch.float64))
        if task.has_classes:
            task.encode(task.classes)


def _try_predictions(model: FittedEstimator, X: pd.DataFrame | sparse.csr_matrix) -> None:
    model.predict(X)
    model.transform(X)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X)
    if model._copula is not None:
        model.complete(X, model.predict(X))
    if model._deviations is not None and any(task.has_errors for task in model.tasks_):
        model.predict(X, return_std=True)
        # A warning that labels are too few for the default level would come unasked.
        with collected(UserWarning):
            model.predict_interval(X)


def _make_rows(model: FittedEstimator) -> pd.DataFrame | sparse.csr_matrix:
    names, features = getattr(model, "feature_names_in_", None), model._encoder.features
    X = sparse.csr_matrix((2, model.n_features_in_))
    if features.columns_ or features.zones_ or names is not None:
        X = pd.DataFrame(np.zeros(X.shape), columns=names)
        X.iloc[0] = X.iloc[:, features.date_positions_] = np.nan
        pairs = zip(features.columns_, features.categorical_positions_, strict=True)
        for column, position in pairs:
            codes = [-1, 0 if len(column.categories) else -1]
            cells = pd.Categorical.from_codes(codes, categories=column.categories)
            X.isetitem(position, cells)
    return X
