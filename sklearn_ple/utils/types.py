"""Types of arguments that several parts of the package take."""

import numpy as np

#: What scikit-learn takes for ``random_state``.
RandomStateLike = int | np.random.RandomState | None
