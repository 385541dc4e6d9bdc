"""Some members compute to the last bit what they do among all."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sklearn_ple.nn import MemberDropout
from sklearn_ple.nn.draws import drawing_from
from sklearn_ple.nn.part import Part, among_all, by_element, computing, n_of_all, own_rows, product

N_ALL = 5
PARTS = [Part(0, 2, N_ALL), Part(1, 3, N_ALL), Part(2, 5, N_ALL)]
# Outputs, inputs, rows, matrices for each member: most are no multiple of a register's numbers.
SIZES = [
    (3, 57, 31, 1),
    (17, 7, 13, 3),
    (64, 203, 5, 1),
    (1, 37, 50, 2),
    (32, 1, 31, 3),
    (96, 64, 128, 1),
    (51, 11, 2, 1),
    (20, 128, 1, 1),
]
GENERATOR = torch.Generator()


def draw(*shape):
    return torch.randn(*shape, generator=GENERATOR)


@pytest.fixture(autouse=True)
def _seeded():
    GENERATOR.manual_seed(0)


def of(part, tensor):
    """Return some members' part of a tensor, in memory of its own."""
    n = len(tensor) // N_ALL
    return tensor[n * part.first : n * part.last].clone()


def with_gradients(multiply, left, right, bias, gradient):
    tensors = [tensor.detach().requires_grad_() for tensor in (left, right, bias)]
    result = multiply(*tensors)
    result.backward(gradient)
    return [result.detach(), *(tensor.grad for tensor in tensors)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows_last", [True, False])
def test_products_are_those_among_all(size, dtype, rows_last):
    n_out, n_in, n_rows, n_each = size
    n = N_ALL * n_each
    weight, bias, gradient = draw(n, n_out, n_in), draw(n, n_out, 1), draw(n, n_out, n_rows)
    inputs = draw(n, n_in, n_rows) if rows_last else draw(n, n_rows, n_in)
    given = [part.to(dtype) for part in (weight, inputs, bias, gradient)]

    def run(multiply, weight, inputs, bias, gradient):
        read = inputs if rows_last else inputs.mT
        return with_gradients(multiply, weight, read, bias, gradient)

    every = run(lambda left, right, bias: torch.baddbmm(bias, left, right), *given)
    for part in PARTS:
        with computing(part):
            own = run(product, *(of(part, tensor) for tensor in given))
        for found, expected in zip(own, every, strict=True):
            assert torch.equal(found, of(part, expected))


def test_what_all_members_read_is_multiplied_as_among_all():
    weight, shared = draw(N_ALL, 7, 13), draw(13, 9)
    every = torch.bmm(weight, shared.expand(N_ALL, -1, -1))
    for part in PARTS:
        with computing(part):
            own = product(of(part, weight), shared.expand(len(part), -1, -1))
        assert torch.equal(own, of(part, every))


@pytest.mark.parametrize("shape", [(7, 13), (3, 37), (1, 50), (32, 4)])
@pytest.mark.parametrize(
    ("function", "transposed"),
    [
        *((function, False) for function in (F.silu, F.elu, F.gelu, torch.tanh, torch.sigmoid)),
        *((function, True) for function in (F.silu, F.elu, torch.sigmoid)),
    ],
)
def test_functions_round_as_among_all(function, shape, transposed):
    numbers, gradients = draw(N_ALL, *shape), draw(N_ALL, *shape)

    def run(numbers, gradients):
        read = numbers.detach().requires_grad_()
        values = by_element(function, read.mT if transposed else read)
        values.backward(gradients.mT if transposed else gradients)
        return values.detach(), read.grad

    every = run(numbers, gradients)
    for part in PARTS:
        with computing(part):
            own = run(of(part, numbers), of(part, gradients))
        for found, expected in zip(own, every, strict=True):
            assert torch.equal(found, of(part, expected))


@pytest.mark.parametrize("rates", [[0.0, 0.0, 0.0, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]])
def test_members_drop_out_what_they_do_among_all(rates):
    of_all, numbers = MemberDropout(rates), torch.ones(N_ALL * 3, 11)
    with drawing_from(3):
        first, second = of_all(numbers), of_all(numbers)
    for part in PARTS:
        own = MemberDropout(rates[part.first : part.last])
        own.draw_as(of_all)
        with drawing_from(3), computing(part):
            assert torch.equal(own(of(part, numbers)), of(part, first))
            assert torch.equal(own(of(part, numbers)), of(part, second))


@pytest.mark.parametrize("transposed", [False, True])
def test_outputs_are_placed_among_those_of_all_as_they_lie_in_memory(transposed):
    outputs = draw(2, 7, 3).mT if transposed else draw(2, 3, 7)
    assert among_all(outputs) is outputs
    with computing(Part(1, 3, N_ALL)):
        every = among_all(outputs)
    assert torch.equal(every[1:3], outputs)
    assert every.shape == (N_ALL, 3, 7) and not every[[0, 3, 4]].any()
    assert np.argsort(every.stride()).tolist() == np.argsort(outputs.stride()).tolist()


def test_members_read_rows_of_their_own():
    inputs = {"shared": draw(4, 3), "own": draw(N_ALL, 4, 3)}
    assert own_rows(inputs) is inputs and n_of_all(2) == 2
    with computing(Part(1, 3, N_ALL)):
        read = own_rows(inputs)
        assert n_of_all(2) == N_ALL
    assert torch.equal(read["own"], inputs["own"][1:3])
    assert torch.equal(read["shared"], inputs["shared"])
