"""Predictions of rows by members that were not trained on them."""

import numpy as np
import pandas as pd
import pytest
from makers import assert_alike, make_table, make_tiny


def count_predicted(predictions):
    return [
        int(np.isfinite(part).reshape(len(part), -1).all(axis=1).sum()) for part in predictions
    ]


def test_rows_set_aside_have_the_predictions_of_the_fitted_model():
    X, y = make_table(600)
    model = make_tiny(refit=False)
    predictions = model.fit_out_of_fold(X, y)
    assert count_predicted(predictions) == [60, 60, 60]
    rows = np.isfinite(predictions[1])
    proba, numbers = model.predict_proba(X[rows]), model.predict(X[rows])["price"]
    assert_alike(predictions[1][rows], numbers)
    for k in (0, 2):
        assert_alike(predictions[k][rows], proba[k])


def test_the_fit_is_that_of_fit():
    X, y = make_table(150)
    model = make_tiny(n_members=4)
    predictions = model.fit_out_of_fold(X, y)
    assert model.predict(X).equals(make_tiny(n_members=4).fit(X, y).predict(X))
    # Four folds of a half of a twelfth of the rows.
    assert count_predicted(predictions) == [24, 24, 24]


def test_a_label_has_no_effect_on_the_predictions_of_its_fold():
    X = make_table(150)[0]
    label = (X["b"] > 0).astype(int)
    model = make_tiny(n_members=4, max_epochs=1)
    (before,) = model.fit_out_of_fold(X, label)
    row = np.flatnonzero(np.isfinite(before[:, 0]))[0]
    label[row] = 1 - label[row]
    (after,) = model.fit_out_of_fold(X, label)
    same = (before == after).all(axis=1)
    # The six rows of its fold, two members of which were trained without the label.
    assert same[row]
    assert same.sum() == 6


@pytest.mark.parametrize("params", [{"early_stopping": False}, {"n_members": 1}])
def test_without_validation_rows_there_are_none(params):
    X, y = make_table(60)
    predictions = make_tiny(**params).fit_out_of_fold(X, y)
    assert [part.shape for part in predictions] == [(60, 2), (60,), (60, 3)]
    assert count_predicted(predictions) == [0, 0, 0]


def test_rows_without_labels_have_no_prediction_and_weights_count():
    X, y = make_table(150)
    y.iloc[:75] = None
    (late, *_) = make_tiny(n_members=4, early_stopping=True).fit_out_of_fold(X, y)
    assert not np.isfinite(late[:75]).any()
    assert np.isfinite(late[75:]).any()


def test_groups_are_left_out_as_a_whole():
    X, y = make_table(200)
    groups = np.arange(200) // 4
    (late, *_) = make_tiny(n_members=4).fit_out_of_fold(X, y, groups=groups)
    shares = pd.Series(np.isfinite(late).all(axis=1)).groupby(groups).mean()
    assert set(shares) == {0.0, 1.0}
