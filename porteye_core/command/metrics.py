"""`porteye metrics`: the metrics as text, also as a file for the collector of node_exporter.

The collector reads whole files at any time: a file is made beside its place under a name that the
collector does not read, and gets its name when it is complete and on the disk.
"""

import os
import stat
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from porteye_core.command.exits import CANNOT_SAY, HELD
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.errors import PortEyeError, StoreError
from porteye_core.metrics.exposition import Form, exposition
from porteye_core.metrics.families import families, families_of_nobody
from porteye_core.metrics.family import MetricFamily
from porteye_core.metrics.limits import MAX_LABEL_SETS, TEXTFILE_LABEL_SETS
from porteye_core.system.plain_text import clean


def metrics(given: Namespace, question: Question, _: Screen) -> int:
    """Write the metrics; returns the exit status."""
    if given.textfile is None:
        limit = given.limit or MAX_LABEL_SETS
        sys.stdout.write(exposition(families(question.db, question.now, limit), Form.TEXT))
        return HELD
    found, problem = _families(question, given.limit or TEXTFILE_LABEL_SETS)
    _replace(given.textfile, exposition(found, Form.TEXT).encode())
    if problem:
        sys.stderr.write(f"porteye: {clean(problem)}\n")
        return CANNOT_SAY
    return HELD


def _families(question: Question, limit: int) -> tuple[tuple[MetricFamily, ...], str]:
    """The families, and why the database cannot be read: a file that stayed as it was would tell
    of listeners that nobody sees."""
    try:
        return families(question.db, question.now, limit), ""
    except StoreError as err:
        return families_of_nobody(), str(err)


def _replace(name: str, content: bytes) -> None:
    """Write a whole file in place of the one that has the name; raises PortEyeError."""
    try:
        file = Path(name).expanduser()
        if file.exists() and not stat.S_ISREG(file.stat().st_mode):
            raise PortEyeError(f"{file} is no plain file.", "Name one that ends in .prom.")
        part = file.with_name(f".{file.name}.{os.urandom(8).hex()}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        fd = os.open(part, flags, 0o644)  # the collector is another user
        try:
            with os.fdopen(fd, "wb") as sink:
                sink.write(content)
                sink.flush()
                os.fsync(fd)
            part.replace(file)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        _sync(file.parent)
    except (OSError, ValueError, RuntimeError) as err:  # ~ of a user that does not exist, a NUL
        why = getattr(err, "strerror", None) or err
        raise PortEyeError(
            f"The metrics cannot be written to {name}: {why}.",
            "Name a file in a folder that this user may write to.",
        ) from err


def _sync(folder: Path) -> None:
    if os.name == "nt":  # which opens no folders
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
