"""What holds for every fitted estimator, whatever it was fitted on."""

import pickle

import numpy as np
import pandas as pd


def rows_of(X, rows):
    """Take some rows of X of any form."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "take"):  # Arrow's, and numpy's with an axis.
        return X.take(rows, axis=0) if isinstance(X, np.ndarray) else X.take(rows)
    if hasattr(X, "tocsr"):
        return X.tocsr()[rows]
    return [X[row] for row in rows] if isinstance(X, list) else X[rows]


def columns_of(model, prediction):
    """Return predicted labels as one array a task."""
    if hasattr(prediction, "columns"):
        frame = prediction if isinstance(prediction, pd.DataFrame) else prediction.to_pandas()
        return [frame.iloc[:, k].to_numpy() for k in range(frame.shape[1])]
    array = np.asarray(prediction)
    return [array] if array.ndim == 1 else list(array.T)


def check_model(model, X, y, n, *, tame=True):
    """Check a fitted model's predictions of n rows against what must hold for all.

    Where steps of training may have been too long, as by a learning rate that was asked for, it is
    not tame: then predictions may be of any size.
    """
    predicted = model.predict(X)
    labels = columns_of(model, predicted)
    assert len(labels) == len(model.task_names_)
    check_form(model, X, y, predicted)
    for task, column, given in zip(model.tasks_, labels, columns_of(model, y), strict=True):
        assert column.shape == (n,), task.name
        if task.has_classes:
            assert set(column.tolist()) <= set(task.classes.tolist()), task.name
        else:
            assert np.isfinite(column.astype(float)).all(), task.name
            assert task.kind != "count" or (column.astype(float) >= 0).all(), task.name
            if tame:
                check_size(task, column.astype(float), given)
    if any(task.has_classes for task in model.tasks_):
        check_probabilities(model, X, labels, n)
    same(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    # A row's prediction does not depend on the other rows.
    last = columns_of(model, model.predict(rows_of(X, [n - 1])))
    for task, alone, column in zip(model.tasks_, last, labels, strict=True):
        alike(task, alone, column[-1:])


def check_size(task, predicted, given):
    """Check that predictions of rows with a label are not far off, whatever the unit."""
    there = ~pd.isna(given)
    largest = max(abs(float(label)) for label in given[there]) or 1.0
    if task.kind in ("regression", "quantile"):
        assert (np.abs(predicted[there] / largest) < 100).all(), task.name


def check_form(model, X, y, predicted):
    """Check that predictions come back as y came."""
    if isinstance(y, pd.DataFrame):
        assert list(predicted.columns) == list(y.columns)
        if isinstance(X, pd.DataFrame):
            assert predicted.index.equals(X.index)
    elif np.ndim(y) == 2:
        assert type(predicted) is type(y)


def check_probabilities(model, X, labels, n):
    """Check that probabilities are some, and go with the labels."""
    probabilities = model.predict_proba(X)
    if not isinstance(probabilities, list):
        probabilities = [probabilities]
    for task, own, column in zip(model.tasks_, probabilities, labels, strict=True):
        if not task.has_classes:
            assert own is None
            continue
        assert own.shape == (n, len(task.classes)), task.name
        assert (own >= 0).all() and (own <= 1).all(), task.name
        np.testing.assert_allclose(own.sum(axis=1), 1, atol=1e-5, err_msg=task.name)
        alone = model.predict_proba(rows_of(X, [n - 1]))
        alone = alone[model.tasks_.index(task)] if isinstance(alone, list) else alone
        np.testing.assert_allclose(alone, own[-1:], atol=1e-4, err_msg=task.name)
        if task.kind in ("binary", "multiclass"):
            chosen = np.array([task.classes.tolist().index(label) for label in column.tolist()])
            assert (own[np.arange(n), chosen] >= own.max(axis=1) - 1e-6).all(), task.name


def alike(task, one, other):
    """Check that predictions of the same rows among others are the same but for rounding."""
    if not task.has_classes:
        one, other = one.astype(float), other.astype(float)
        rounding = 1e-4 * getattr(task, "scale", 1.0)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=rounding, err_msg=task.name)


def same(one, other):
    """Check that two predictions are the same, to the last digit."""
    if hasattr(one, "equals"):
        assert one.equals(other)
        return
    np.testing.assert_array_equal(np.asarray(one, object), np.asarray(other, object))
