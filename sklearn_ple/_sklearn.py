"""What the package needs of scikit-learn that scikit-learn does not make public.

These names may move, change or disappear with any release of scikit-learn. They are imported here
and nowhere else, so that there is one place to mend. They keep their names, underscores included:
nothing is added to them, but what an older scikit-learn lacks, and types that keep those of the
methods that are decorated.
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
    validate_params,
)
from sklearn.utils._pprint import _changed_params
from sklearn.utils.validation import _check_response_method, _check_sample_weight, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, without callbacks."""

    def _with_callbacks(method: Any) -> Any:
        return method


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Method], _Method]:
    """Decorate a fit method, which then validates the parameters first."""
    return base._fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def with_callbacks(method: _Method) -> _Method:
    """Decorate a fit method, which then calls scikit-learn's callbacks if that has some."""
    return _with_callbacks(method)


__all__ = [
    "CallbackSupportMixin",
    "GroupsConsumerMixin",
    "HasMethods",
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
