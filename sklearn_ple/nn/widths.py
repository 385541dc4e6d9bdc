"""Widths of experts' layers, the same at all levels or those of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def widths_by_level(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of the layers of every level's experts.

    Parameters
    ----------
    hidden_units : sequence of int or of sequences of int
        The widths of all levels alike, or of each.
    n_levels : int
        Number of levels.

    Returns
    -------
    list of tuple of int
        The widths of each level, from the features up.

    Raises
    ------
    ValueError
        If widths and sequences of widths are mixed, or there are not as many as levels.
    """
    by_level = [tuple(own) for own in hidden_units if isinstance(own, Iterable)]
    if not by_level:
        return [tuple(hidden_units)] * n_levels
    if len(by_level) < len(hidden_units):
        raise ValueError(
            f"expert_hidden_units={hidden_units} mixes widths and sequences of them: it must be "
            "the widths of all levels, as (64, 32), or a sequence for each, as ((64, 32), (16,))."
        )
    if len(by_level) != n_levels:
        raise ValueError(
            f"expert_hidden_units={hidden_units} holds widths by level, {len(by_level)} in all, "
            f"but n_levels is {n_levels}."
        )
    return by_level


def expert_widths(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of every level's experts, as `widths_by_level`; each has a layer.

    Raises
    ------
    ValueError
        If an expert would have no layer, and as `widths_by_level`.
    """
    widths = widths_by_level(hidden_units, n_levels)
    if not all(widths):
        raise ValueError("expert_hidden_units is empty: an expert needs a layer.")
    return widths
