"""SIGTERM interrupts a test run as Ctrl-C does, so that fixtures end what they have started."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil


def interrupt_at_sigterm(*, workers: bool) -> None:
    """Raise KeyboardInterrupt at the first SIGTERM, and ignore every later one.

    workers: the child processes are pytest-xdist's workers, which get the signal, too.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # A second signal would interrupt the finalizers. SIG_IGN would be inherited by children.
        signal.signal(signal.SIGTERM, lambda *_: None)
        for worker in psutil.Process().children() if workers else ():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Restore the handlers of SIGINT and SIGTERM, which the command line replaces."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
