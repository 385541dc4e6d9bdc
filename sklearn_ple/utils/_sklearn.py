"""Private names of scikit-learn that the package needs.

These names may move, change or disappear with any release of scikit-learn. They are imported only
here, so that there is a single place to adapt. They keep their names, including underscores.
Additions are only types that preserve those of decorated methods.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn import base
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection._split import (
    GroupsConsumerMixin,
    _BaseKFold,
    _validate_shuffle_split,
)
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._pprint import _changed_params
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_response_method, _check_sample_weight, _num_samples

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Method], _Method]:
    """Decorate a fit method, so that parameters are validated first."""
    return base._fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
