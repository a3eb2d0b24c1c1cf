"""Waits that end before their time."""

import os
import signal
import threading
import time

from porteye_core.system.signals import Waiter

_LONG = 60.0


def test_a_thread_ends_one_wait_and_not_the_next() -> None:
    with Waiter() as waiter:
        threading.Timer(0.05, waiter.wake).start()
        began = time.monotonic()
        assert not waiter.wait(_LONG, ())
        assert time.monotonic() - began < _LONG
        for _ in range(100_000):
            waiter.wake()
        assert not waiter.wait(_LONG, ())


def test_a_signal_ends_this_wait_and_all_later_ones() -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Waiter() as waiter:
            os.kill(os.getpid(), signal.SIGTERM)
            assert waiter.wait(_LONG, ())
            assert waiter.wait(_LONG, ())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
