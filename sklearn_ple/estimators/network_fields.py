"""Declarations of parameters that several networks have: numbers of parts, widths of layers."""

from numbers import Real
from typing import Any

from ..base import WIDTHS, parameter
from ..utils._sklearn import StrOptions
from ..utils.constraints import LAYER_WIDTHS, LAYER_WIDTHS_BY_LEVEL, NumberInterval, at_least


def count(*, default: int = 1, least: int = 1, **options: Any) -> Any:
    """Declare a number of parts of a network, ``least`` or more."""
    return parameter(default=default, constraint=[at_least(least)], network=True, **options)


def widths(
    *,
    default: tuple[int, ...] | str = (64,),
    by_level: bool = False,
    search: Any = WIDTHS,
    **options: Any,
) -> Any:
    """Declare the widths of layers of a network, which may differ ``by_level`` or be "auto"."""
    constraint: list[Any] = [LAYER_WIDTHS_BY_LEVEL if by_level else LAYER_WIDTHS]
    if isinstance(default, str):
        constraint.append(StrOptions({default}))
    return parameter(
        default=default, constraint=constraint, search=search, network=True, **options
    )


def towers() -> Any:
    """Declare the widths of the towers of PLE and of the networks that its paper compares."""
    return parameter(default="auto", published=(256, 128, 64))


def specific_share() -> Any:
    """Declare the share of a task's own experts in its gate, at the start, of PLE and CGC."""
    return parameter(
        default=0.5,
        constraint=[NumberInterval(Real, 0, 1, closed="neither"), None],
        search=(0.01, 0.5, "log"),
        published=None,
        after="expert_hidden_units",
        network=True,
    )
