"""Nodes of an ONNX graph, while it is put together."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

#: Kinds of columns: numbers are float64, NaN if missing; text is a string, empty if missing. Dates
#: are numbers, too: seconds since 1970.
NUMBER, TEXT, DATE = "number", "text", "date"


class Nodes:
    """Nodes of an ONNX graph and their constants, which are collected one after the other.

    Parameters
    ----------
    inputs : iterable of str
        Names of the inputs of the graph, which no other value may have.

    Attributes
    ----------
    prefix : str
        How the names of all values start that are neither inputs nor outputs of the graph.
    nodes, constants : list
        The nodes and the constants.
    """

    def __init__(self, inputs: Iterable[str]):
        self.prefix, inputs = "/", list(inputs)
        while any(name.startswith(self.prefix) for name in inputs):
            self.prefix += "/"
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        # Names of constants and of outputs, by what they are made of.
        self._known: dict[bytes, str] = {}

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output.

        If the output has no name given, an equal node that was added before serves as well.
        """
        from onnx import helper

        node = helper.make_node(kind, inputs, [], **attributes)
        key = node.SerializeToString()
        if not output and key in self._known:
            return self._known[key]
        output = output or self._known.setdefault(key, f"{self.prefix}value/{len(self.nodes)}")
        node.output.append(output)
        self.nodes.append(node)
        return output

    def keep(self, values: np.ndarray) -> str:
        """Add a constant, unless there is an equal one; return its name."""
        from onnx import numpy_helper

        key = numpy_helper.from_array(values).SerializeToString()
        if key not in self._known:
            self._known[key] = f"{self.prefix}constant/{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(values, self._known[key]))
        return self._known[key]

    def look_up(self, value: str, keys: np.ndarray, codes: Sequence[int], other: int) -> str:
        """Add a node that turns the keys into codes, and all other values into one code.

        NaN may be a key. Return the name of its output, of int64.
        """
        from onnx import numpy_helper

        table = {
            "keys_tensor": keys,
            "values_tensor": np.array(codes, dtype=np.int64),
            "default_tensor": np.array([other], dtype=np.int64),
        }
        tensors = {name: numpy_helper.from_array(part) for name, part in table.items()}
        return self.add("LabelEncoder", [value], domain="ai.onnx.ml", **tensors)
