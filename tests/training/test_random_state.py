"""Seeds are those of a fit, and nothing global changes."""

import numpy as np
import pytest
import torch

from sklearn_ple.nn.draws import in_all_functions
from sklearn_ple.training.random_state import GlobalDraws, seeded


@pytest.mark.parametrize("globally", [False, True])
def test_seeding_leaves_the_global_state(globally):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    draws = []
    for _ in range(2):
        with seeded(np.random.RandomState(0)):
            how = GlobalDraws("cpu").seeded() if globally else in_all_functions()
            with how:
                draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(torch.rand(2), expected)
