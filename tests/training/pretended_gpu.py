"""A pretended GPU: its tensors hold numbers on the CPU, but mixing devices raises as on CUDA."""

from collections import OrderedDict
from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_ple.training import rows as data

GPU, CPU = torch.device("cuda:0"), torch.device("cpu")
# The device that torch's own code sees, which needs no CUDA.
BENEATH = torch.device("meta:0")
ATEN = torch.ops.aten
COPIES = {ATEN._to_copy, ATEN.copy_, ATEN._foreach_copy_}
INDEXING = {ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_}


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU, and holds one on the CPU, in float32 at most."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    is_cuda, is_meta = True, False
    device = GPU

    @staticmethod
    def __new__(cls, held):
        form = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        options = {"dtype": held.dtype, "device": BENEATH}
        return cls._make_wrapper_subclass(cls, held.shape, **form, **options)

    def __init__(self, held):
        if held.dtype == torch.float64:
            raise TypeError("Apple's GPUs have no float64")
        self.held = held

    def tolist(self):
        return self.held.tolist()

    def __reduce_ex__(self, protocol):
        if isinstance(self, torch.nn.Parameter):
            parts = self.detach(), self.requires_grad, OrderedDict()
            return torch._utils._rebuild_parameter, parts
        parts = self.held.numpy(), self.dtype, str(GPU), self.requires_grad
        return torch._utils._rebuild_device_tensor_from_numpy, parts

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return operate(func, args, kwargs or {})


class Operations(TorchDispatchMode):
    """Makes the tensors that are created on the GPU, or moved there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return operate(func, args, kwargs or {})


class Generator(torch.Generator):
    """A generator that draws only on the device that it is made for."""

    # Operations get other objects for the same generators, so these are known by their addresses.
    on_gpu: set = set()

    def __new__(cls, device=CPU):
        made = super().__new__(cls)
        cls.on_gpu.discard(made._cdata)
        if torch.device(device).type == GPU.type:
            cls.on_gpu.add(made._cdata)
        return made


def operate(func, args, kwargs):
    """Compute with the tensors that are held; raise where CUDA would."""
    there, here, generators = {}, {}, []

    def held(value):
        if isinstance(value, OnGpu):
            there[id(value.held)] = value
            return value.held
        if isinstance(value, torch.Tensor):
            here[id(value)] = value
        if isinstance(value, torch._C.Generator):
            generators.append(value._cdata in Generator.on_gpu)
        return value

    args = each(held, args)
    kwargs = {name: each(held, value) for name, value in kwargs.items()}
    asked = kwargs.get("device")
    goes = bool(there) if asked is None else torch.device(asked) in (GPU, BENEATH)
    if asked is not None and goes:
        kwargs["device"] = CPU
    if any(on_gpu != goes for on_gpu in generators):
        raise RuntimeError(f"{func} draws from a generator of another device")
    mixed = list(here.values()) if there and func.overloadpacket not in COPIES else []
    if func.overloadpacket in INDEXING and id(args[0]) in there:
        # Indices may be on the CPU.
        mixed = [part for part in mixed if not any(part is index for index in args[1])]
    if not all(torch.Tag.pointwise in func.tags and part.dim() == 0 for part in mixed):
        raise RuntimeError(f"{func} reads tensors of the CPU beside those of the GPU")

    def placed(result):
        if not isinstance(result, torch.Tensor):
            return result
        if id(result) in here:
            if mixed:
                raise RuntimeError(f"{func} writes what is on the GPU to a tensor of the CPU")
            return result
        if id(result) in there:
            # The operation was in place.
            return there[id(result)]
        return OnGpu(result) if goes else result

    return each(placed, func(*args, **kwargs))


def each(change, value):
    """Change a value, or each one in a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(each(change, own) for own in value)
    return change(value)


@contextmanager
def pretended_gpu():
    """Pretend within the context that there is a GPU, named "cuda:0"."""
    cuda = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "is_current_stream_capturing": lambda: False,
        "device_count": lambda: 1,
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda *_: None,
    }
    future = torch.__future__
    overwrites = future.get_overwrite_module_params_on_conversion()
    with pytest.MonkeyPatch.context() as patch, Operations():
        for name, function in cuda.items():
            patch.setattr(torch.cuda, name, function)
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(data, "free_memory", lambda device: float("inf"))
        # A module that moves gets other parameters: a tensor cannot become one of another class.
        future.set_overwrite_module_params_on_conversion(True)
        # An array becomes a tensor on the CPU, which an operation moves.
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            yield
        finally:
            torch._C._set_only_lift_cpu_tensors(False)
            future.set_overwrite_module_params_on_conversion(overwrites)
