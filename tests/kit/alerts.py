"""An alerts database with findings, messages, receivers and a silence, written as it really is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from porteye_core.store.alerts import (
    Finding,
    Matcher,
    Message,
    Receiver,
    Silence,
    add_finding,
    add_message,
    add_silence,
    ask_test,
    open_to_write,
    set_receivers,
    transaction,
)
from tests.kit.values import SECOND

MINUTE = 60 * SECOND
WIDER = Finding(
    *(0, '["tcp", 80, "every interface", "nginx", "www"]', "listener", "wider", 0, 0),
    listener_id=1,
    protocol="tcp",
    port=80,
    address="0.0.0.0",
    exposure="every interface",
    program="nginx",
    user="www",
    why="line 5 expects it from this machine only",
    line=5,
    label="Shop",
)
UNWATCHED = Finding(0, '["unwatched"]', "unwatched", "", 0, 0, why="nobody watched since 03:10")
HOOK = Receiver("ops", "webhook", "webhook hooks.example", "", 1)
MAIL = Receiver("me", "mail", "mail ada@example.org by smtp.example", "owner", 1)


def fill(file: Path, now: int) -> None:
    """Store a finding that is told to one receiver and not to the other, one that is over, a
    silence, and a test that nobody has answered."""
    with open_to_write(file) as connection, transaction(connection, file):
        set_receivers(connection, [HOOK, MAIL])
        began = now - 28 * MINUTE
        wider = add_finding(connection, _at(WIDER, began, told_at=began))
        add_finding(connection, _at(UNWATCHED, now - 50 * MINUTE, ended_at=now - 40 * MINUTE))
        body = json.dumps({"data": {"title": "here: 80/tcp nginx is *wider*"}})
        sent = Message("msg_1", "ops", "findings", began, body, tries=1, sent_at=began + SECOND)
        late = Message(
            *("msg_2", "me", "findings", began, body, 4, now + 5 * MINUTE),
            error="451 4.7.1 Try again later",
        )
        for each in (sent, late):
            add_message(connection, each, [(wider, "begin")])
        matcher = Matcher(port="8000-8099", user="dev*")
        add_silence(connection, Silence(0, matcher, now, now + 90 * MINUTE, "deploy", "ada", now))
        ask_test(connection, "ops", "ada", now)


def _at(finding: Finding, at: int, **values: Any) -> Finding:
    return replace(finding, at=at, found_at=at, **values)
