"""A display of something else names the method that draws it."""

import pytest
from makers import make_tiny

from sklearn_ple import inspection


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("BlendDisplay", "from_estimator"),
        ("ComparisonDisplay", "from_comparison"),
        ("DependenceDisplay", "from_estimator"),
        ("GateUtilizationDisplay", "from_estimator"),
        ("ImportanceDisplay", "from_estimator"),
        ("TrainingHistoryDisplay", "from_estimator"),
    ],
)
def test_a_display_of_a_model_or_a_result_names_the_method_that_draws_it(name, method):
    display = getattr(inspection, name)
    assert hasattr(display, method)
    with pytest.raises(TypeError, match=f"not a PLE.*: use {name}.{method}, which draws at once"):
        display(make_tiny())
