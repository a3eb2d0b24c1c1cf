"""Messages to systemd's journal, read from real sockets."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.system.journal import Journal, datagram, is_journal
from tests.kit.datagrams import receiver
from tests.kit.journal import fields_of

if sys.platform == "linux":
    import fcntl

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


def test_a_message_that_nobody_takes_is_an_error(tmp_path: Path) -> None:
    nobody = Journal(str(tmp_path / "none"))
    with pytest.raises(OSError, match="No such file"):
        nobody.send({"MESSAGE": "x"})
    nobody.close()


@pytest.mark.skipif(sys.platform != "linux", reason="files in memory are Linux's")
def test_a_message_that_no_datagram_holds_comes_as_a_sealed_file(journald: socket.socket) -> None:
    sent = {"MESSAGE": "x" * 10_000_000, "PORTEYE_PORT": "80"}
    journal = Journal(journald.getsockname())
    journal.send(sent)
    journal.close()
    content, (descriptor,), _, _ = socket.recv_fds(journald, 100, 1)
    assert content == b""
    with os.fdopen(descriptor, "rb") as file:
        # journald takes a file only with all of these (systemd's journald-native.c).
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        assert fcntl.fcntl(file, fcntl.F_GET_SEALS) == seals
        file.seek(0)
        assert fields_of(file.read()) == sent


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
