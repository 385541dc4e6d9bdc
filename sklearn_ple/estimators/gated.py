"""Base class of the estimators whose kind of gate is a parameter."""

from __future__ import annotations

from typing import Any

from .._sklearn import StrOptions
from ..base import MultiTaskEstimator, parameter, with_parameters
from ..nn.gating import GATES
from ..parameters import COUNT, NOT_NEGATIVE, Widths


@with_parameters
class Gated(MultiTaskEstimator):
    """Base class of the estimators whose kind of gate is a parameter."""

    gate_hidden_units: Any = parameter(default=(), constraint=[Widths()], network=True)
    gate: str = parameter(default="softmax", constraint=[StrOptions(set(GATES))], network=True)
    gate_k: int = parameter(default=2, constraint=[COUNT], network=True)
    gate_entropy: float = parameter(default=1e-3, constraint=[NOT_NEGATIVE])
    load_balancing: float = parameter(default=0.0, constraint=[NOT_NEGATIVE])

    def _gate_options(self) -> dict[str, Any]:
        """Return the arguments of a network that concern its gates."""
        return {
            "gate_hidden_units": tuple(self.gate_hidden_units),
            "gate": self.gate,
            "gate_k": self.gate_k,
            "gate_entropy": self.gate_entropy,
            "load_balancing": self.load_balancing,
        }
