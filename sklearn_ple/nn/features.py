"""Which of the numbers that a network reads belong to which column of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self


class Column(NamedTuple):
    """A column of the table, as a network reads it.

    Parameters
    ----------
    name : str
        The column's name.
    places : list of int
        Where its features are in the vector that the network reads.

    Examples
    --------
    >>> from sklearn_ple.nn import Column
    >>> Column("age", [0, 7]).places
    [0, 7]
    """

    name: str
    places: list[int]


class Features(int):
    """How many features a network reads, an int that also says of which column each is.

    ``make_network`` of an estimator gets it as ``in_features``. A network that reads a vector
    needs the number alone; one that reads column by column, as `MultiTabNet`, asks for `columns`.

    Parameters
    ----------
    value : int
        The number of features.
    layout : object, optional
        As `of_table` makes it. By default every feature is a column of its own.

    Examples
    --------
    A number beside its embedding of width 2, and a category's embedding of width 3:

    >>> from sklearn_ple.nn import Features
    >>> features = Features.of_table(1, [], 2, 1, [3], ["age", "town"])
    >>> features == 6, [column.places for column in features.columns]
    (True, [[0, 1, 2], [3, 4, 5]])
    """

    _layout: _Layout | None

    def __new__(cls, value: int, layout: _Layout | None = None) -> Self:
        """Make the number."""
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
        """Describe the vector of a `TabularNetwork`.

        Parameters
        ----------
        n_numbers : int
            Numbers that come first: those of the numeric columns, then indicators and statistics.
        indicators : sequence of int
            For each indicator or statistic the position of its column among all columns.
        n_of_embedding : int
            Numbers that the embedding of the numbers puts out, which follow.
        n_embedded : int
            How many columns are embedded, the first ones.
        widths : sequence of int
            Width of each category's embedding; these come last.
        names : sequence of str, optional
            Names of the numeric columns and then of the categories; by default x0, x1 and so on.

        Returns
        -------
        Features
            The number of features, and their columns.
        """
        layout = _Layout(n_numbers, indicators, n_of_embedding, n_embedded, widths, names)
        return cls(n_numbers + n_of_embedding + sum(widths), layout)

    @property
    def columns(self) -> list[Column]:
        """The columns: the numeric ones, and then those of categories.

        Raises
        ------
        ValueError
            If an embedding of numbers does not put out as many for each column.
        """
        if self._layout is None:
            return [Column(f"x{place}", [place]) for place in range(self)]
        return self._layout.columns()


class _Layout(NamedTuple):
    """What `Features.of_table` is given. Lists are made when asked for: they may be long."""

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
                "features that is no multiple of the columns: take another one, or None."
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
