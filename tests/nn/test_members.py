"""How the members of an ensemble differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ple.nn.members import Members


@given(st.floats(0, 0.99), st.integers(1, 12))
def test_rates_of_members_lie_evenly_around_their_mean(mean, n_members):
    rates = Members(n_members).rates(mean)
    assert len(rates) == n_members
    assert np.mean(rates) == pytest.approx(mean)
    assert min(rates) >= 0.0 and max(rates) <= max(0.9, mean) + 1e-9
    assert np.ptp(np.diff(rates)) < 1e-9 if n_members > 2 else True


def test_few_members_have_the_mean_rate_and_more_reach_from_none_to_twice():
    assert Members(1).rates(0.3) == [0.3]
    assert Members(3).rates(0.3) == [0.3, 0.3, 0.3]
    np.testing.assert_allclose(Members(5).rates(0.2), [0.0, 0.1, 0.2, 0.3, 0.4])


def test_steps_ramp_up_as_linear_shares_fall():
    assert Members(5).ramp.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(Members(5).linear_shares, 1 - Members(5).ramp)
    assert Members(1).ramp.tolist() == Members(1).linear_shares.tolist() == [0.5]
