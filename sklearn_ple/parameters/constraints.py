"""Which values parameters may take, beyond what scikit-learn has for that."""

from __future__ import annotations

from typing import Any

from .._sklearn import Interval


class Number(Interval):
    """Numbers in an interval, without bools, which Python counts among them as 0 and 1.

    The parameters are those of scikit-learn's ``Interval``.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        return not isinstance(val, bool) and super().is_satisfied_by(val)
