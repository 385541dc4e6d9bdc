"""Logits of joint events against products of probabilities."""

import numpy as np
import pytest
import torch
from aitm import CalibratedLogits
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


# -- what is added to the losses ------------------------------------------------------------------

#: Columns and positions of a chain 0, 2, 1 and a fork from 0 to 3, beside a task of two outputs.
COLUMNS = [(3, 0), (1, 3), (4, 0)]
POSITIONS = [(2, 0), (1, 2), (3, 0)]
N_ROWS = 40


def drawn(n_members):
    """Draw outputs of six columns, and labels of five tasks of which three of ten are missing."""
    rng = np.random.RandomState(0)
    outputs = torch.from_numpy(3 * rng.randn(n_members, N_ROWS, 6)).requires_grad_()
    targets = rng.randint(2, size=(N_ROWS, 5)).astype(float)
    weights = rng.rand(N_ROWS, 5) + 0.5
    missing = rng.rand(*weights.shape) < 0.3
    weights[missing] = 0.0
    # Whatever stands where there is no label.
    targets[missing] = np.nan
    return outputs, torch.from_numpy(targets), torch.from_numpy(weights)


@pytest.mark.parametrize("n_members", [1, 3])
def test_the_calibrator_is_that_of_a_loop(n_members):
    outputs, targets, weights = drawn(n_members)
    link = CalibratedLogits(COLUMNS, POSITIONS, weight=0.4)
    added = link.added_losses(outputs, targets, weights)
    logits = outputs.detach().numpy()
    expected = np.zeros((n_members, N_ROWS, 5))
    for (column, parent), (task, _) in zip(COLUMNS, POSITIONS, strict=True):
        for m in range(n_members):
            for i in range(N_ROWS):
                excess = expit(logits[m, i, column]) - expit(logits[m, i, parent])
                expected[m, i, task] = 0.4 * max(excess, 0.0)
    assert_allclose(added.detach(), expected, rtol=1e-10, atol=1e-12)
    assert expected[..., [1, 2, 3]].any(axis=(0, 1)).all()


def test_calibrated_logits_are_in_their_order_in_evaluation_alone():
    outputs, *_ = drawn(1)
    link = CalibratedLogits(COLUMNS, POSITIONS)
    assert link(outputs) is outputs
    ordered = link.eval()(outputs).detach().numpy()[0]
    logits = outputs.detach().numpy()[0]
    assert_allclose(ordered[:, 3], np.minimum(logits[:, 3], logits[:, 0]))
    assert_allclose(ordered[:, 1], logits[:, [0, 1, 3]].min(axis=1))
    assert_allclose(ordered[:, 4], np.minimum(logits[:, 4], logits[:, 0]))
    assert_allclose(ordered[:, [0, 2, 5]], logits[:, [0, 2, 5]])


def test_products_of_probabilities_add_nothing():
    outputs, targets, weights = drawn(1)
    assert JointLogits(COLUMNS, POSITIONS).added_losses(outputs, targets, weights) is None
