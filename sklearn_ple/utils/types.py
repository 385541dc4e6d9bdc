"""Types of arguments that several parts of the package take."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: What scikit-learn takes for ``random_state``.
RandomStateLike = int | np.random.RandomState | None
#: The parameter ``class_weight``: "balanced", or for each task a dict from class to weight.
ClassWeight = str | Mapping[Any, Any] | Sequence[Any] | None
