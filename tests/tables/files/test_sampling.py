"""Rows with the lowest keys: as good as drawn at random, and no more than there is memory for."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import chisquare, kstest

from sklearn_ple.tables.files.sampling import LowestRows, hash_rows


def by_hash(row_numbers, rows):
    return hash_rows(row_numbers)


def test_hashes_are_as_good_as_drawn():
    hashes = hash_rows(np.arange(100_000))
    assert len(np.unique(hashes)) == 100_000
    assert kstest(hashes / 2.0**64, "uniform").pvalue > 0.01
    lowest = np.sort(np.argsort(hashes)[:10_000])
    counts = np.histogram(lowest, bins=50, range=(0, 100_000))[0]
    # Rows are not chosen twice, which makes the counts a little more even than by chance.
    assert chisquare(counts).pvalue > 0.01
    # SplitMix64 of seed 0, as its authors' program prints it.
    assert hash_rows(np.array([0, 1])).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@pytest.mark.parametrize("n_blocks", [1, 7, 300])
@pytest.mark.parametrize("n_most", [0, 1, 10, 999, 1000, 5000])
def test_the_lowest_stay_in_their_order(n_blocks, n_most):
    row_numbers = np.arange(1000)
    kept = LowestRows(by_hash, n_most, 10**9)
    for part in np.array_split(row_numbers, n_blocks):
        kept.add(part, pa.table({"number": part}))
    kept.cut(n_most)
    assert len(kept) == min(n_most, 1000)
    if n_most:
        lowest = np.sort(np.argsort(hash_rows(row_numbers))[:n_most])
        assert kept.rows()["number"].to_pylist() == lowest.tolist()


def test_of_wide_rows_there_are_fewer():
    kept = LowestRows(by_hash, 10_000, 80_000)
    for part in np.array_split(np.arange(20_000), 50):
        kept.add(part, pa.table({f"x{i}": part for i in range(10)}))
        assert len(kept) * 80 <= 1.25 * 80_000
    kept.cut(10_000)
    assert 500 < len(kept) <= 1000
    lowest = np.sort(np.argsort(hash_rows(np.arange(20_000)))[: len(kept)])
    assert kept.rows()["x3"].to_pylist() == lowest.tolist()


def test_few_parts_are_kept_of_many_blocks():
    kept = LowestRows(by_hash, 500, 10**9)
    for number in range(400):
        kept.add(np.array([number]), pa.table({"number": [number]}))
        assert len(kept._parts) <= 100
    assert kept.rows()["number"].to_pylist() == kept.row_numbers.tolist() == list(range(400))


def test_dictionaries_do_not_stay():
    codes = pa.array(["a" * 1000] * 10).dictionary_encode()
    kept = LowestRows(by_hash, 5, 10**9)
    kept.add(np.arange(10), pa.table({"c": codes}))
    assert kept.rows().schema.field("c").type == pa.string()
