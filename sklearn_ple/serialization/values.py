"""Conversion of values of Python, numpy and torch to plain data and arrays, and back.

Plain data are those that JSON can represent. Any other value is an object with a single key, which
starts with "$" and says how to read the content: ``{"$tuple": [64, 32]}``. A `Codec` defines such
a key. No other keys are read, so a file can only create objects of classes that are listed here,
or that the user trusts.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import torch

_PLAIN = (bool, int, str, type(None))
# Largest depth of nested values, which no state of a model reaches.
_DEEPEST = 64


@dataclass(frozen=True)
class Codec:
    """Conversion of the values of a type.

    Parameters
    ----------
    tag : str
        The key in the file, which starts with "$".
    matches : callable
        Function that returns whether a value is of the type.
    dump : callable
        Function of a value and a `Writer` that returns the content to write.
    load : callable
        Function of the content that was read and a `Reader` that returns the value.
    """

    tag: str
    matches: Callable[[Any], bool]
    dump: Callable[[Any, Writer], Any]
    load: Callable[[Any, Reader], Any]


class Writer:
    """Converts values to plain data, and collects their arrays.

    Parameters
    ----------
    codecs : sequence of Codec
        Codecs of values that JSON cannot represent; the first one that matches is used.
    known : dict of str to type
        Classes that may be named in a file, and whose objects are written as their attributes.
    trusted : dict of str to type
        Further classes, which must also be trusted when the file is read.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays, by the names to which the plain data refer.
    """

    def __init__(self, codecs: Sequence[Codec], known: dict[str, type], trusted: dict[str, type]):
        self.codecs = codecs
        self.names = {cls: {"$class": name} for name, cls in known.items()}
        for name, cls in trusted.items():
            self.names.setdefault(cls, {"$trusted": name})
        self.arrays: dict[str, np.ndarray] = {}
        self._where: list[str] = []

    def write(self, value: Any, where: Any = None) -> Any:
        """Convert a value to plain data; ``where`` is its name in errors."""
        if len(self._where) > _DEEPEST:
            raise TypeError(f"{self.place()} contains itself, or is nested too deeply.")
        self._where.append("" if where is None else str(where))
        try:
            return self._written(value)
        finally:
            self._where.pop()

    def _written(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        if type(value) is list:
            return [self.write(entry, f"[{place}]") for place, entry in enumerate(value)]
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, type) and value in self.names:
            return self.names[value]
        for codec in self.codecs:
            if codec.matches(value):
                return {codec.tag: self.write(codec.dump(value, self))}
        if type(value) in self.names:
            return self._object(value)
        return self.unknown(value)

    def _mapping(self, value: dict) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: self.write(own, f"[{key!r}]") for key, own in value.items()}
        pairs = [[key, self.write(own, f"[{key!r}]")] for key, own in value.items()]
        return {"$dict": [[self.write(key), own] for key, own in pairs]}

    def _object(self, value: Any) -> Any:
        own = vars(value)
        if isinstance(value, torch.nn.Module):
            # Hooks are code, and other usual attributes are the same in a new module.
            usual = vars(torch.nn.Module()).keys() - {"_parameters", "_buffers", "_modules"}
            own = {name: part for name, part in own.items() if name not in usual}
        attributes = {name: self.write(part, f".{name}") for name, part in own.items()}
        return {"$object": [self.names.get(type(value), type(value)), attributes]}

    def unknown(self, value: Any) -> Any:
        """Convert a value for which there is no codec; raises a TypeError by default."""
        raise TypeError(self._complaint(value))

    def array(self, value: np.ndarray, name: str | None = None) -> str:
        """Store an array of numbers or bools, and return its name."""
        name = f"array.{len(self.arrays)}" if name is None else name
        native = value.astype(value.dtype.newbyteorder("="), copy=False)
        self.arrays[name] = np.ascontiguousarray(native).reshape(value.shape)
        return name

    def place(self) -> str:
        """Return the name of the value that is being written, for errors."""
        return "".join(self._where) or "The model"

    def _complaint(self, value: Any) -> str:
        cls = value if isinstance(value, type) else type(value)
        what = "the class" if isinstance(value, type) else "an object of"
        text = f"{self.place()} contains {what} {cls.__module__}.{cls.__qualname__}, which a safe "
        if cls.__module__ == "builtins" or not hasattr(value, "__dict__"):
            return f"{text}file cannot contain: set it to something else."
        return (
            f"{text}file contains only if you trust the class: pass trusted=[{cls.__name__}] to "
            "save and load. Or set parameters that are no longer needed, such as callbacks, to "
            "None before."
        )


class Reader:
    """Converts plain data back to values.

    Parameters
    ----------
    codecs, known, trusted : object
        The parameters of the `Writer`.
    arrays : dict of str to ndarray
        The arrays to which the plain data refer, by name.
    """

    def __init__(
        self,
        codecs: Sequence[Codec],
        known: dict[str, type],
        arrays: dict[str, np.ndarray],
        trusted: dict[str, type],
    ):
        self.codecs = {codec.tag: codec for codec in codecs}
        self.classes = {"$class": known, "$trusted": trusted}
        self.arrays = arrays

    def read(self, plain: Any) -> Any:
        """Convert plain data to a value; raises ValueError for a key or class that is unknown."""
        if isinstance(plain, list):
            return [self.read(entry) for entry in plain]
        if not isinstance(plain, dict):
            return plain
        tag = next(iter(plain), "")
        if len(plain) != 1 or not tag.startswith("$"):
            return {key: self.read(value) for key, value in plain.items()}
        content = plain[tag]
        if tag in self.classes:
            return self._class(tag, content)
        if tag == "$object":
            return self._object(content)
        if tag == "$dict":
            return {self.read(key): self.read(value) for key, value in content}
        if tag == "$float":
            return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]
        if tag not in self.codecs:
            raise ValueError(f"it contains {tag!r}, which is unknown")
        return self.codecs[tag].load(self.read(content), self)

    def _class(self, tag: str, name: Any) -> type:
        classes = self.classes[tag]
        if not isinstance(name, str) or name not in classes:
            remedy = f": if you trust it, load(..., trusted=[{name}])"
            raise ValueError(
                f"it names the class {name!r}, which is not in this package"
                + (remedy if tag == "$trusted" else "")
            )
        return classes[name]

    def _object(self, content: Any) -> Any:
        cls, attributes = (self.read(part) for part in content)
        value = cls.__new__(cls)
        if isinstance(value, torch.nn.Module):
            torch.nn.Module.__init__(value)
        vars(value).update(attributes)
        return value

    def array(self, name: Any) -> np.ndarray:
        """Return the array with a name."""
        if not isinstance(name, str) or name not in self.arrays:
            raise ValueError(f"it lacks the array {name!r}")
        return self.arrays[name]


def named(classes: Iterable[type]) -> dict[str, type]:
    """Return a dict of classes by their names, which must be unique."""
    found: dict[str, type] = {}
    if isinstance(classes, type):
        raise TypeError(f"trusted is {classes!r}: it must be a list of classes.")
    for cls in classes:
        if not isinstance(cls, type):
            raise TypeError(f"trusted contains {cls!r}: it must contain classes.")
        if found.setdefault(cls.__name__, cls) is not cls:
            raise ValueError(
                f"trusted contains two classes with the name {cls.__name__!r}: rename one."
            )
    return found


def _of_type(*types: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in types


# Kinds of arrays that are stored as arrays of another dtype with the same bytes.
_STORED_AS = {"U": np.uint32, "m": np.int64, "M": np.int64}


def _dump_array(value: np.ndarray, writer: Writer) -> Any:
    kind, name, shape = value.dtype.kind, value.dtype.str[1:], list(value.shape)
    if kind == "O":
        return [name, shape, value.ravel().tolist()]
    if kind in _STORED_AS:
        native = value.astype(value.dtype.newbyteorder("="))
        return [name, shape, writer.array(native.ravel().view(_STORED_AS[kind]))]
    if kind in "biuf" and value.dtype.itemsize <= 8:
        return writer.array(value)
    raise TypeError(
        f"{writer.place()} contains an array of {value.dtype}, which cannot be saved in a file."
    )


def _load_array(content: Any, reader: Reader) -> np.ndarray:
    if isinstance(content, str):
        return reader.array(content)
    name, shape, entries = content
    dtype = load_dtype(name)
    if dtype.kind in _STORED_AS:
        return reader.array(entries).view(dtype).reshape(shape)
    if dtype.kind != "O" or math.prod(shape) != len(entries):
        raise ValueError("an array's shape is not that of its entries")
    # Entries may be sequences themselves, so they are set one by one.
    array = np.empty(len(entries), dtype=object)
    for place, entry in enumerate(entries):
        array[place] = entry
    return array.reshape(shape)


def _load_scalar(content: Any, _: Reader) -> Any:
    name, value = content
    return load_dtype(name).type(value)


def load_dtype(name: Any) -> np.dtype:
    """Return a dtype of numpy by its name."""
    dtype = np.dtype(name) if isinstance(name, str) and "," not in name else np.dtype("V1")
    if dtype.kind not in "biufOUmM" or dtype.subdtype is not None:
        raise ValueError(f"it names the dtype {name!r}, which is unknown")
    return dtype


def _dump_random_state(value: np.random.RandomState, _: Writer) -> Any:
    name, keys, *others = value.get_state(legacy=True)
    return [name, keys, *others]


def _load_random_state(content: Any, _: Reader) -> np.random.RandomState:
    random_state = np.random.RandomState()
    random_state.set_state(tuple(content))
    return random_state


def _dump_tensor(value: torch.Tensor, writer: Writer) -> Any:
    if value.dtype == torch.bfloat16:
        raise TypeError(
            f"{writer.place()} contains a tensor of bfloat16, which cannot be saved in a file."
        )
    is_parameter = isinstance(value, torch.nn.Parameter)
    return [value.detach().cpu().numpy(), is_parameter, value.requires_grad]


def _load_tensor(content: Any, _: Reader) -> torch.Tensor:
    array, is_parameter, requires_grad = content
    tensor = torch.from_numpy(array)
    if is_parameter:
        return torch.nn.Parameter(tensor, requires_grad)
    return tensor.requires_grad_(requires_grad)


def _of_iso(cls: Any) -> Codec:
    """Return a codec that writes times or dates in ISO format."""
    return Codec(
        f"${cls.__name__}",
        _of_type(cls),
        lambda value, _: value.isoformat(),
        lambda text, _: cls.fromisoformat(text),
    )


#: Codecs of values of Python, numpy and torch.
CODECS = [
    Codec("$tuple", _of_type(tuple, range), lambda v, _: list(v), lambda c, _: tuple(c)),
    # joblib may map arrays from a file.
    Codec("$array", _of_type(np.ndarray, np.memmap), _dump_array, _load_array),
    Codec(
        "$scalar",
        lambda v: isinstance(v, np.generic) and type(v.item()) in (bool, int, float, str),
        lambda v, _: [v.dtype.str[1:], v.item()],
        _load_scalar,
    ),
    Codec(
        "$random_state",
        _of_type(np.random.RandomState),
        _dump_random_state,
        _load_random_state,
    ),
    Codec("$tensor", _of_type(torch.Tensor, torch.nn.Parameter), _dump_tensor, _load_tensor),
    *map(_of_iso, (datetime.datetime, datetime.date, datetime.time)),
    Codec(
        "$timedelta",
        _of_type(datetime.timedelta),
        lambda v, _: [v.days, v.seconds, v.microseconds],
        lambda c, _: datetime.timedelta(*c),
    ),
    Codec("$decimal", _of_type(Decimal), lambda v, _: str(v), lambda c, _: Decimal(c)),
]
