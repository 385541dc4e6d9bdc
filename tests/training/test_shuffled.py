"""Rows that come in blocks: each once in an epoch, in whole batches, mixed by a buffer."""

import numpy as np
import pytest
import torch

from sklearn_ple.nn.draws import drawing_from
from sklearn_ple.training import shuffled
from sklearn_ple.training.data import TableRows
from sklearn_ple.training.shuffled import ShuffledRows

N_UNITS, N_EACH = 12, 50


def make_rows(asked=None):
    """Rows whose number, code and target are their place among all."""

    def read(order):
        if asked is not None:
            asked.append(list(order))
        for unit in order:
            places = np.arange(unit * N_EACH, (unit + 1) * N_EACH)
            for part in np.array_split(places, 3):
                numbers = part[:, None].astype(np.float32)
                yield numbers, part[:, None], numbers, np.ones_like(numbers)

    first = TableRows(np.zeros((5, 1)), np.zeros((5, 1), int), dtype=torch.float32)
    return ShuffledRows(N_UNITS * N_EACH, N_UNITS, read, first, torch.ones(1))


@pytest.mark.parametrize("batch_size", [1, 7, 64, 600, 1000])
@pytest.mark.parametrize("buffered", [20, 100, 10**6])
def test_every_row_comes_once_in_whole_batches(monkeypatch, batch_size, buffered):
    monkeypatch.setattr(shuffled, "_BUFFERED_ROWS", buffered)
    batches = make_rows().batches(batch_size)
    with drawing_from(0):
        read = list(batches)
    assert len(read) == len(batches) == -(-600 // batch_size)
    assert [len(own["codes"]) for own, _ in read[:-1]] == [batch_size] * (len(read) - 1)
    places = torch.cat([inputs["codes"] for inputs, _ in read]).flatten()
    assert places.sort().values.tolist() == list(range(600))
    for inputs, (targets, weights) in read:
        assert (inputs["codes"] == inputs["numbers"]).all() and (targets == inputs["codes"]).all()
        assert weights.shape == targets.shape


def test_each_epoch_has_an_order_of_its_own_that_the_seed_determines():
    asked = []
    batches = make_rows(asked).batches(50)

    def epoch():
        return torch.cat([inputs["codes"] for inputs, _ in batches]).flatten().tolist()

    with drawing_from(3):
        first, second = epoch(), epoch()
    with drawing_from(3):
        again = epoch()
    assert first == again != second
    assert asked[0] == asked[2] != asked[1] and sorted(asked[0]) == list(range(N_UNITS))


def test_a_buffer_of_all_rows_mixes_them_evenly():
    with drawing_from(0):
        places = torch.cat([own["codes"] for own, _ in make_rows().batches(600)]).flatten()
    # The correlation of 600 places with their order has a standard error of 0.04.
    assert abs(np.corrcoef(places, np.arange(600))[0, 1]) < 0.16


def test_a_small_buffer_mixes_the_rows_of_neighbouring_blocks(monkeypatch):
    monkeypatch.setattr(shuffled, "_BUFFERED_ROWS", 150)
    with drawing_from(0):
        batches = [own["codes"] // N_EACH for own, _ in make_rows().batches(20)]
    assert np.mean([len(units.unique()) for units in batches]) > 2


def test_wide_rows_fill_a_buffer_by_their_bytes(monkeypatch):
    monkeypatch.setattr(shuffled, "_BUFFERED_BYTES", 20 * 100)
    with drawing_from(0):
        batches = [own["codes"] // N_EACH for own, _ in make_rows().batches(10)]
    assert np.mean([len(units.unique()) for units in batches]) < 5
