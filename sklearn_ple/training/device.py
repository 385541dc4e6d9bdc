"""The device to compute on, the dtype of products, and torch's modes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ..utils.processes import current


def resolve_device(device: str, dtype: torch.dtype) -> str:
    """Turn the parameter ``device`` into the name of a device that exists.

    Parameters
    ----------
    device : str
        "auto" for a GPU if there is one and else the CPU, or the name of a device in torch.
    dtype : torch.dtype
        Data type of the network. Apple's GPUs do not support float64.

    Returns
    -------
    str
        Name of the device.

    Raises
    ------
    ValueError
        If the device does not exist or does not support the data type, or if it is not the one
        that this process, among several, computes on.
    """
    of_process = current().device
    if of_process is not None:
        if device in ("auto", of_process, torch.device(of_process).type):
            return of_process
        raise ValueError(
            f"device={device!r} is not the device of this process, which computes on "
            f"{of_process!r}: within data_parallel leave device='auto'. data_parallel(cpu=True) "
            "computes on CPUs."
        )
    there = available_devices()
    if device == "auto":
        usable = [name for name in there if not (name == "mps" and dtype == torch.float64)]
        return usable[0]
    if device == "cuda" and "cuda:0" in there:
        return "cuda"
    if device not in there:
        raise ValueError(
            f"device={device!r} is not there; this machine has {', '.join(map(repr, there))}. "
            "Set device='auto' to use one of these."
        )
    if device == "mps" and dtype == torch.float64:
        raise ValueError(
            "device='mps' does not support float64: set dtype='float32' or device='cpu'."
        )
    return device


def check_bfloat16(device: str) -> None:
    """Raise a ValueError unless a device has instructions for bfloat16."""
    if not _has_bfloat16(device):
        which = "this processor has" if device == "cpu" else f"device={device!r} has"
        raise ValueError(
            f"dtype='bfloat16' would be no faster here: {which} no instructions for bfloat16. "
            "Set dtype='float32'."
        )


def _has_bfloat16(device: str) -> bool:
    """Return whether the device has instructions for bfloat16; emulation is slow."""
    if device.startswith("cuda"):
        return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (8, 0)
    if device == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    # Names such as avx512_bf16 and amx_bf16 or, on ARM, bf16 and sve_bf16.
    if hasattr(torch.cpu, "get_capabilities"):
        return any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def available_devices() -> list[str]:
    """List the devices of this machine, the fastest first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


@contextmanager
def in_own_modes() -> Iterator[None]:
    """Train within the context in the package's own modes of torch, not in the caller's.

    Gradients are computed, autocast is off, and the default dtype is float32.
    """
    with torch.inference_mode(False), torch.enable_grad(), without_autocast(), _float32():
        yield


@contextmanager
def _float32() -> Iterator[None]:
    """Make float32 the default dtype, in which initial weights are drawn."""
    dtype = torch.get_default_dtype()
    # All threads share the default, so it is left alone where it is right.
    if dtype == torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute in the tensors' own precision within the context, even if the caller does not."""
    with ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield
