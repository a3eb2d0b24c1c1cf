"""A terminal of a width as standard output of this process."""

import os
import pty
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Shown:
    """The bytes that a terminal got, once its block has ended."""

    text = ""


@contextmanager
def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """Write standard output to a real terminal, as a command's process does."""
    own, its = pty.openpty()
    shown, pieces = Shown(), list[bytes]()

    def read() -> None:
        try:
            while piece := os.read(own, 65536):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with os.fdopen(its, "w", encoding="utf-8") as out, monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(sys, "stdout", out)
            yield shown
    finally:
        reader.join()
        os.close(own)
    shown.text = b"".join(pieces).decode().replace("\r\n", "\n")
