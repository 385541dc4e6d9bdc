"""Settings of the whole run. Nothing global is seeded: an estimator's seed is its own affair."""

import gc
import importlib
import os
import secrets
import signal
import sys

import matplotlib
import pytest
import torch
from hypothesis import settings
from makers import NIGHTLY, make_tiny
from matplotlib import pyplot as plt

from sklearn_ple.utils import warn

matplotlib.use("Agg")

# To compile what shap computes with takes longer than to compute the little that it does here.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

# The run has one process per core already. The variable is for those that are yet to start, where
# the threads of boosting would wait for each other far longer than they work.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Derandomized, a run that was green stays green; fitting takes longer than Hypothesis' deadline.
settings.register_profile(
    "sklearn_ple", deadline=None, derandomize=True, max_examples=200 if NIGHTLY else 25
)
settings.load_profile("sklearn_ple")


def seeds_asked_for(words):
    """Read SKLEARN_PLE_SEED: a number, a range such as 0-19, or `any` for one that is drawn."""
    if words == "any":
        return [secrets.randbelow(10_000)]
    first, _, last = words.partition("-")
    return list(range(int(first), int(last or first) + 1))


SEEDS = seeds_asked_for(os.environ.get("SKLEARN_PLE_SEED", "0"))
# The processes of the run take over the seed that was drawn in the first one.
os.environ["SKLEARN_PLE_SEED"] = f"{SEEDS[0]}-{SEEDS[-1]}"


@pytest.fixture(autouse=True)
def _warnings_afresh():
    """A test sees a warning although an earlier one has shown the same one, on the same line."""
    warn._SHOWN.clear()


def pytest_report_header():
    return f"SKLEARN_PLE_SEED={os.environ['SKLEARN_PLE_SEED']}"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage among what is imported and collected: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config, items):
    if not NIGHTLY:
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.fixture(scope="session", params=SEEDS, ids=lambda seed: f"seed{seed}")
def seed(request):
    """The seed of what a statistical test draws: it passes for every one. 0 unless asked for."""
    return request.param


@pytest.fixture(autouse=True)
def close_figures():
    """Leave no figure open for the next test."""
    yield
    plt.close("all")


@pytest.fixture
def hide(monkeypatch):
    """Hide a package, as if it were not installed."""

    def make_unimportable(package):
        loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
        for name in [package, *loaded]:
            monkeypatch.setitem(sys.modules, name, None)

    return make_unimportable


@pytest.fixture
def unpainted(monkeypatch):
    """Leave the pictures of pages empty where a test reads the texts: painting takes longest."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    # To look for letters that the font lacks draws every tick.
    monkeypatch.setattr("matplotlib.figure.Figure.findobj", lambda *_, **__: [])


@pytest.fixture(autouse=True)
def console(monkeypatch):
    """Let what pytest captures stand for a console, on which bars are shown."""
    for kind in ("CaptureIO", "EncodedFile"):
        monkeypatch.setattr(f"_pytest.capture.{kind}.isatty", lambda _: True, raising=False)


@pytest.fixture
def few_models(monkeypatch):
    """Guessing and a small network, as all that the command compares."""
    module = importlib.import_module("sklearn_ple.inspection.compare_models")
    kept = {"dummy": module.make_models()["dummy"], "PLE": make_tiny()}
    monkeypatch.setattr(module, "make_models", lambda by_time=False: kept)


@pytest.fixture
def ctrl_c():
    """Let SIGINT interrupt the test: a shell's processes in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
