"""The log in the journal: fields beside a message, and a plain line where it is not taken."""

import io
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from porteye_core.model import Precision
from porteye_core.monitor.recording import log_changes
from porteye_core.store.writing.writer import Opening
from porteye_core.system.journal import Journal
from porteye_core.system.journal_log import JournalHandler, with_fields
from tests.kit.datagrams import receiver
from tests.kit.journal import fields_of
from tests.kit.processes import bound
from tests.kit.service import PROJECT, environment
from tests.kit.values import endpoint, owned, process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")


class Logged:
    """A log that goes to a journal, and what came as a plain line."""

    def __init__(
        self, journald: socket.socket, handler: JournalHandler, plain: io.StringIO
    ) -> None:
        self._journald, self.handler, self.plain = journald, handler, plain

    @property
    def fields(self) -> dict[str, str]:
        """The next message."""
        return fields_of(self._journald.recv(1 << 20))


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    plain = io.StringIO()
    with receiver(tmp_path / "socket") as journald:
        journal = Journal(journald.getsockname())
        handler = JournalHandler(journal, logging.StreamHandler(plain))
        log = logging.getLogger("porteye")
        before = log.level
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        try:
            yield Logged(journald, handler, plain)
        finally:
            log.removeHandler(handler)
            log.setLevel(before)
            journal.close()


def test_what_opens_and_closes_has_its_fields(logged: Logged) -> None:
    nginx = owned(endpoint(80, address="::"), process(7, name="nginx\nPORTEYE_PORT=1"))
    log_changes([Opening(nginx, 1, Precision.KERNEL)], [])
    fields = logged.fields
    assert fields.pop("MESSAGE").startswith("opened tcp [::]:80 by nginx\\nPORTEYE_PORT=1, pid 7")
    assert fields == {
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "porteye",
        "PORTEYE_EVENT": "opened",
        "PORTEYE_PORT": "80",
        "PORTEYE_PROTOCOL": "tcp",
        "PORTEYE_ADDRESS": "::",
        "PORTEYE_PID": "7",
        "PORTEYE_PROGRAM": "nginx\nPORTEYE_PORT=1",
        "PORTEYE_USER": "www",
    }


def test_what_is_not_known_has_no_field(logged: Logged) -> None:
    log_changes([Opening(owned(endpoint(53, "udp")), 1, Precision.POLL)], [])
    assert {"PORTEYE_PID", "PORTEYE_PROGRAM", "PORTEYE_USER"}.isdisjoint(logged.fields)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(10, "7"), (20, "6"), (30, "4"), (40, "3"), (50, "2")],
)
def test_a_level_is_the_priority_of_syslog(logged: Logged, level: int, priority: str) -> None:
    logging.getLogger("porteye").log(level, "two\nlines \x1b[31m")
    assert logged.fields == {
        "MESSAGE": "two\\nlines \\x1b[31m",
        "PRIORITY": priority,
        "SYSLOG_IDENTIFIER": "porteye",
    }


def test_a_traceback_is_one_message(logged: Logged) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("porteye").exception("it failed")
    message = logged.fields["MESSAGE"]
    assert message.startswith("it failed\nTraceback ")
    assert message.endswith("ValueError: odd")


def test_what_the_journal_does_not_take_is_a_plain_line(logged: Logged) -> None:
    # Nobody reads here, and the kernel keeps few datagrams (net.unix.max_dgram_qlen).
    while not logged.plain.getvalue():
        logging.getLogger("porteye").info("full", extra=with_fields(port=1))
    assert logged.plain.getvalue() == "full\n"


def logged_by_a_monitor(db: Path, stream: BinaryIO, journal: str) -> bytes:
    """The log of a monitor that scans once, in this stream; journal: the stream that is one."""
    words = ("monitor_service.py", "--once", "--source", "portable", "--db", str(db))
    subprocess.run(
        bound(sys.executable, *words),
        cwd=PROJECT,
        env=environment(JOURNAL_STREAM=journal),
        stdout=stream,
        stderr=stream,
        check=True,
    )
    stream.seek(0)
    return stream.read()


def test_a_monitor_whose_error_is_no_journal_writes_plain_lines(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as stream:
        said = logged_by_a_monitor(tmp_path / "x.db", stream, "1:1")
    assert b" INFO watching by portable" in said


def test_a_monitor_without_a_journal_behind_its_stream_writes_plain_lines(tmp_path: Path) -> None:
    """The variable names the stream, but nobody listens at the journal's socket here."""
    if Path("/run/systemd/journal/socket").exists():
        pytest.skip("a journal runs here")
    with tempfile.TemporaryFile() as stream:
        found = os.fstat(stream.fileno())
        journal = f"{found.st_dev}:{found.st_ino}"
        said = logged_by_a_monitor(tmp_path / "x.db", stream, journal)
    assert b" INFO watching by portable" in said
