"""Entries in the journal, read as journald reads them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.alerts.receivers.journal import MESSAGE_IDS, priority, send
from porteye_core.alerts.receivers.kinds import JournalEntries
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from tests.kit.datagrams import receiver
from tests.kit.journal import fields_of
from tests.unit.alerts.receivers.conftest import FINDING, message_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with receiver(tmp_path / "socket") as listening:
        yield listening


def sent(journald: socket.socket, message: Message) -> None:
    to = JournalEntries(name="here", socket=journald.getsockname())
    with TimeLimit(to.longest) as limit:
        send(to, message, limit)


def test_each_finding_is_an_entry_with_its_fields(journald: socket.socket) -> None:
    sent(journald, message_of(FINDING, {**FINDING, "id": 8, "phase": "end"}))
    first, second = (fields_of(journald.recv(65536)) for _ in range(2))
    assert first == {
        "MESSAGE": "reachable from further away: tcp 5432 by postgres",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "porteye",
        "MESSAGE_ID": MESSAGE_IDS["findings"],
        "PORTEYE_MESSAGE": "msg_1",
        "PORTEYE_ID": "7",
        "PORTEYE_VERDICT": "wider",
        "PORTEYE_KIND": "listener",
        "PORTEYE_PHASE": "begin",
        "PORTEYE_PROTOCOL": "tcp",
        "PORTEYE_PORT": "5432",
        "PORTEYE_ADDRESS": "0.0.0.0",
        "PORTEYE_EXPOSURE": "every interface",
        "PORTEYE_PROGRAM": "postgres",
        "PORTEYE_USER": "postgres",
        "PORTEYE_UNIT": "postgresql.service",
        "PORTEYE_PID": "812",
        "PORTEYE_WHY": "line 9 expects it from this machine only",
        "PORTEYE_AT": "2026-01-31T03:10:00+00:00",
    }
    assert second["PORTEYE_ID"] == "8"
    assert second["PRIORITY"] == "6"


def test_a_message_without_findings_is_one_entry(journald: socket.socket) -> None:
    sent(journald, message_of(title="Test message"))
    entry = fields_of(journald.recv(65536))
    assert (entry["MESSAGE"], entry["PRIORITY"]) == ("Test message", "6")


@pytest.mark.parametrize(
    ("verdict", "found"), [("owner", "3"), ("missing", "4"), ("brief", "6"), ("", "4")]
)
def test_the_priority_follows_the_verdict(verdict: str, found: str) -> None:
    assert priority({"verdict": verdict}) == found


def test_a_machine_without_a_journal_and_one_that_hangs_are_told(
    journald: socket.socket, tmp_path: Path, message: Message
) -> None:
    absent = JournalEntries(name="here", socket=str(tmp_path / "none"))
    with TimeLimit(5) as limit, pytest.raises(NotSent, match="no journal of systemd"):
        send(absent, message, limit)
    hanging = JournalEntries(name="here", socket=journald.getsockname())
    many = message_of(*[{**FINDING, "id": at} for at in range(200)])

    def send_for_ever() -> None:
        while True:
            with TimeLimit(0.3) as limit:
                send(hanging, many, limit)

    with pytest.raises(NotSent, match="The journal takes no entry: it is busy"):
        send_for_ever()
