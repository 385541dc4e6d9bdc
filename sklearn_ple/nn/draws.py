"""Random numbers from a thread's own generators instead of torch's global random state."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

#: The seed of the current thread's generators, and the generators by type of device.
_DRAWING: ContextVar[tuple[int, dict[str, torch.Generator]] | None] = ContextVar(
    "drawing", default=None
)
# In older versions of torch, these functions do not accept a generator.
_LIKE: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.rand_like.default: torch.Tensor.uniform_,
    torch.ops.aten.randn_like.default: torch.Tensor.normal_,
}


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Make the current thread draw from its own generators within the context.

    All threads of a process share torch's global random state, so seeding it in one thread would
    disturb the others.

    Parameters
    ----------
    seed : int
        Seed of the generators, of which there is one for each type of device.
    """
    token = _DRAWING.set((seed, {}))
    try:
        yield
    finally:
        _DRAWING.reset(token)


def generator_for(device: torch.device) -> torch.Generator | None:
    """Return the thread's generator for a device; None, which means torch's, if it has none."""
    drawing = _DRAWING.get()
    # On torch's meta device nothing is drawn.
    if drawing is None or device.type == "meta":
        return None
    seed, generators = drawing
    if device.type not in generators:
        generators[device.type] = torch.Generator(device).manual_seed(seed)
    return generators[device.type]


def reseed(device: torch.device, *numbers: int) -> int:
    """Seed the thread's generators anew, and return the new seed.

    Parameters
    ----------
    device : torch.device
        A device whose generator is seeded, besides that of the CPU.
    *numbers : int
        Numbers that, together with the thread's seed, determine the new seed.

    Returns
    -------
    int
        The new seed.
    """
    seed = 0 if (drawing := _DRAWING.get()) is None else drawing[0]
    (new,) = np.random.SeedSequence([seed, *numbers]).generate_state(1).tolist()
    for each in {device.type: device, "cpu": torch.device("cpu")}.values():
        if (generator := generator_for(each)) is not None:
            generator.manual_seed(new)
    return new


class Draws:
    """The thread's generators, whose state is saved and restored like that of a module."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the states of the generators, by type of device."""
        _, generators = _DRAWING.get() or (0, {})
        return {kind: generator.get_state() for kind, generator in generators.items()}

    def load_state_dict(self, states: dict[str, torch.Tensor]) -> None:
        """Restore saved states."""
        for kind, state in states.items():
            generator = generator_for(torch.device(kind))
            if generator is not None:
                generator.set_state(state)


def in_all_functions() -> AbstractContextManager:
    """Make every function of torch draw from the thread's generators, within the context.

    This includes the functions that layers call. It costs some microseconds per operation, which
    is too much for training but not for what happens only once.
    """
    return nullcontext() if _DRAWING.get() is None else _InAllFunctions()


class _InAllFunctions(TorchDispatchMode):
    """Passes a generator to each operation that draws random numbers."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Let torch not import its compiler, which takes longer than to load a model."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or kwargs.get("generator"):
            return func(*args, **kwargs)
        if func in _LIKE:
            drawn = torch.empty_like(*args, **kwargs)
            return _LIKE[func](drawn, generator=generator_for(drawn.device))
        with_generator = _with_generator(func)
        if with_generator is None:
            return func(*args, **kwargs)
        drawn_into = next((arg for arg in args if isinstance(arg, torch.Tensor)), None)
        if drawn_into is not None and drawn_into.is_meta:
            return drawn_into
        device = kwargs.get("device") or "cpu" if drawn_into is None else drawn_into.device
        return with_generator(*args, generator=generator_for(torch.device(device)), **kwargs)


def _with_generator(func: Any) -> Any:
    """Return the overload of an operation that accepts a generator; None if there is none."""
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func
    name = "generator" if func._overloadname == "default" else f"{func._overloadname}_generator"
    return getattr(func.overloadpacket, name, None)
