"""The features of a network, by the columns of the table to which they belong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .inputs import InputLayer


class Column(NamedTuple):
    """A column of the table, and the positions of its features in the network's input.

    Parameters
    ----------
    name : str
        Name of the column.
    places : list of int
        Positions of its features in the vector that the network reads.

    Examples
    --------
    A number at position 0, and the indicator of missing ones at position 7:

    >>> from sklearn_ple.nn import Column
    >>> Column("age", [0, 7]).places
    [0, 7]
    """

    name: str
    places: list[int]


def find_columns(
    inputs: InputLayer, indicators: Sequence[int], names: Sequence[str] | None = None
) -> list[Column]:
    """Return the columns of the features that an input layer computes.

    Parameters
    ----------
    inputs : InputLayer
        The input layer.
    indicators : sequence of int
        For each of the last numbers, which are indicators of missing numbers or target statistics
        of categories, the position of its column.
    names : sequence of str, optional
        Names of the numeric columns, then of the categorical ones; by default x0, x1 and so on.

    Returns
    -------
    list of Column
        The numeric columns, then the categorical ones.

    Raises
    ------
    ValueError
        If the embedding of numbers does not have the same width for each column.
    """
    n_columns = inputs.n_numbers - len(indicators)
    width, rest = divmod(inputs.numeric_width, max(n_columns, 1))
    if rest:
        raise ValueError(
            "The network reads column by column, but numeric_embedding puts out a number of "
            "features that is not a multiple of the number of columns: set it to another "
            "embedding, or to None."
        )
    places = [[place] for place in range(n_columns)] + [[] for _ in inputs.widths]
    for place, column in enumerate(indicators, start=n_columns):
        places[column].append(place)
    start = inputs.n_numbers
    for own, n in zip(places, [width] * n_columns + inputs.widths, strict=True):
        own += range(start, start + n)
        start += n
    names = names or [f"x{position}" for position in range(len(places))]
    return [Column(name, own) for name, own in zip(names, places, strict=True)]
