"""What all fuzz tests have in common: how many examples, and which outcomes are allowed.

An example ends in a right answer, or in a ValueError or TypeError that names the culprit: the
column, task or parameter that is wrong. Anything else is a bug.
"""

import inspect
import os
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sklearn
from hypothesis import HealthCheck, given, settings
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning

import sklearn_ple
from sklearn_ple.base import MultiTaskEstimator
from sklearn_ple.utils.constraints import LAYER_WIDTHS, LAYER_WIDTHS_BY_LEVEL

#: Examples of all tests together: few in every run, many by ``tox -e fuzz``.
N_EXAMPLES = int(os.environ.get("SKLEARN_PLE_FUZZ", "0"))
FEW = 60

ESTIMATORS = [
    cls
    for cls in vars(sklearn_ple).values()
    if inspect.isclass(cls) and issubclass(cls, MultiTaskEstimator)
]
OF_CLASSES, OF_NUMBERS = sklearn_ple.PLEClassifier, sklearn_ple.PLERegressor
OF_EVENTS = sklearn_ple.ESMMClassifier


def budget(share, **options):
    """Return the settings of a test that runs a share of all examples."""
    return settings(
        max_examples=max(2, round(share * (N_EXAMPLES or FEW))),
        # Every long run searches elsewhere.
        derandomize=not N_EXAMPLES,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        deadline=None,
        **options,
    )


def fuzz(share, **strategies):
    """Decorate a test that draws its arguments, for a share of all examples."""
    return lambda test: budget(share)(given(**strategies)(test))


@cache
def tiny(cls):
    """Return parameters that make an estimator as small and quick as can be."""
    own = cls._parameter_constraints
    widths = {
        name: (2,) for name, row in own.items() if row[0] in (LAYER_WIDTHS, LAYER_WIDTHS_BY_LEVEL)
    }
    if "n_subspaces" in own:
        widths["hidden_units"] = (2, 2)
    small = {"n_experts": 2} | widths
    small = {name: value for name, value in small.items() if name in own}
    return small | {"n_members": 1, "max_epochs": 1, "random_state": 0}


@contextmanager
def outcome(culprits=(), must_fail=False):
    """Let pass what is allowed: no error, or one that names one of the culprits.

    Parameters
    ----------
    culprits : iterable of str
        What is wrong, as a message would name it; none if nothing is.
    must_fail : bool, default=False
        Whether an answer would be wrong, however it looks.

    Yields
    ------
    list
        Filled with the error, if there is one.
    """
    errors = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield errors
        except (ValueError, TypeError) as error:
            message = str(error)
            if not any(str(culprit) in message for culprit in culprits):
                raise AssertionError(
                    f"{type(error).__name__}: {message!r} names none of {list(culprits)}"
                ) from error
            errors.append(error)
    assert errors or not must_fail, f"{list(culprits)} went through"
    for warning in caught:
        assert is_allowed(warning), f"{warning.category.__name__}: {warning.message}"


def is_allowed(warning):
    """Whether users may see a warning: of the right kind, at their own line or scikit-learn's."""
    kinds = (UserWarning, ConvergenceWarning, UndefinedMetricWarning)
    places = (Path(__file__).parent, Path(sklearn.__file__).parent)
    return warning.category in kinds and any(
        place in Path(warning.filename).parents for place in places
    )
