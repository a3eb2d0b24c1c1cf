"""Messages to send."""

import json

import pytest

from porteye_core.alerts.receivers.message import Message

FINDING = {
    "id": 7,
    "kind": "listener",
    "verdict": "wider",
    "phase": "begin",
    "protocol": "tcp",
    "port": 5432,
    "address": "0.0.0.0",
    "exposure": "every interface",
    "program": "postgres",
    "user": "postgres",
    "unit": "postgresql.service",
    "pid": 812,
    "why": "line 9 expects it from this machine only",
    "at": "2026-01-31T03:10:00+00:00",
    "text": "reachable from further away: tcp 5432 by postgres",
}


def message_of(*findings: dict[str, object], **data: object) -> Message:
    """A message with these findings."""
    told = {"host": "db1", "title": "db1: postgres is wider", "url": "", "more": 0, **data}
    body = {
        "type": "porteye.findings",
        "timestamp": "2026-01-31T03:10:30+00:00",
        "id": "msg_1",
        "data": {**told, "findings": list(findings)},
    }
    return Message.of("msg_1", json.dumps(body))


@pytest.fixture
def message() -> Message:
    return message_of(FINDING)
