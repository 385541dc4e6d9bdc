"""Values as plain data and arrays, and back.

Plain data are those that JSON can represent. Any other value is an object with a single key, which
starts with "$" and says how to read the content: ``{"$tuple": [64, 32]}``. No other keys are read,
and classes only by the names of `KNOWN` ones or of those that the user trusts. So plain data can
create no objects of other classes, and call nothing else.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from . import codecs, pandas_codecs
from .known_classes import ANNOTATED, KNOWN, check_attributes

_CODECS = {codec.tag: codec for codec in (*codecs.CODECS, *pandas_codecs.CODECS)}
# Largest depth of nested values, which no state of a model reaches.
_DEEPEST = 64
# Before the name of a class that the user trusts.
_TRUSTED = "trusted."
# Attributes that are the same in every new module, or are hooks, which are code.
_OF_MODULES = vars(torch.nn.Module()).keys() - {"_parameters", "_buffers", "_modules"}


class Writer:
    """Converts values to plain data, and collects their arrays.

    Parameters
    ----------
    classes : mapping of str to type
        Classes beside those of `KNOWN` that may be named, and whose objects are written as their
        attributes. They must also be passed to the `Reader`.

    Attributes
    ----------
    classes : dict of str to type
        All classes that may be named.
    arrays : dict of str to ndarray
        The arrays of numbers, by the names to which the plain data refer.
    """

    def __init__(self, classes: Mapping[str, type]):
        # The package's own names of its classes come last, and hold.
        self.classes = {**classes, **KNOWN}
        self.names = {cls: name for name, cls in self.classes.items()}
        self.arrays: dict[str, np.ndarray] = {}
        self._where: list[str] = []

    def write(self, value: Any, where: str) -> Any:
        """Convert a value to plain data; ``where`` is its name in errors and among arrays."""
        if len(self._where) > _DEEPEST:
            raise TypeError(f"{self._place()} contains itself, or is nested too deeply.")
        self._where.append(where)
        try:
            return self._convert(value)
        finally:
            self._where.pop()

    def _convert(self, value: Any) -> Any:
        kind = type(value)
        if kind in (bool, int, str, type(None)) or (kind is float and math.isfinite(value)):
            return value
        if kind is list:
            return [self.write(entry, f"[{place}]") for place, entry in enumerate(value)]
        if isinstance(value, dict) and all(type(key) is str and key[:1] != "$" for key in value):
            return {key: self.write(entry, f"[{key!r}]") for key, entry in value.items()}
        if kind in (np.ndarray, np.memmap) and _is_plain(value.dtype.newbyteorder("=")):
            return {"$array": self._keep(value)}
        if isinstance(value, type) and value in self.names:
            return {"$class": self.names[value]}
        for codec in _CODECS.values():
            if codec.matches(value):
                return {codec.tag: self.write(self._dump(codec, value), "")}
        if kind not in self.names:
            raise self._refuse(value)
        return self._write_object(value)

    def _dump(self, codec: codecs.Codec, value: object) -> list[Any]:
        try:
            return list(codec.dump(value))
        except TypeError as error:
            raise TypeError(f"{self._place()} cannot be saved in a file: {error}.") from None

    def _keep(self, array: np.ndarray) -> str:
        """Keep an array of numbers or bools, and return its name."""
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        self.arrays[self._place()] = native.reshape(array.shape)
        return self._place()

    def _write_object(self, value: Any) -> Any:
        """Convert an object to the name of its class and its attributes."""
        cls = type(value)
        hidden = _OF_MODULES if isinstance(value, torch.nn.Module) else ()
        names = [name for name in ANNOTATED.get(cls, vars(value)) if name not in hidden]
        named = {"$class": self.names[cls]}
        return {"$object": [named, {n: self.write(getattr(value, n), f".{n}") for n in names}]}

    def _refuse(self, value: object) -> TypeError:
        """Create the error for a value for which there is no codec."""
        cls = value if isinstance(value, type) else type(value)
        what = "the class" if isinstance(value, type) else "an object of"
        name, remedy = cls.__name__, "set it to something else"
        if cls.__module__ != "builtins" and hasattr(value, "__dict__"):
            remedy = (
                f"if you trust the class, pass trusted=[{name}] to save and load; or set "
                "parameters that are no longer needed, such as callbacks, to None before"
            )
        return TypeError(
            f"{self._place()} contains {what} {cls.__module__}.{cls.__qualname__}, which a safe "
            f"file cannot contain by itself: {remedy}."
        )

    def _place(self) -> str:
        return "".join(self._where)


class Reader:
    """Converts plain data back to values.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays to which the plain data refer, by name.
    classes : mapping of str to type
        The classes that the `Writer` had.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], classes: Mapping[str, type]):
        self.arrays = dict(arrays)
        self.classes = {**KNOWN, **classes}

    def read(self, plain: Any) -> Any:
        """Convert plain data to a value; raises ValueError for a key or class that is unknown."""
        if isinstance(plain, list):
            return [self.read(entry) for entry in plain]
        if not isinstance(plain, dict):
            return plain
        tag = next(iter(plain), "")
        content = {key: self.read(value) for key, value in plain.items()}
        if len(plain) != 1 or not tag.startswith("$"):
            return content
        if tag in _CODECS:
            return _CODECS[tag].load(*content[tag])
        readers = {
            "$array": self._read_array,
            "$class": self._read_class,
            "$object": self._read_object,
        }
        if tag not in readers:
            raise ValueError(f"it contains {tag!r}, which is unknown")
        return readers[tag](content[tag])

    def _read_array(self, name: object) -> np.ndarray:
        if not isinstance(name, str) or name not in self.arrays:
            raise ValueError(f"it lacks the array {name!r}, or uses it twice")
        # Used once, an array does not become much more than is in the file.
        array: object = self.arrays.pop(name)
        if type(array) is not np.ndarray or not _is_plain(array.dtype):
            raise ValueError(f"{name} is no array of numbers")
        if array.dtype == bool and array.view(np.uint8).max(initial=0) > 1:
            raise ValueError(f"{name} holds bools that are neither true nor false")
        return array

    def _read_class(self, name: object) -> type:
        if not isinstance(name, str) or name not in self.classes:
            short = str(name).removeprefix(_TRUSTED)
            raise ValueError(
                f"it names the class {short!r}, which is not in this package: if you trust it, "
                f"load(..., trusted=[{short}])"
            )
        return self.classes[name]

    def _read_object(self, content: Any) -> Any:
        cls, attributes = content
        check_attributes(cls, attributes)
        value = cls.__new__(cls)
        if isinstance(value, torch.nn.Module):
            torch.nn.Module.__init__(value)
        vars(value).update(attributes)
        return value


def _is_plain(dtype: np.dtype) -> bool:
    """Return whether a dtype is one of the numbers and bools that a file can hold."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def name_classes(trusted: Iterable[type], ours: Mapping[str, type]) -> dict[str, type]:
    """Return classes that a user trusts and classes of this package, by their names in a file.

    A trusted class may have the name of one of this package.

    Parameters
    ----------
    trusted : iterable of type
        The user's classes.
    ours : mapping of str to type
        Classes of this package beside those of `KNOWN`.

    Raises
    ------
    TypeError
        If ``trusted`` contains something else than a class.
    ValueError
        If two trusted classes have the same name.
    """
    found: dict[str, type] = {}
    for cls in trusted:
        if not isinstance(cls, type):
            raise TypeError(f"trusted contains {cls!r}: it must contain classes.")
        if found.setdefault(_TRUSTED + cls.__name__, cls) is not cls:
            raise ValueError(
                f"trusted contains two classes with the name {cls.__name__!r}: rename one."
            )
    return {**found, **ours}
