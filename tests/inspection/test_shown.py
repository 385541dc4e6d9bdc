"""A display of something else names the method that draws it."""

import pytest
from makers import make_tiny

from sklearn_ple import inspection


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("BlendDisplay", "from_estimator"),
        ("ComparisonDisplay", "the plot method of what compare returns"),
        ("DependenceDisplay", "from_estimator"),
        ("GateUtilizationDisplay", "from_estimator"),
        ("ImportanceDisplay", "from_estimator"),
        ("TrainingHistoryDisplay", "from_estimator"),
    ],
)
def test_a_display_of_a_model_names_the_method_that_draws_it(name, method):
    with pytest.raises(TypeError, match=f"{name} takes a .* first, not a PLE.*: use {method}"):
        getattr(inspection, name)(make_tiny())
