"""The random states of torch in a training."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..nn.draws import drawing_from, generator_for
from ..utils.types import RandomStateLike


def draw_seed(rng: np.random.RandomState) -> int:
    """Draw a seed that torch and NumPy accept."""
    return int(rng.randint(np.iinfo(np.int32).max))


@contextmanager
def seeded(rng: np.random.RandomState) -> Iterator[None]:
    """Draw from seeded generators within the context; torch's global random state is unchanged."""
    with drawing_from(draw_seed(rng)):
        yield


def choose_random_state(
    rng: np.random.RandomState, random_state: RandomStateLike
) -> np.random.RandomState:
    """Return the generator for a training that continues from the last one.

    An estimator's own generator is copied, so that a failure does not change it. One that others
    share is not: copies would draw the same numbers for all of them.

    Parameters
    ----------
    rng : RandomState
        The generator of the last training.
    random_state : int, RandomState or None
        The estimator's ``random_state``.
    """
    is_shared = rng is random_state or rng is check_random_state(None)
    return rng if is_shared else copy.deepcopy(rng)


class GlobalDraws:
    """Torch's global random state, for users' layers that draw from it.

    Threads that use it at the same time disturb each other.

    Parameters
    ----------
    device : str
        The device to draw on.
    """

    def __init__(self, device: str):
        self.gpus = [torch.device(device)] if device.startswith("cuda") else []

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Seed it, within the context, with the seed of the thread's own generators."""
        generator = generator_for(torch.device("cpu")) or torch.default_generator
        with torch.random.fork_rng(self.gpus):
            torch.manual_seed(generator.initial_seed())
            yield

    def state_dict(self) -> dict[str, Any]:
        """Return the state on the CPU and on the device."""
        gpus = [torch.cuda.get_rng_state(gpu) for gpu in self.gpus]
        return {"cpu": torch.get_rng_state(), "gpus": gpus}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        torch.set_rng_state(state["cpu"])
        for gpu, state_there in zip(self.gpus, state["gpus"], strict=True):
            torch.cuda.set_rng_state(state_there, gpu)
