"""The features of a network, by the columns of the table to which they belong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self


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


class Features(int):
    """Number of features that a network reads: an int that also knows the column of each feature.

    ``make_network`` of an estimator receives it as ``in_features``. A network that reads the
    features as one vector needs only the number. A network that reads column by column, such as
    `MultiTabNet`, uses `columns`.

    Parameters
    ----------
    value : int
        Number of features.
    layout : object, optional
        The layout that `of_table` makes. By default each feature is its own column.

    Examples
    --------
    A number with an embedding of width 2, and a category with an embedding of width 3:

    >>> from sklearn_ple.nn import Features
    >>> features = Features.of_table(1, [], 2, 1, [3], ["age", "town"])
    >>> features == 6, [column.places for column in features.columns]
    (True, [[0, 1, 2], [3, 4, 5]])
    """

    _layout: _Layout | None

    def __new__(cls, value: int, layout: _Layout | None = None) -> Self:
        """Make the int, with the layout of its columns."""
        made = super().__new__(cls, value)
        made._layout = layout
        return made

    @classmethod
    def of_table(
        cls,
        n_numbers: int,
        indicators: Sequence[int],
        n_of_embedding: int,
        n_embedded: int,
        widths: Sequence[int],
        names: Sequence[str] | None = None,
    ) -> Self:
        """Describe the features of a `TabularNetwork`.

        Its vector consists of three parts, in this order: the numbers, the embeddings of numbers,
        and the embeddings of categories.

        Parameters
        ----------
        n_numbers : int
            Length of the first part: the numeric columns, then indicators of missing numbers and
            target statistics.
        indicators : sequence of int
            For each indicator or statistic the position of its column among all columns.
        n_of_embedding : int
            Length of the second part, the total width of the embeddings of numbers.
        n_embedded : int
            Number of numeric columns with an embedding; these are the first ones.
        widths : sequence of int
            Width of each categorical column's embedding, in the third part.
        names : sequence of str, optional
            Names of the numeric columns, then of the categorical ones; by default x0, x1 and so
            on.

        Returns
        -------
        Features
            The number of features, with their columns.
        """
        layout = _Layout(n_numbers, indicators, n_of_embedding, n_embedded, widths, names)
        return cls(n_numbers + n_of_embedding + sum(widths), layout)

    @property
    def columns(self) -> list[Column]:
        """The numeric columns, then the categorical columns.

        Raises
        ------
        ValueError
            If the embedding of numbers does not have the same width for each column.
        """
        if self._layout is None:
            return [Column(f"x{place}", [place]) for place in range(self)]
        return self._layout.columns()


class _Layout(NamedTuple):
    """The arguments of `Features.of_table`. Long lists are made only when they are needed."""

    n_numbers: int
    indicators: Sequence[int]
    n_of_embedding: int
    n_embedded: int
    widths: Sequence[int]
    names: Sequence[str] | None

    def columns(self) -> list[Column]:
        """Return the columns."""
        n_columns = self.n_numbers - len(self.indicators)
        width, rest = divmod(self.n_of_embedding, max(self.n_embedded, 1))
        if rest or self.n_embedded > n_columns:
            raise ValueError(
                "The network reads column by column, but numeric_embedding puts out a number of "
                "features that is not a multiple of the number of columns: set it to another "
                "embedding, or to None."
            )
        places: list[list[int]] = [[place] for place in range(n_columns)]
        places += [[] for _ in self.widths]
        for place, column in enumerate(self.indicators, start=n_columns):
            places[column].append(place)
        start = self.n_numbers
        parts = [(own, width) for own in places[: self.n_embedded]]
        parts += zip(places[n_columns:], self.widths, strict=True)
        for own, n in parts:
            own += range(start, start + n)
            start += n
        names = self.names or [f"x{position}" for position in range(len(places))]
        return [Column(name, own) for name, own in zip(names, places, strict=True)]
