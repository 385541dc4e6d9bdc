"""Iterators whose next items are computed in threads, with progress bars."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ...utils.progress import progress_bar

_Item = TypeVar("_Item", bound=Any)


def show_progress(
    items: Iterator[_Item], n_rows: int, title: str, verbose: int
) -> Iterator[_Item]:
    """Yield items, whose length is their number of rows, with a progress bar if verbose."""
    with progress_bar(
        total=n_rows, desc=title, unit=" rows", unit_scale=True, leave=False, disable=not verbose
    ) as bar:
        for item in items:
            yield item
            bar.update(len(item))


def interleave(readers: Iterator[Generator[_Item, None, None]], n_open: int) -> Iterator[_Item]:
    """Yield items of several generators in turn, each of which computes its next item in a thread.

    When a generator ends, the next one takes its place. The order does not depend on the speed of
    the threads. If one of them fails, or not all items are read, the others are closed.

    Parameters
    ----------
    readers : iterator of generators
        The generators to read.
    n_open : int
        Number of generators that are read at the same time. With 1, they are read one after the
        other.

    Yields
    ------
    object
        The items.
    """
    turns: deque[tuple[Generator[_Item, None, None], Future]] = deque()
    try:
        with ThreadPoolExecutor(n_open, thread_name_prefix="sklearn_ple") as threads:

            def begin() -> None:
                if (reader := next(readers, None)) is not None:
                    turns.append((reader, threads.submit(next, reader, None)))

            for _ in range(n_open):
                begin()
            while turns:
                reader, ahead = turns.popleft()
                item = ahead.result()
                if item is None:
                    begin()
                    continue
                turns.append((reader, threads.submit(next, reader, None)))
                yield item
    finally:
        for reader, _ in turns:
            reader.close()
