"""The versions that a saved model depends on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning

from .warn import warn


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package, scikit-learn and torch."""
    # This module is imported before the package has its version.
    own = sys.modules[__package__].__version__
    found = {"sklearn-ple": own, "scikit-learn": sklearn.__version__}
    # Torch says after a plus which devices it is for, which does not matter here.
    return found | {"torch": str(torch.__version__).split("+")[0]}


class OtherVersionWarning(InconsistentVersionWarning):
    """Warning of a model that was saved with other versions.

    Parameters
    ----------
    estimator_name : str
        Name of the model's class.
    saved, now : mapping of str to str
        The versions that it was saved with, and those that are installed.
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
            f"{self.estimator_name} was saved with {', '.join(others)}: it may fail or predict "
            "something else. Load it with the versions that it was saved with, or fit it anew."
        )


def check_versions(estimator_name: str, saved: Mapping[str, str]) -> None:
    """Warn if a model was saved with other versions than those that are installed."""
    now = versions()
    if saved != now:
        warn(OtherVersionWarning(estimator_name, saved, now))
