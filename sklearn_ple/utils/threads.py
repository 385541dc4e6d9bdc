"""How many threads compute."""

import os
from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits

# One thread fits trees to so many cells in a few seconds. On busy processors, several threads wait
# for each other ten times as long.
_CELLS_OF_ONE_THREAD = 2**20


def limit_threads(n_cells: int) -> AbstractContextManager:
    """Limit OpenMP to one thread for a small table, unless the user has set a number.

    The limit is one of the calling thread: others that compute at the same time keep theirs.

    Parameters
    ----------
    n_cells : int
        The number of rows times that of columns.

    Returns
    -------
    context manager
        Within it, the limit holds.
    """
    if n_cells > _CELLS_OF_ONE_THREAD or "OMP_NUM_THREADS" in os.environ:
        return nullcontext()
    return threadpool_limits(1, user_api="openmp")
