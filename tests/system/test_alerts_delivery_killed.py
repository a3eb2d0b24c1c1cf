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

from tests.kit.processes import bound
from tests.kit.service import PROJECT, environment, rows
from tests.kit.sinks import Hook, MailServer, Posted, mail_server, say, sometimes, webhook

KILLS, FINDINGS = 80, 1500
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


def unsteady(chance: random.Random) -> Callable[[BaseHTTPRequestHandler, Posted, Hook], None]:
    """A webhook that fails 20 %, closes 10 %, and takes 10 % but answers too late."""

    def answer(request: BaseHTTPRequestHandler, posted: Posted, hook: Hook) -> None:
        what = sometimes(chance, fails=0.2, closes=0.1, late=0.1)
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
        assert max(receiver.copies.values()) > 1  # else the run has tried nothing
    assert rows(tmp_path / DB, "SELECT id FROM message WHERE sent_at IS NULL") == []


@pytest.mark.long
def test_a_sender_that_marks_before_it_sends_loses_messages(tmp_path: Path) -> None:
    chaos = run(tmp_path, "--mark-first", kills=20, findings=200)
    assert chaos.hook.findings.keys() < chaos.stored
    assert chaos.mail.findings.keys() < chaos.stored
