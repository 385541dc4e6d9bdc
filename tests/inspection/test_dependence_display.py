"""The picture of the dependence shows correlations and gains."""

import numpy as np
import pandas as pd
import pytest
from makers import make_table, make_tiny
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ple.inspection import DependenceDisplay

NAMES = ["first", "$second$", "unknown"]
TABLE = pd.DataFrame(
    [[1, -0.5, np.nan], [-0.5, 1, np.nan], [np.nan, np.nan, np.nan]], NAMES, NAMES
)
GAINS = pd.Series([0.25, 0.0, 0.0], NAMES)


def test_cells_are_the_correlations_and_the_last_column_the_gains():
    display = DependenceDisplay(TABLE, GAINS).plot(vmin=-2)
    texts = [[text.get_text() for text in row] for row in display.texts_]
    assert texts == [["", "−0.50", "", "0.25"], ["−0.50", "", "", "none"], ["", "", "", "none"]]
    shown = display.image_.get_array().filled(np.nan)
    np.testing.assert_array_equal(shown[:2, :2], [[np.nan, -0.5], [-0.5, np.nan]])
    assert display.image_.get_clim() == (-2, 1)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == NAMES


def test_pairs_are_the_strongest_first():
    names = list("abc")
    table = pd.DataFrame([[1, 0.2, -0.9], [0.2, 1, 0.5], [-0.9, 0.5, 1]], names, names)
    display = DependenceDisplay(table, pd.Series(0.0, names))
    assert display.find_pairs() == [("a", "c", -0.9), ("b", "c", 0.5), ("a", "b", 0.2)]
    assert display.find_pairs(0.6) == [("a", "c", -0.9)]
    assert DependenceDisplay(TABLE, GAINS).find_pairs(0) == [("first", "$second$", -0.5)]


def test_a_model_is_drawn_alone_and_in_a_pipeline():
    X, y = make_table(60)
    model = make_tiny(early_stopping=True).fit(X, y)
    display = DependenceDisplay.from_estimator(make_pipeline(FunctionTransformer(), model))
    pd.testing.assert_frame_equal(display.dependence, model.dependence_)
    pd.testing.assert_series_equal(display.gains, model.dependence_gains_)
    alone = make_tiny(early_stopping=True).fit(X, y[["price"]])
    with pytest.raises(ValueError, match="'price' is the only task"):
        DependenceDisplay.from_estimator(alone)
    without = make_tiny(early_stopping=False).fit(X, y)
    with pytest.raises(AttributeError, match="early_stopping=True"):
        DependenceDisplay.from_estimator(without)
