"""Ctrl-C that ends what is running at once, where a training would only stop early."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stop(BaseException):
    """Raised by Ctrl-C where nothing below may catch it; it is no KeyboardInterrupt."""


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """Context manager in which no fit survives Ctrl-C, not even a network in its training.

    Outside, it is a `KeyboardInterrupt`. A second Ctrl-C is what it was before, so that it ends
    whatever follows. In a thread other than the main one, which no signal reaches, nothing
    changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        raise Stop

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Stop:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
