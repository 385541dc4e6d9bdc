"""Dropout at the members' own rates."""

import numpy as np
import pytest
import torch

from sklearn_ple.nn import BatchedMLP, MemberDropout, mlp


def test_members_drop_their_own_share_and_keep_their_mean():
    torch.manual_seed(0)
    rates = [0.0, 0.25, 0.75]
    # Two blocks a member, one after the other.
    outputs = MemberDropout(rates)(torch.ones(6, 300, 100))
    dropped = (outputs == 0).double().mean(dim=(1, 2))
    np.testing.assert_allclose(dropped, np.repeat(rates, 2), atol=0.01)
    np.testing.assert_allclose(outputs.double().mean(dim=(1, 2)), 1.0, atol=0.05)


def test_nothing_is_dropped_in_evaluation_or_at_rate_zero():
    inputs = torch.randn(2, 5, 4)
    assert torch.equal(MemberDropout([0.5, 0.9]).eval()(inputs), inputs)
    assert MemberDropout(0.0)(inputs) is inputs


@pytest.mark.parametrize("limit", [0, 2**30], ids=["one by one", "batched"])
def test_banks_of_experts_drop_out_by_member(limit, monkeypatch):
    monkeypatch.setattr(mlp, "_BATCHED_LIMIT", limit)
    torch.manual_seed(0)
    bank = BatchedMLP(2, 3, 5, (40,), activation="tanh", dropout=[0.0, 0.5])
    dropped = (bank(torch.randn(2, 200, 5)) == 0).double().mean(dim=(1, 2))
    np.testing.assert_allclose(dropped, [0.0] * 3 + [0.5] * 3, atol=0.02)
