"""Codecs: values of Python, numpy and torch as lists of plain data and arrays, and back."""

import math
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import RandomState
from torch import Tensor
from torch.nn import Parameter

# Kinds of arrays that are stored as arrays of another dtype with the same bytes.
_STORED_AS = {"U": np.uint32, "m": np.int64, "M": np.int64}
# Number of words of a random state.
_N_WORDS = 624


class Codec(NamedTuple):
    """Conversion of the values of some types.

    Attributes
    ----------
    tag : str
        The key in a file, which starts with "$".
    matches : callable
        Function that returns whether a value is of the types.
    dump : callable
        Function that turns a value into a list of values that are converted in turn. It raises a
        TypeError for a value that no file can hold.
    load : callable
        Function that is called with the entries of the list, and returns the value.
    """

    tag: str
    matches: Callable[[Any], bool]
    dump: Callable[[Any], Any]
    load: Callable[..., Any]


def match_types(*types: type) -> Callable[[Any], bool]:
    """Return a function that returns whether a value is of a type, but not of a subclass."""
    return lambda value: type(value) in types


def match_kinds(*types: type) -> Callable[[Any], bool]:
    """Return a function that returns whether a value is of a type or a subclass."""
    return lambda value: isinstance(value, types)


def load_dtype(name: object) -> np.dtype:
    """Return a dtype of numpy by its name."""
    dtype = np.dtype(name) if isinstance(name, str) and "," not in name else np.dtype("V1")
    if dtype.kind not in "biufOUmM" or dtype.subdtype is not None:
        raise ValueError(f"it names the dtype {name!r}, which is unknown")
    return dtype


def _dump_array(array: np.ndarray) -> list[Any]:
    """Turn an array of objects, text or times into its shape and a list or an array of numbers."""
    dtype, shape = array.dtype.newbyteorder("="), list(array.shape)
    if dtype.kind == "O":
        return ["O", shape, array.ravel().tolist()]
    if dtype.kind not in _STORED_AS:
        raise TypeError(f"an array of {dtype}")
    return [dtype.str[1:], shape, array.astype(dtype).ravel().view(_STORED_AS[dtype.kind])]


def _load_array(name: str, shape: list[int], entries: np.ndarray | list[Any]) -> np.ndarray:
    dtype = load_dtype(name)
    if isinstance(entries, np.ndarray):
        if entries.dtype != _STORED_AS.get(dtype.kind) or not dtype.isnative:
            raise ValueError(f"an array of {dtype} is stored as {entries.dtype}")
        if dtype.kind == "U" and entries.max(initial=0) > sys.maxunicode:
            raise ValueError("an array of text holds what is no letter")
        return entries.view(dtype).reshape(shape)
    if dtype.kind != "O" or math.prod(shape) != len(entries):
        raise ValueError("an array's shape is not that of its entries")
    # Entries may be sequences themselves, so they are set one by one.
    array = np.empty(len(entries), dtype=object)
    for place, entry in enumerate(entries):
        array[place] = entry
    return array.reshape(shape)


def _load_random_state(
    name: str, key: Any, position: Any, has_gauss: Any, gauss: Any
) -> RandomState:
    # NumPy would read at any position, and draw for ever from words without a bit.
    is_key = isinstance(key, np.ndarray) and key.dtype == np.uint32 and key.shape == (_N_WORDS,)
    is_place = type(position) is int and 0 <= position <= _N_WORDS
    is_gauss = has_gauss in (0, 1) and type(gauss) is float and math.isfinite(gauss)
    if not (is_key and is_place and is_gauss and (key[0] >> 31 or key[1:].any())):
        raise ValueError("its random state is none of NumPy")
    random_state = RandomState()
    random_state.set_state((name, key, position, has_gauss, gauss))
    return random_state


def _dump_tensor(tensor: Tensor) -> list[Any]:
    return [tensor.detach().cpu().numpy(), type(tensor) is Parameter, tensor.requires_grad]


def _load_tensor(array: np.ndarray, is_parameter: bool, requires_grad: bool) -> Tensor:
    tensor = torch.from_numpy(array).requires_grad_(requires_grad)
    return Parameter(tensor, requires_grad) if is_parameter else tensor


#: Codecs of values of Python, numpy, torch and scikit-learn.
CODECS = [
    Codec("$float", match_types(float), lambda v: [str(v)], float),
    Codec("$dict", match_kinds(dict), lambda v: map(list, v.items()), lambda *pairs: dict(pairs)),
    Codec("$tuple", match_types(tuple, range), list, lambda *entries: entries),
    # joblib may map arrays from a file.
    Codec("$entries", match_types(np.ndarray, np.memmap), _dump_array, _load_array),
    Codec("$scalar", match_kinds(np.generic), lambda v: [np.asarray(v)], lambda array: array[()]),
    Codec("$random_state", match_types(RandomState), RandomState.get_state, _load_random_state),
    Codec("$tensor", match_types(Tensor, Parameter), _dump_tensor, _load_tensor),
    *(
        Codec(f"${cls.__name__}", match_types(cls), lambda v: [v.isoformat()], cls.fromisoformat)
        for cls in (datetime, date, time)
    ),
    Codec(
        "$timedelta",
        match_types(timedelta),
        lambda v: [v.days, v.seconds, v.microseconds],
        timedelta,
    ),
    Codec("$decimal", match_types(Decimal), lambda v: [str(v)], Decimal),
]
