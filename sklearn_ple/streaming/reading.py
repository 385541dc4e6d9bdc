"""Iterators that threads run ahead of what is done with their items."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ..progress import progress_bar

_Item = TypeVar("_Item", bound=Any)


def watched(items: Iterator[_Item], n_rows: int, title: str, verbose: int) -> Iterator[_Item]:
    """Yield items, of as many rows as they are long, with a bar over the rows if verbose."""
    with progress_bar(
        total=n_rows, desc=title, unit=" rows", unit_scale=True, leave=False, disable=not verbose
    ) as bar:
        for item in items:
            yield item
            bar.update(len(item))


def interleaved(readers: Iterator[Iterator[_Item]], n_open: int) -> Iterator[_Item]:
    """Yield an item of each of a few iterators in turn, each an item ahead in a thread.

    The order does not depend on how fast the threads are. One iterator follows another that ends.

    Parameters
    ----------
    readers : iterator of iterators
        What to read.
    n_open : int
        How many of them are read at the same time; of one the order is that of its items.
    """
    turns: deque[tuple[Iterator[_Item], Future]] = deque()
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
