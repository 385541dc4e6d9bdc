"""Logits of joint events against products of probabilities."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit

from sklearn_ple.nn import JointLogits

LOGITS = st.floats(-15.0, 15.0)


@given(st.lists(LOGITS, min_size=3, max_size=3))
def test_joint_probability_is_the_product_along_the_chain(logits):
    outputs = torch.tensor([logits], dtype=torch.float64)
    joint = JointLogits([(1, 0), (2, 1)])(outputs)
    assert_allclose(expit(joint.numpy()[0]), np.cumprod(expit(logits)), rtol=1e-9)


@given(st.lists(LOGITS, min_size=4, max_size=4))
def test_of_a_fork_each_branch_is_multiplied_by_itself(logits):
    outputs = torch.tensor(logits, dtype=torch.float64)
    joint = expit(JointLogits([(3, 1), (0, 1)])(outputs).numpy())
    p = expit(logits)
    assert_allclose(joint, [p[0] * p[1], p[1], p[2], p[3] * p[1]], rtol=1e-9)


@given(st.tuples(st.floats(-700, 700), st.floats(-700, 700)))
def test_logits_lose_no_digits_where_probabilities_would(logits):
    outputs = torch.tensor(logits, dtype=torch.float64)
    joint = JointLogits([(1, 0)])(outputs)[1].item()
    # Of 1 / p - 1 the log, with 1 / p = (1 + exp(-a)) (1 + exp(-b)), in numbers of 80 bits.
    a, b = np.exp(-np.array(logits, dtype=np.longdouble))
    assert_allclose(joint, float(-np.log(a + b + a * b)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [80.0, 1000.0])
def test_extreme_logits_are_finite_with_finite_gradients(size, dtype):
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0], dtype=dtype)] * 3)
    outputs = (size * signs).requires_grad_()
    joint = JointLogits([(1, 0), (2, 1)])(outputs)
    joint.sum().backward()
    assert joint.isfinite().all() and outputs.grad.isfinite().all()
    assert (joint[:, 1:] <= joint[:, :-1]).all()
    # The more probable an event, the more probable it is with others.
    assert (outputs.grad >= 0).all()


def test_gradients_are_those_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(JointLogits([(1, 0), (2, 1)]), outputs)


def test_other_columns_are_left_alone():
    outputs = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    before = outputs.clone()
    joint = JointLogits([(3, 1)])(outputs)
    assert joint.shape == outputs.shape
    assert torch.equal(joint[..., :3], outputs[..., :3])
    assert (joint[..., 3] < outputs[..., 3]).all()
    assert torch.equal(outputs, before)
