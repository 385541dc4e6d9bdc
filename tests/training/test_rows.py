"""Rows in batches: every row once, dense or sparse, from memory or shuffled from files."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from torch.overrides import TorchFunctionMode

from sklearn_ple.nn.draws import drawing_from
from sklearn_ple.training import rows as module
from sklearn_ple.training.choosing.validation_rows import Split
from sklearn_ple.training.rows import (
    Arrays,
    Batches,
    ShuffledBatches,
    ShuffledRows,
    TableRows,
    place,
    split_evenly,
)


def make_rows(n=10, container=np.asarray):
    numbers = np.arange(3.0 * n).reshape(n, 3) * (np.arange(3 * n).reshape(n, 3) % 2)
    codes = np.arange(2 * n).reshape(n, 2)
    targets = np.arange(n)[:, None].astype(float)
    return TableRows(container(numbers), codes, targets, targets + 1, dtype=torch.float32), numbers


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_a_batch_is_the_rows_asked_for(container):
    rows, numbers = make_rows(container=container)
    inputs, (targets, weights) = rows[torch.tensor([7, 2])]
    assert_array_equal(inputs["numbers"], numbers[[7, 2]])
    assert inputs["numbers"].dtype == torch.float32
    assert_array_equal(inputs["codes"], [[14, 15], [4, 5]])
    assert_array_equal(targets, [[7], [2]])
    assert_array_equal(weights, [[8], [3]])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_taken_rows_are_those_rows_of_the_same_arrays(container):
    rows, numbers = make_rows(container=container)
    taken = rows.take(np.array([9, 4, 2, 4]))
    assert len(taken) == 4 and len(rows) == 10
    inputs, (targets, weights) = taken[torch.tensor([1, 0])]
    assert_array_equal(inputs["numbers"], numbers[[4, 9]])
    assert_array_equal(inputs["codes"], [[8, 9], [18, 19]])
    assert_array_equal(targets, [[4], [9]])
    assert_array_equal(weights, [[5], [10]])
    assert_array_equal(taken.take(np.array([2]))[torch.tensor([0])][0]["codes"], [[4, 5]])
    assert taken.arrays is rows.arrays
    order = torch.cat(list(Batches(taken, batch_size=3).draw_numbers()))
    assert sorted(order.tolist()) == [0, 1, 2, 3]


class OnOneDevice(TorchFunctionMode):
    """Checks that rows are selected by numbers on their own device, as a GPU requires."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.index_select:
            assert args[0].device == args[2].device
        if func is torch.Tensor.__getitem__:
            assert args[1].device in (args[0].device, torch.device("cpu"))
        return func(*args, **(kwargs or {}))


def test_rows_on_a_device_are_read_by_numbers_from_anywhere():
    """After training the rows are on a GPU, where predictions for them are asked for."""
    rows, _ = make_rows()
    earlier = rows.take(np.array([9, 4, 2]))
    rows.to("meta")
    with OnOneDevice():
        views = (rows, earlier, rows.head(3), earlier.head(2))
    for view in views:
        for device in ("cpu", "meta"):
            with OnOneDevice():
                inputs, labels = view[torch.arange(2, device=device)]
            assert {part.device.type for part in (*inputs.values(), *labels)} == {"meta"}


def test_rows_that_share_arrays_move_together(monkeypatch):
    rows, _ = make_rows()
    train, valid = rows.take(np.arange(7)), rows.take(np.arange(7, 10))
    monkeypatch.setattr(module, "free_memory", lambda device: 2.1 * rows.nbytes)
    place(train, "meta")
    # The second finds no room, and needs none.
    monkeypatch.setattr(module, "free_memory", lambda device: 0)
    placed = place(valid, "meta")
    assert placed.arrays is train.arrays
    assert placed.device.type == placed._rows.device.type == train._rows.device.type == "meta"
    assert rows.take(np.arange(2))._rows.device.type == "meta"


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_members_rows_of_their_own_come_side_by_side(container):
    rows, numbers = make_rows(container=container)
    order = torch.arange(10).view(2, 5)
    batches = list(Batches(rows, 4, order).draw_numbers())
    assert_array_equal(torch.cat(batches, dim=1), order)
    assert [batch.shape for batch in batches] == [(2, 2), (2, 2), (2, 1)]
    inputs, (targets, _) = rows[batches[1]]
    assert_array_equal(inputs["numbers"], numbers[batches[1].numpy()])
    assert targets.shape == (2, 2, 1)


@pytest.mark.parametrize(("room", "moves"), [(2.1, True), (1.9, False)])
def test_rows_move_to_the_device_if_they_fill_less_than_half_of_it(monkeypatch, room, moves):
    rows, _ = make_rows()
    assert rows.nbytes == 10 * (3 * 4 + 2 * 8 + 2 * 4)
    monkeypatch.setattr(module, "free_memory", lambda device: room * rows.nbytes)
    placed = place(rows, "meta")
    assert (placed.device.type == "meta") is moves
    assert (placed.arrays["targets"].device.type == "meta") is moves


def test_sparse_rows_stay_on_the_cpu(monkeypatch):
    rows, _ = make_rows(container=sparse.csr_matrix)
    monkeypatch.setattr(module, "free_memory", lambda device: np.inf)
    assert place(rows, "meta").device.type == "cpu"


@given(st.integers(1, 300), st.integers(1, 100))
def test_batches_differ_by_a_row_at_most(n_rows, batch_size):
    rows = torch.arange(n_rows)
    parts = split_evenly(rows, batch_size)
    sizes = [len(part) for part in parts]
    assert torch.cat(list(parts)).tolist() == rows.tolist()
    assert len(parts) == -(-n_rows // batch_size) and max(sizes) - min(sizes) <= 1


def test_split_sets_a_share_aside_once():
    train, valid = Split().rows(1000, 0.25, np.random.RandomState(0))
    assert len(valid) == 250
    assert sorted([*train, *valid]) == list(range(1000))
    train, valid = Split().rows(499, None, np.random.RandomState(0))
    assert valid is None and train.tolist() == list(range(499))


def test_a_split_that_leaves_nothing_is_an_error():
    with pytest.raises(ValueError, match="validation_fraction=0.9 leaves none of the 5 rows"):
        Split().rows(5, 0.9, np.random.RandomState(0))


# -- rows of files --------------------------------------------------------------------------------

N_UNITS, N_EACH = 12, 50


def make_shuffled(asked=None):
    """Rows whose number, code and target are their place among all."""

    def read(order):
        if asked is not None:
            asked.append(list(order))
        for unit in order:
            places = np.arange(unit * N_EACH, (unit + 1) * N_EACH)
            for part in np.array_split(places, 3):
                numbers = part[:, None].astype(np.float32)
                yield Arrays(numbers, part[:, None], numbers, np.ones_like(numbers))

    first = TableRows(np.zeros((5, 1)), np.zeros((5, 1), int), dtype=torch.float32)
    return ShuffledRows(N_UNITS * N_EACH, N_UNITS, read, first, torch.ones(1))


@pytest.mark.parametrize("batch_size", [1, 7, 64, 600, 1000])
@pytest.mark.parametrize("buffered", [20, 100, 10**6])
def test_every_row_comes_once_in_batches_of_nearly_one_size(monkeypatch, batch_size, buffered):
    monkeypatch.setattr(module, "_BUFFERED_ROWS", buffered)
    batches = ShuffledBatches(make_shuffled(), batch_size)
    with drawing_from(0):
        read = list(batches)
    assert len(read) == -(-600 // batch_size)
    sizes = [len(own["codes"]) for own, _ in read]
    # Half of the buffer, of two batches or more, is split when all units have been read.
    least = -(-600 // len(read)) - 1 if buffered > 600 else batch_size // 2
    assert max(sizes) <= batch_size and min(sizes) >= min(least, 600)
    places = torch.cat([inputs["codes"] for inputs, _ in read]).flatten()
    assert places.sort().values.tolist() == list(range(600))
    for inputs, (targets, weights) in read:
        assert (inputs["codes"] == inputs["numbers"]).all() and (targets == inputs["codes"]).all()
        assert weights.shape == targets.shape


def test_each_epoch_has_an_order_of_its_own_that_the_seed_determines():
    asked = []
    batches = ShuffledBatches(make_shuffled(asked), 50)

    def epoch():
        return torch.cat([inputs["codes"] for inputs, _ in batches]).flatten().tolist()

    with drawing_from(3):
        first, second = epoch(), epoch()
    with drawing_from(3):
        again = epoch()
    assert first == again != second
    assert asked[0] == asked[2] != asked[1] and sorted(asked[0]) == list(range(N_UNITS))


def test_a_small_buffer_mixes_the_rows_of_neighbouring_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BUFFERED_ROWS", 150)
    with drawing_from(0):
        batches = [own["codes"] // N_EACH for own, _ in ShuffledBatches(make_shuffled(), 20)]
    assert np.mean([len(units.unique()) for units in batches]) > 2


def test_wide_rows_fill_a_buffer_by_their_bytes(monkeypatch):
    monkeypatch.setattr(module, "_BUFFERED_BYTES", 20 * 100)
    with drawing_from(0):
        batches = [own["codes"] // N_EACH for own, _ in ShuffledBatches(make_shuffled(), 10)]
    assert np.mean([len(units.unique()) for units in batches]) < 5
