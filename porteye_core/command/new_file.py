"""A file that gets its name when it is whole."""

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from porteye_core.errors import PortEyeError


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` at the end, and leaves nothing if it is
    not whole. Only its owner can read a new one; one that is replaced keeps its mode.

    Raises PortEyeError. What is no regular file, as a pipe or /dev/null, is written to as it is.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as out:
                yield out
            return
        with _ended_by_a_signal(), _replacing(Path(os.path.realpath(path))) as out:
            yield out
    except OSError as err:
        raise PortEyeError(
            f"{path} cannot be written: {err.strerror}.", "Nothing is left of it."
        ) from err


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    if path.is_dir():
        raise PortEyeError(f"{path} is a folder.", "Give the path of a file in it.")
    number, made = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as out:
            if path.exists():
                Path(made).chmod(stat.S_IMODE(path.stat().st_mode))
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(made).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(made).unlink()
        raise


@contextmanager
def _ended_by_a_signal() -> Iterator[None]:
    """SIGTERM does what Ctrl+C does, so that what is unfinished is deleted on the way out."""
    interrupt = signal.getsignal(signal.SIGINT)  # behind nohup or & it is ignored
    does = interrupt if callable(interrupt) else signal.default_int_handler
    before = signal.signal(signal.SIGTERM, does)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
