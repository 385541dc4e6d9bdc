"""Draws of a thread's own against those of torch's global state with the same seed."""

import threading

import pytest
import torch
from torch import nn

from sklearn_ple.nn import MemberDropout
from sklearn_ple.nn.draws import drawing_from, generator_for, in_all_functions

CPU = torch.device("cpu")
DRAWS = {
    "layer": lambda: nn.Linear(3, 4).weight,
    "attention": lambda: nn.MultiheadAttention(4, 2).in_proj_weight,
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(4, 4)),
    "truncated": lambda: nn.init.trunc_normal_(torch.empty(50)),
    "rand": lambda: torch.rand(5, dtype=torch.float64),
    "randn": lambda: torch.randn(2, 3),
    "randint": lambda: torch.randint(2, 9, (20,)),
    "randint from zero": lambda: torch.randint(9, (20,)),
    "permutation": lambda: torch.randperm(20),
    "rand_like": lambda: torch.rand_like(torch.ones(3, 2)),
    "randn_like": lambda: torch.randn_like(torch.ones(3, 2, requires_grad=True)),
    "normal": lambda: torch.normal(torch.zeros(5), 2.0),
    "bernoulli": lambda: torch.bernoulli(torch.full((40,), 0.5)),
    "multinomial": lambda: torch.multinomial(torch.ones(9), 4),
    "dropout": lambda: nn.functional.dropout(torch.ones(40)),
    "gumbel": lambda: nn.functional.gumbel_softmax(torch.ones(4, 5)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_every_function_draws_what_the_global_state_of_that_seed_would(draw):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = draw()
    before = torch.get_rng_state()
    with drawing_from(3), in_all_functions():
        drawn = draw()
    assert torch.equal(drawn, expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_given_generator_is_kept():
    given = torch.Generator().manual_seed(1)
    with drawing_from(0), in_all_functions():
        drawn = torch.rand(5, generator=given)
    assert torch.equal(drawn, torch.rand(5, generator=torch.Generator().manual_seed(1)))


def test_dropout_draws_from_the_thread_s_generator():
    dropout, ones = MemberDropout(0.5), torch.ones(4, 30)
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with drawing_from(0):
            drawn.append(torch.stack([dropout(ones), dropout(ones)]))
    assert torch.equal(*drawn) and not torch.equal(*drawn[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_other_threads_and_later_draws_have_the_global_generator():
    found = []
    with drawing_from(0):
        assert generator_for(CPU) is not None
        thread = threading.Thread(target=lambda: found.append(generator_for(CPU)))
        thread.start()
        thread.join()
    assert found == [None] and generator_for(CPU) is None
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        with in_all_functions():
            assert torch.equal(torch.rand(3), expected)
