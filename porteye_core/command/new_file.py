"""A file that gets its name when it is whole and on the disk."""

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
    with _told(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as out:
                yield out
            return
        real = Path(os.path.realpath(path))
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600
        with _replacing(real, mode) as out:
            yield out


def write_public(path: Path, content: bytes) -> None:
    """Write a file that every user can read in the place of `path`; raises PortEyeError.

    A link is replaced, and what it names stays.
    """
    with _told(path):
        if path.exists() and not (path.is_file() or path.is_dir() or path.is_symlink()):
            raise PortEyeError(f"{path} is no plain file.", "Give the path of one.")
        with _replacing(path, 0o644) as out:
            out.write(content)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise as PortEyeError why the file cannot be written."""
    try:
        yield
    except OSError as err:
        raise PortEyeError(
            f"{path} cannot be written: {err.strerror}.", "Nothing is left of it."
        ) from err


@contextmanager
def _replacing(path: Path, mode: int) -> Iterator[BinaryIO]:
    with _ended_by_a_signal():
        number, made = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(number, "wb") as out:
                Path(made).chmod(mode)
                yield out
                out.flush()
                os.fsync(out.fileno())
            Path(made).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(made).unlink()
            raise
        _sync(path.parent)


def _sync(folder: Path) -> None:
    if os.name == "nt":  # which opens no folders
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


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
