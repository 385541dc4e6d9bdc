"""How many threads compute."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

# One thread fits trees to so many cells in a few seconds. On busy processors, several threads wait
# for each other ten times as long.
_CELLS_OF_ONE_THREAD = 2**20
_OF_USERS = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}


def limit_threads(n_cells: int) -> AbstractContextManager:
    """Limit OpenMP and BLAS to one thread for a small table, unless the user has set a number.

    Parameters
    ----------
    n_cells : int
        The number of rows times that of columns.

    Returns
    -------
    context manager
        Within it, the limit holds.
    """
    if n_cells > _CELLS_OF_ONE_THREAD or not _OF_USERS.isdisjoint(os.environ):
        return nullcontext()
    return _find_thread_pools().limit(limits=1)


# Finding the libraries takes longer than predicting a few rows.
_find_thread_pools = cache(ThreadpoolController)
