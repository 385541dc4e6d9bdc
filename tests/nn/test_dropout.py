"""Dropout at the members' own rates."""

import numpy as np
import pytest
import torch

from sklearn_ple.nn import MemberDropout
from sklearn_ple.nn.draws import drawing_from
from sklearn_ple.nn.members import MemberRange


def test_members_drop_their_own_share_and_keep_their_mean(seed):
    torch.manual_seed(seed)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 3, 5), (4, 7, 9), (2, 8, 8)])
def test_any_number_of_activations_is_dropped_out(shape, dtype):
    torch.manual_seed(0)
    inputs = torch.randn(shape, dtype=dtype, requires_grad=True)
    outputs = MemberDropout([0.25, 0.5])(inputs)
    assert outputs.dtype == dtype and outputs.shape == shape
    kept = outputs != 0
    scales = torch.tensor([4 / 3, 2.0], dtype=dtype).repeat_interleave(shape[0] // 2)
    expected = kept * scales[:, None, None]
    torch.testing.assert_close(outputs, inputs * expected)
    outputs.sum().backward()
    torch.testing.assert_close(inputs.grad, expected)


@pytest.mark.parametrize(
    ("rate", "rounded"), [(1e-9, 1), (0.003, 1), (0.1, 26), (0.5, 128), (0.9, 230), (0.9999, 255)]
)
def test_rates_are_rounded_and_keep_the_mean(rate, rounded):
    torch.manual_seed(0)
    outputs = MemberDropout(rate)(torch.ones(1, 1000, 1000, dtype=torch.float64))
    assert outputs.max().item() == pytest.approx(256 / (256 - rounded))
    share = (outputs == 0).double().mean().item()
    assert share == pytest.approx(rounded / 256, abs=0.002)


def test_one_member_may_drop_nothing():
    inputs = torch.randn(3, 40, 50)
    outputs = MemberDropout([0.0, 0.5, 0.0])(inputs)
    assert torch.equal(outputs[0], inputs[0]) and torch.equal(outputs[2], inputs[2])
    assert not torch.equal(outputs[1], inputs[1])


def test_bytes_are_even_and_independent(seed):
    torch.manual_seed(seed)
    outputs = MemberDropout(0.5)(torch.ones(1, 1000, 1000))[0] / 2
    # Each of the eight bytes of a word is as random as the others.
    np.testing.assert_allclose(outputs.view(-1, 8).mean(0), 0.5, atol=0.006)
    np.testing.assert_allclose(np.corrcoef(outputs.view(-1, 8).T), np.eye(8), atol=0.015)


@pytest.mark.parametrize("rates", [-0.1, 1.0, [0.2, 1.5]])
def test_rates_that_drop_all_or_less_than_nothing_are_refused(rates):
    with pytest.raises(ValueError, match="rates of dropout must be from 0 to below 1"):
        MemberDropout(rates)


@pytest.mark.parametrize("rates", [[0.0, 0.0, 0.0, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]])
@pytest.mark.parametrize("members", [(0, 2), (1, 3), (2, 5)])
def test_some_members_drop_what_they_do_among_all(rates, members):
    every, inputs = MemberDropout(rates), torch.ones(15, 11)
    with drawing_from(3):
        first, second = every(inputs), every(inputs)
    members = MemberRange(*members, 5)
    own = MemberDropout(rates[members.first : members.last])
    own.draw_among(every, members)
    with drawing_from(3):
        assert torch.equal(own(members.of(inputs)), members.of(first))
        assert torch.equal(own(members.of(inputs)), members.of(second))
