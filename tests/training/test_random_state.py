"""Seeds are those of a fit, and nothing global changes."""

import numpy as np
import pytest
import torch

from sklearn_ple import PLERegressor
from sklearn_ple.nn.draws import in_all_functions
from sklearn_ple.training import random_state as module
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


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_estimators_that_share_a_generator_draw_different_numbers(random_state, monkeypatch):
    seeds, drawing_from = [], module.drawing_from
    monkeypatch.setattr(module, "drawing_from", lambda s: seeds.append(s) or drawing_from(s))
    X, y = np.eye(4), np.arange(4.0)
    for _ in range(2):
        estimator = PLERegressor(n_members=1, max_epochs=1, random_state=random_state)
        estimator.fit(X, y).partial_fit(X, y).add_task(X, y)
    assert len(seeds) == len(set(seeds)) == 6
