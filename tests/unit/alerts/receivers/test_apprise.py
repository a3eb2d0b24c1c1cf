"""Apprise, in a real child process, before a real server."""

import json
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from porteye_core.alerts import settings
from porteye_core.alerts.receivers import apprise, sending
from porteye_core.alerts.receivers.kinds import Apprise
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from porteye_core.errors import AlertsError
from tests.kit.sinks import say, webhook
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(not apprise.is_installed(), reason="needs Apprise")


def receiver(url: str) -> Apprise:
    return Apprise(name="rest", scheme=url.partition(":")[0], url=url)


def sent(to: Apprise, message: Message, seconds: float = 60) -> None:
    with TimeLimit(seconds) as limit:
        apprise.send(to, message, limit)


def test_the_service_gets_title_and_text(message: Message) -> None:
    with webhook() as hook:
        sent(receiver(f"json://127.0.0.1:{hook.port}/path"), message)
    (posted,) = hook.taken
    told = json.loads(posted.body)
    assert told["title"] == "db1: postgres is wider"
    assert "- reachable from further away: tcp 5432 by postgres" in told["message"]
    assert told["type"] == "failure"


def test_a_service_that_refuses_is_told_without_its_address(message: Message) -> None:
    with (
        webhook(lambda request, *_: say(request, 500)) as hook,
        pytest.raises(NotSent) as raised,
    ):
        sent(receiver(f"json://user:s3cret@127.0.0.1:{hook.port}/s3cret"), message)
    assert raised.value.message == "Apprise could not deliver it by json."


def test_an_address_that_apprise_does_not_know_is_found_without_sending() -> None:
    assert sending.reason_against(receiver("json://127.0.0.1:1/")) == ""
    for url in ("pigeon://coop", "tgram://x"):
        reason = sending.reason_against(receiver(url))
        assert reason == "Apprise does not know this kind of address."
    text = '[[receiver]]\nname = "rest"\nkind = "apprise"\nurl = "pigeon://s3cret"\n'
    with pytest.raises(AlertsError) as raised:
        settings.checked(text, Path("alerts.toml"))
    assert raised.value.message == (
        "alerts.toml, line 1: rest: Apprise does not know this kind of address."
    )


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_the_address_stands_in_no_command_line_and_no_environment(message: Message) -> None:
    seen: list[str] = []

    def look(request: object, *_: object) -> None:
        for child in psutil.Process().children(recursive=True):
            seen.append(" ".join(child.cmdline()))
            seen.append(Path(f"/proc/{child.pid}/environ").read_text())
        say(request, 200)  # type: ignore[arg-type]

    with webhook(look) as hook:
        sent(receiver(f"json://127.0.0.1:{hook.port}/s3cret"), message)
    assert any("apprise_child" in each for each in seen)
    assert not any("s3cret" in each for each in seen)


def test_a_service_that_hangs_ends_with_its_child(message: Message) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as hanging,
        pytest.raises(NotSent, match="did not deliver it within 2 s"),
    ):
        sent(receiver(f"json://127.0.0.1:{hanging.getsockname()[1]}/"), message, 2)
    until(lambda: not psutil.Process().children(), "no child is left")


def test_a_missing_package_is_one_sentence(
    message: Message, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # An interpreter that finds no site-packages.
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -s "$@"\n')
    bare.chmod(0o700)
    monkeypatch.setattr(sys, "executable", os.fspath(bare))
    with pytest.raises(NotSent, match=r"not installed: pip install 'porteye\[apprise\]'"):
        sent(receiver("json://127.0.0.1:1/"), message)
