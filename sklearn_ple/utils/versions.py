"""Packages: the versions on which a saved model depends, and those that are optional."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning

from .warn import warn


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Say what needs the packages that are imported within the context, and how to install them.

    Parameters
    ----------
    what : str
        What needs which packages, such as "Plots need matplotlib".
    extra : str
        The extra of this package that installs them.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what} ({error}): pip install 'sklearn-ple[{extra}]'") from error


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package, scikit-learn and torch."""
    # The version is read here because this module is imported before it is set.
    return {
        "sklearn-ple": sys.modules["sklearn_ple"].__version__,
        "scikit-learn": sklearn.__version__,
        # The part of torch's version after the plus is for devices, which does not matter here.
        "torch": str(torch.__version__).split("+")[0],
    }


class OtherVersionWarning(InconsistentVersionWarning):
    """Warning about a model that was saved with other versions.

    Parameters
    ----------
    estimator_name : str
        Name of the class of the model.
    saved, now : mapping of str to str
        The versions with which the model was saved, and the installed ones.
    """

    def __init__(self, estimator_name: str, saved: Mapping[str, str], now: Mapping[str, str]):
        super().__init__(
            estimator_name=estimator_name,
            current_sklearn_version=now["scikit-learn"],
            original_sklearn_version=saved.get("scikit-learn"),
        )
        self.saved, self.now = dict(saved), dict(now)

    def __str__(self) -> str:
        others = [
            f"{name} {self.saved.get(name, 'of an unknown version')} (now {now})"
            for name, now in self.now.items()
            if self.saved.get(name) != now
        ]
        return (
            f"{self.estimator_name} was saved with {', '.join(others)}: it may fail or make "
            "different predictions. Load it with the versions with which it was saved, or fit it "
            "again."
        )


def check_versions(estimator_name: str, saved: Mapping[str, str]) -> None:
    """Warn if a model was saved with other versions than the installed ones."""
    now = versions()
    if saved != now:
        warn(OtherVersionWarning(estimator_name, saved, now))
