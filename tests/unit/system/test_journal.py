"""Messages to systemd's journal, read from real sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.system.journal import Journal, datagram, is_journal
from tests.kit.datagrams import receiver
from tests.kit.journal import fields_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with receiver(tmp_path / "socket") as listening:
        yield listening


@pytest.mark.parametrize(
    "value",
    ["plain", "", "a=b", "two\nlines", "\n", "ends\n", "PRIORITY=0\nX=1", "日本\u202e", "\x1b["],
)
def test_a_value_comes_as_it_was_whatever_it_holds(journald: socket.socket, value: str) -> None:
    sent = {"MESSAGE": value, "PORTEYE_PORT": "80"}
    journal = Journal(journald.getsockname())
    journal.send(sent)
    journal.close()
    assert fields_of(journald.recv(65536)) == sent


def test_what_is_no_utf8_is_replaced() -> None:
    assert datagram({"MESSAGE": "a\udcff"}) == b"MESSAGE=a?\n"


def test_a_message_that_is_too_large_or_that_nobody_takes_is_an_error(
    journald: socket.socket, tmp_path: Path
) -> None:
    journal = Journal(journald.getsockname())
    with pytest.raises(OSError, match="Message too long"):
        journal.send({"MESSAGE": "x" * 10_000_000})
    journal.close()
    nobody = Journal(str(tmp_path / "none"))
    with pytest.raises(OSError, match="No such file"):
        nobody.send({"MESSAGE": "x"})
    nobody.close()


def test_it_never_waits_for_a_journal_that_does_not_read(journald: socket.socket) -> None:
    journal = Journal(journald.getsockname())

    def send_for_ever() -> None:
        while True:
            journal.send({"MESSAGE": "x" * 1000})

    with pytest.raises(BlockingIOError):
        send_for_ever()
    journal.close()


def test_a_stream_is_the_journals_if_the_variable_names_it(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino}"
        assert is_journal(stream.fileno(), {"JOURNAL_STREAM": named})
        assert not is_journal(stream.fileno(), {"JOURNAL_STREAM": f"{named}1"})
        assert not is_journal(stream.fileno(), {})
        gone = os.dup(stream.fileno())
        os.close(gone)
        assert not is_journal(gone, {"JOURNAL_STREAM": named})
