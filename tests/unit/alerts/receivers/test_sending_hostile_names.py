"""Names that processes choose, in every receiver, read by the parsers that programs use."""

import json
import re
import socket
import sys
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from porteye_core.alerts.receivers import apprise, command, journal, mail, syslog, webhook
from porteye_core.alerts.receivers.kinds import (
    Apprise,
    Command,
    JournalEntries,
    Mail,
    Syslog,
    Tls,
    Webhook,
)
from porteye_core.alerts.receivers.message import MAX_TEXT, Message
from porteye_core.alerts.receivers.time_limit import TimeLimit
from tests.kit import sinks
from tests.kit.datagrams import receiver
from tests.kit.journal import fields_of
from tests.unit.alerts.receivers.conftest import FINDING, message_of

HOSTILE = [
    "a\0b",
    "\u202egnp.exe",
    "=cmd|'/c calc'!A1",
    "x" * 102_400,
    "\n.\n",
    "\r\n.\r\n",
    "\r\nBcc: everybody@host.example\r\n\r\n<b>hi",
    "\x1b[31mred\x1b]0;title\x07",
    "\u2028\u2029\x85\x0b\x0c",
    "\nPRIORITY=0\n_UID=0",
    "<27>1 2026 x",
    "\ud800\udcff",
    "日本語" * 100,
    "'; DROP TABLE finding; --",
    "{}{0}{host} %s %n",
    "=?utf-8?q?hidden?=",
]
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NAMES = pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
US = Mail(
    name="us",
    host="127.0.0.1",
    port=25,
    tls=Tls.OFF,
    sender="porteye@host.example",
    to=("ops@host.example",),
)


def hostile(name: str) -> Message:
    """A message with a name in every text that a process or a host can choose."""
    texts = ("text", "program", "user", "unit", "container", "why", "label", "address")
    finding = {**FINDING, **dict.fromkeys(texts, name)}
    return message_of(finding, title=f"db1: {name}", host=name, url=f"http://x/{name}")


def is_clean(text: str) -> bool:
    """Tell that a text of lines has nothing that a terminal or a reader obeys."""
    return not BAD.search(text)


@NAMES
def test_the_json_of_a_webhook(name: str) -> None:
    message = hostile(name)
    with sinks.webhook() as hook, TimeLimit(20) as limit:
        to = Webhook(name="ops", is_tls=False, host="127.0.0.1", port=hook.port, path="/")
        webhook.send(to, message, limit)
    (posted,) = hook.taken
    assert posted.body.isascii()
    (finding,) = json.loads(posted.body)["data"]["findings"]
    for text in ("program", "user", "why"):
        assert len(finding[text]) <= MAX_TEXT
        assert is_clean(finding[text])
        assert "\n" not in finding[text]
    assert set(finding) == set(FINDING) | {"container", "label"}


@NAMES
def test_the_headers_and_lines_of_a_mail(name: str) -> None:
    with sinks.mail_server() as server, TimeLimit(60) as limit:
        mail.send(replace(US, port=server.port), hostile(name), limit)
    (got,) = server.taken
    _check_mail(got)
    assert server.recipients == [["ops@host.example"]]
    # A line of a single dot would have ended the mail.
    assert "since 2026-01-31T03:10:00+00:00" in got.get_content()


@given(st.text(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mail_of_any_text_can_be_read_again(name: str) -> None:
    raw = mail.mail_of(US, hostile(name)).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998  # RFC 5322, 2.1.1
    got = message_from_bytes(raw, policy=policy.default)
    assert isinstance(got, EmailMessage)
    _check_mail(got)


def _check_mail(got: EmailMessage) -> None:
    assert got.defects == []
    assert sorted(got.keys()) == sorted(
        {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
         "Content-Transfer-Encoding", "MIME-Version"} & set(got.keys())
    )  # fmt: skip
    assert str(got["To"]) == "ops@host.example"
    assert got["Message-ID"] == "<msg_1@host.example>"
    subject = str(got["Subject"])
    assert len(subject) <= mail.MAX_SUBJECT
    assert subject.startswith("[PortEye] db1:")
    assert is_clean(subject)
    assert "\n" not in subject
    assert is_clean(got.get_content().replace("\r\n", "\n"))


@NAMES
@pytest.mark.skipif(sys.platform == "win32", reason="datagrams of AF_UNIX are POSIX")
def test_the_fields_of_a_journal_entry(name: str, tmp_path: Path) -> None:
    with receiver(tmp_path / "socket") as journald, TimeLimit(5) as limit:
        journal.send(
            JournalEntries(name="here", socket=journald.getsockname()), hostile(name), limit
        )
        entry = fields_of(journald.recv(1_000_000))
    assert entry["PRIORITY"] == "3"
    assert all(re.fullmatch(r"[A-Z][A-Z_]{0,63}", field) for field in entry)
    assert all("\n" not in value and is_clean(value) for value in entry.values())
    assert all(len(value) <= MAX_TEXT for field, value in entry.items() if field != "MESSAGE")


@NAMES
@pytest.mark.skipif(sys.platform == "win32", reason="datagrams of AF_UNIX are POSIX")
def test_the_lines_of_syslog(name: str, tmp_path: Path) -> None:
    with receiver(tmp_path / "log") as daemon, TimeLimit(5) as limit:
        here = Syslog(name="log", transport="unix", host=daemon.getsockname())
        syslog.send(here, hostile(name), limit)
        line = daemon.recv(1_000_000).decode()
    assert "\n" not in line
    assert is_clean(line)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, TimeLimit(5) as limit:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]
        there = Syslog(name="log", transport="udp", host="127.0.0.1", port=port)
        syslog.send(there, hostile(name), limit)
        raw = server.recv(1_000_000)
    assert len(raw) <= 2048
    head = re.match(rb"<27>1 (\S+) (\S{1,255}) porteye - msg_1 - \xef\xbb\xbf", raw)
    assert head
    assert is_clean(raw[head.end() :].decode())


@NAMES
@pytest.mark.skipif(sys.platform == "win32", reason="the program is of POSIX")
def test_the_input_of_a_command(name: str, tmp_path: Path) -> None:
    message = hostile(name)
    with TimeLimit(20) as limit:
        words = ("/bin/sh", "-c", f"cat > {tmp_path}/got")
        command.send(Command(name="run", words=words), message, limit)
    raw = (tmp_path / "got").read_bytes()
    assert raw.count(b"\n") == 1
    assert json.loads(raw) == message.body


@pytest.mark.skipif(not apprise.is_installed(), reason="needs Apprise")
def test_the_text_of_apprise() -> None:
    for name in (HOSTILE[1], "".join(each[:50] for each in HOSTILE)):
        with sinks.webhook() as hook, TimeLimit(60) as limit:
            to = Apprise(name="rest", scheme="json", url=f"json://127.0.0.1:{hook.port}/")
            apprise.send(to, hostile(name), limit)
        told = json.loads(hook.taken[0].body)
        assert is_clean(told["message"])
        assert is_clean(told["title"])
