"""How many threads compute."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_ple.utils.threads import limit_threads


def count_threads():
    """The numbers of threads of the libraries that use OpenMP."""
    pools = threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "openmp"}


@pytest.mark.parametrize(
    ("n_cells", "own", "expected"), [(20_000, None, 1), (2_000_000, None, 2), (20_000, "2", 2)]
)
def test_small_tables_take_one_thread_unless_the_user_says_otherwise(
    n_cells, own, expected, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if own:
        monkeypatch.setenv("OMP_NUM_THREADS", own)
    with threadpool_limits(2, user_api="openmp"):
        with limit_threads(n_cells):
            assert count_threads() == {expected}
        assert count_threads() == {2}
