"""What the package needs of scikit-learn that scikit-learn does not make public.

These names may move, change or disappear with any release of scikit-learn. They are imported here
and nowhere else, so that there is one place to mend. They keep their names, underscores included:
nothing is added to them, but what an older scikit-learn lacks.
"""

from typing import Any

from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection._split import (
    GroupsConsumerMixin,
    _BaseKFold,
    _validate_shuffle_split,
)
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions, validate_params
from sklearn.utils._pprint import _changed_params
from sklearn.utils.validation import _check_response_method, _check_sample_weight, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, without callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Leave a method as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "GroupsConsumerMixin",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "_BaseKFold",
    "_BaseScorer",
    "_changed_params",
    "_check_response_method",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "_validate_shuffle_split",
    "validate_params",
    "with_callbacks",
]
