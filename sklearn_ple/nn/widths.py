"""The widths of the experts' layers, the same at all levels or different for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def split_widths(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of the experts' layers at each level.

    Parameters
    ----------
    hidden_units : sequence of int or of sequences of int
        The widths, the same at all levels; or a sequence of widths for each level.
    n_levels : int
        Number of levels.

    Returns
    -------
    list of tuple of int
        The widths of each level, from the features up.

    Raises
    ------
    ValueError
        If widths and sequences of widths are mixed, or if the number of sequences is not that of
        levels.
    """
    by_level = [tuple(own) for own in hidden_units if isinstance(own, Iterable)]
    if not by_level:
        return [tuple(hidden_units)] * n_levels
    if len(by_level) < len(hidden_units):
        raise ValueError(
            f"expert_hidden_units={hidden_units} mixes widths and sequences of widths: pass the "
            "widths for all levels, such as (64, 32), or a sequence for each level, such as "
            "((64, 32), (16,))."
        )
    if len(by_level) != n_levels:
        raise ValueError(
            f"expert_hidden_units={hidden_units} holds {len(by_level)} sequences of widths, one "
            f"for each level, but n_levels is {n_levels}."
        )
    return by_level


def split_expert_widths(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of `split_widths`, and check that each expert has a layer.

    Raises
    ------
    ValueError
        If an expert would have no layer, or if `split_widths` raises it.
    """
    widths = split_widths(hidden_units, n_levels)
    if not all(widths):
        raise ValueError("expert_hidden_units is empty: an expert needs at least one layer.")
    return widths
