"""The picture of a blend shows its weights and scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from sklearn_ple.ensemble import BlendClassifierRegressor
from sklearn_ple.inspection import BlendDisplay

WEIGHTS = pd.DataFrame({"a": [0.25, 1.0], "b": [0.75, 0.0]}, index=["first", "$second$"])
SCORES = pd.DataFrame(
    {"a": [0.5, 0.2], "b": [0.6, 0.1], "blend": [0.7, 0.2]}, index=["first", "$second$"]
)


def test_bars_are_the_weights_and_points_the_differences():
    display = BlendDisplay(WEIGHTS, SCORES).plot(height=0.5)
    bars, points = display.axes_
    widths = [[bar.get_width() for bar in of_name] for of_name in bars.containers]
    np.testing.assert_allclose(widths, WEIGHTS.T)
    assert bars.containers[1][0].get_x() == 0.25
    assert bars.containers[0][0].get_height() == 0.5
    found = [line.get_xdata() for line in points.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(found, [[-0.2, 0.0], [-0.1, -0.1]])
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["first", "$second$"]


def test_what_is_no_fitted_blend_is_refused():
    with pytest.raises(NotFittedError):
        BlendDisplay.from_estimator(BlendClassifierRegressor())
    with pytest.raises(TypeError, match="Ridge has no weights_"):
        BlendDisplay.from_estimator(Ridge().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(ValueError, match="scores"):
        BlendDisplay(WEIGHTS, SCORES[["a"]]).plot()
