"""Random numbers from generators of one's own, apart from torch's global random state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

#: The seed of the running thread's generators, and these by the type of their device.
_OWN: ContextVar[tuple[int, dict[str, torch.Generator]] | None] = ContextVar("own", default=None)
# What draws into a tensor like another one has no generator in older versions of torch.
_LIKE: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.rand_like.default: torch.Tensor.uniform_,
    torch.ops.aten.randn_like.default: torch.Tensor.normal_,
}


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Let the running thread draw from generators of its own for a while.

    Torch's global random state belongs to all threads of the process: what seeds it for one of
    them disturbs the others.

    Parameters
    ----------
    seed : int
        The seed of the generators, one for each type of device that is drawn on.
    """
    token = _OWN.set((seed, {}))
    try:
        yield
    finally:
        _OWN.reset(token)


def generator_for(device: torch.device) -> torch.Generator | None:
    """Return the thread's generator for a device; None, torch's global one, where it has none."""
    own = _OWN.get()
    if own is None:
        return None
    seed, generators = own
    if device.type not in generators:
        generators[device.type] = torch.Generator(device).manual_seed(seed)
    return generators[device.type]


def reseed(device: torch.device, *numbers: int) -> int:
    """Let the thread's generators go on from a seed that numbers make of theirs; return it.

    Parameters
    ----------
    device : torch.device
        Whose generator it is about, beside that of the CPU.
    *numbers : int
        The same seed and the same numbers make the same seed again.
    """
    seed = 0 if (own := _OWN.get()) is None else own[0]
    (new,) = np.random.SeedSequence([seed, *numbers]).generate_state(1).tolist()
    for each in {device.type: device, "cpu": torch.device("cpu")}.values():
        if (generator := generator_for(each)) is not None:
            generator.manual_seed(new)
    return new


class Draws:
    """The thread's generators: their states are kept and restored as those of modules are."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the states, by the type of device."""
        _, generators = _OWN.get() or (0, {})
        return {kind: generator.get_state() for kind, generator in generators.items()}

    def load_state_dict(self, states: dict[str, torch.Tensor]) -> None:
        """Go on from such states."""
        for kind, state in states.items():
            generator = generator_for(torch.device(kind))
            if generator is not None:
                generator.set_state(state)


def in_all_functions() -> AbstractContextManager:
    """Let every function of torch draw from the thread's generators, those of layers too.

    It costs some microseconds an operation: too much for training, but not for what happens once.
    """
    return nullcontext() if _OWN.get() is None else _InAllFunctions()


class _InAllFunctions(TorchDispatchMode):
    """Hands a generator to each operation that draws."""

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
        device = kwargs.get("device") or "cpu" if drawn_into is None else drawn_into.device
        return with_generator(*args, generator=generator_for(torch.device(device)), **kwargs)


def _with_generator(func: Any) -> Any:
    """Return the overload of an operation that takes a generator; None if there is none."""
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func
    name = "generator" if func._overloadname == "default" else f"{func._overloadname}_generator"
    return getattr(func.overloadpacket, name, None)
