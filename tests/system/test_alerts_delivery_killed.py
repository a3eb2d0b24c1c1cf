"""The sender of alerts is killed again and again, before receivers that fail: nothing is lost."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import pytest

from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Opening,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
    WatchPlan,
)
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.processes import bound
from tests.kit.service import PROJECT, environment, rows
from tests.kit.sinks import Hook, MailServer, Posted, mail_server, say, sometimes, webhook
from tests.kit.values import HOST, SECOND
from tests.kit.waiting import until

KILLS, FINDINGS = 80, 1000
DB = "porteye-alerts.db"
_LATE = 0.8  # seconds; the sender waits for 0.5 s


class Told(NamedTuple):
    """Messages at a receiver: by finding the ids of messages, and how often each id came."""

    findings: dict[int, set[str]]
    copies: Counter[str]
    bodies: dict[str, set[bytes]]


class Chaos(NamedTuple):
    """Result of a run."""

    stored: set[int]
    hook: Told
    mail: Told
    kills: int


def unsteady(
    chance: random.Random, late: float = 0.1
) -> Callable[[BaseHTTPRequestHandler, Posted, Hook], None]:
    """A webhook that fails 20 %, closes 10 %, and takes some but answers too late."""

    def answer(request: BaseHTTPRequestHandler, posted: Posted, hook: Hook) -> None:
        what = sometimes(chance, fails=0.2, closes=0.1, late=late)
        if what == "fails":
            say(request, 500)
        elif what == "closes":
            request.connection.close()
        else:
            hook.taken.append(posted)
            if what == "late":
                time.sleep(_LATE)
            say(request, 200)

    return answer


def run(folder: Path, *flags: str, kills: int = KILLS, findings: int = FINDINGS) -> Chaos:
    """Kill a sender so often while it finds and sends, then let one send the rest."""
    chance = random.Random(1)
    db, file = folder / DB, folder / "alerts.toml"
    mails = MailServer(refused_data=lambda: "451 Later" if sometimes(chance, later=0.25) else None)
    with webhook(unsteady(chance)) as hook, mail_server(mails):
        file.touch(0o600)
        file.write_text(
            "[[receiver]]\nname = 'hook'\nkind = 'webhook'\n"
            f"url = 'http://127.0.0.1:{hook.port}/'\n"
            f"[[receiver]]\nname = 'mail'\nkind = 'mail'\nhost = '127.0.0.1'\nport = {mails.port}\n"
            "tls = 'off'\nfrom = 'porteye@example.org'\nto = 'ops@example.org'\n"
        )
        words = [sys.executable, "-m", "tests.kit.alert_sender", str(db), str(file), str(findings)]
        died = 0
        for _ in range(kills):
            sender = subprocess.Popen(bound(*words, *flags), cwd=PROJECT, env=environment())
            try:
                # From before its first row to the midst of sending.
                sender.wait(0.2 + 0.3 * chance.random())
                break
            except subprocess.TimeoutExpired:
                sender.kill()
                assert sender.wait() == -signal.SIGKILL
                died += 1
        subprocess.run(bound(*words, *flags), cwd=PROJECT, env=environment(), check=True)
        return Chaos(
            {int(str(each)) for (each,) in rows(db, "SELECT id FROM finding")},
            told_by_hook(hook),
            told_by_mail(mails),
            died,
        )


def told(messages: Iterable[tuple[str, bytes, list[int]]]) -> Told:
    """Messages that came, of ids, bodies and findings."""
    found = Told(defaultdict(set), Counter(), defaultdict(set))
    for message_id, body, findings in messages:
        found.copies[message_id] += 1
        found.bodies[message_id].add(body)
        for finding in findings:
            found.findings[finding].add(message_id)
    return found


def told_by_hook(hook: Hook) -> Told:
    """Messages that came at the webhook."""
    return told(
        (
            posted.headers["webhook-id"],
            posted.body,
            [each["id"] for each in json.loads(posted.body)["data"]["findings"]],
        )
        for posted in hook.taken
    )


def told_by_mail(server: MailServer) -> Told:
    """Messages that came by mail; the text of a finding has its id."""
    return told(
        (
            str(mail["Message-ID"]),
            raw,
            [int(each) for each in re.findall(r"^- new (\d+)", mail.get_content(), re.M)],
        )
        for mail, raw in zip(server.taken, server.raw, strict=True)
    )


@pytest.mark.long
def test_of_all_that_is_found_nothing_is_lost_and_nothing_comes_under_two_ids(
    tmp_path: Path,
) -> None:
    chaos = run(tmp_path)
    assert chaos.kills == KILLS
    assert len(chaos.stored) >= FINDINGS
    for receiver in (chaos.hook, chaos.mail):
        assert receiver.findings.keys() == chaos.stored
        assert {len(ids) for ids in receiver.findings.values()} == {1}
        assert {len(bodies) for bodies in receiver.bodies.values()} == {1}
    # Late answers make copies; else the run has tried nothing.
    assert max(chaos.hook.copies.values()) > 1
    assert rows(tmp_path / DB, "SELECT id FROM message WHERE sent_at IS NULL") == []


@pytest.mark.long
def test_a_sender_that_marks_before_it_sends_loses_messages(tmp_path: Path) -> None:
    chaos = run(tmp_path, "--mark-first", kills=20, findings=200)
    assert chaos.hook.findings.keys() < chaos.stored
    assert chaos.mail.findings.keys() < chaos.stored


def opened(writer: Writer, port: int) -> None:
    """Store that a program has begun to listen on every interface."""
    now = time.time_ns() // 1000
    owner = Process(ProcessKey(port, now), Program(f"server{port}", "/bin/server", "root"))
    socket = Socket(Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", port))
    of = AttributedSocket(socket, owner, (owner,))
    writer.record_changes(now, [Opening(of, now, Precision.KERNEL)])


def is_all_sent(db: Path) -> bool:
    """Tell that every opening is a finding in a message that was sent."""
    (events,) = rows(db, "SELECT count(*) FROM event")
    (sent,) = rows(
        db.with_name(DB),
        "SELECT count(*) FROM message_finding JOIN message ON message.id = message_id"
        " JOIN finding ON finding.id = finding_id"
        " WHERE finding.kind = 'listener' AND sent_at IS NOT NULL",
    )
    return events == sent


@pytest.mark.long
def test_every_event_is_judged_once_and_told_once_while_the_alerts_process_is_killed(
    tmp_path: Path,
) -> None:
    chance = random.Random(2)
    db = tmp_path / "porteye.db"
    words = [sys.executable, "-m", "porteye_core.command", "alerts", "--db", str(db)]
    with (
        webhook(unsteady(chance, late=0)) as hook,
        open_writer(db, HOST, time.time_ns() // 1000) as writer,
    ):
        writer.begin_watch(time.time_ns() // 1000, WatchPlan("test", SECOND, 60 * SECOND))
        (tmp_path / "expected.toml").write_text("[[expected]]\nport = '1-65535'\n")
        file = tmp_path / "alerts.toml"
        file.touch(0o600)
        file.write_text(
            "[timers]\ngroup = '1s'\nwider = '0s'\ndigest = 'off'\n"
            "[[receiver]]\nname = 'hook'\nkind = 'webhook'\n"
            f"url = 'http://127.0.0.1:{hook.port}/'\n"
        )
        ports = iter(range(1, 65536))
        alerts = subprocess.Popen(bound(*words), cwd=PROJECT, env=environment())
        until(lambda: rows(tmp_path / DB, "SELECT event_id FROM cursor"), "it follows")
        for _ in range(40):
            end = time.monotonic() + 0.3 + 0.7 * chance.random()
            while time.monotonic() < end:
                opened(writer, next(ports))
                time.sleep(0.03)
            alerts.kill()
            assert alerts.wait() == -signal.SIGKILL
            alerts = subprocess.Popen(bound(*words), cwd=PROJECT, env=environment())
        try:
            until(lambda: is_all_sent(db), "all is sent")
        finally:
            alerts.terminate()
            alerts.wait()
    told = rows(tmp_path / DB, "SELECT id, listener_id FROM finding WHERE kind = 'listener'")
    events = rows(db, "SELECT listener_id FROM event WHERE kind = 'opened'")
    assert Counter(listener for _, listener in told) == Counter(each for (each,) in events)
    came = told_by_hook(hook)
    assert came.findings.keys() >= {finding for finding, _ in told}
    assert {len(ids) for ids in came.findings.values()} == {1}
    assert {len(bodies) for bodies in came.bodies.values()} == {1}
