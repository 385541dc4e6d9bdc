"""Settings of the whole run. Nothing global is seeded: an estimator's seed is its own affair."""

import os

import matplotlib
import pytest
import torch
from hypothesis import settings
from matplotlib import pyplot as plt

matplotlib.use("Agg")

# To compile what shap computes with takes longer than to compute the little that it does here.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

# The run has one process per core already.
torch.set_num_threads(1)

# Derandomized, a run that was green stays green; fitting takes longer than Hypothesis' deadline.
settings.register_profile("sklearn_ple", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("sklearn_ple")


@pytest.fixture(autouse=True)
def close_figures():
    """Leave no figure open for the next test."""
    yield
    plt.close("all")
