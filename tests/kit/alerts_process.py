"""The process `porteye alerts` over a database, with a receiver that counts, and what it stored."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from porteye_core.store.alerts import beside, holder
from tests.kit.fleet import Fleet
from tests.kit.processes import bound, end
from tests.kit.service import PROJECT, environment
from tests.kit.waiting import until

SETTINGS = """
[timers]
group = "1s"
every = "10s"
unwatched = "30s"
[[receiver]]
name = "counts"
kind = "command"
command = ["/bin/true"]
"""


def settle(db: Path, expected: str, alerts: str = SETTINGS) -> None:
    """Write both files beside a database."""
    db.with_name("expected.toml").write_text(expected)
    file = db.with_name("alerts.toml")
    file.touch(0o600)
    file.write_text(alerts)


def start(db: Path, *flags: str) -> "subprocess.Popen[str]":
    """Start the process, which may end at once."""
    words = [sys.executable, "-P", "-m", "porteye_core.command", "alerts", "--db", str(db)]
    return subprocess.Popen(
        bound(*words, *flags),
        env=environment(PYTHONPATH=str(PROJECT)),
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def alerts(db: Path, *flags: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that judges; ended at the end if the test has not done so."""
    process = start(db, *flags)
    try:
        until(lambda: _judges(db, process), "the process judges")
        yield process
    finally:
        end(process)


@contextmanager
def alerts_of_fleet(of: Fleet, db: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that judges a fleet, as the login judge, which may read it and no more."""
    words = [sys.executable, "-P", "-m", "porteye_core.command", "alerts", "--db", str(db)]
    address = of.address.replace("user=porteye", "user=judge")
    started = subprocess.Popen(
        bound(*words),
        env=environment(PYTHONPATH=str(PROJECT), PORTEYE_FLEET=address),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        end(started)


def _judges(db: Path, process: "subprocess.Popen[str]") -> bool:
    assert process.poll() is None, process.stderr and process.stderr.read()
    found = holder(beside(db))
    has_begun = answers(db, "SELECT 1 FROM cursor WHERE file != ''")
    return found is not None and found.pid == process.pid and bool(has_begun)


def answers(db: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The answer of the alerts database beside a database, empty while it is being made."""
    return answers_of(beside(db), statement, *parameters)


def answers_of(file: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The answer of an alerts database, empty while it is being made."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, parameters).fetchall()
    except sqlite3.OperationalError:
        return []


def told(db: Path) -> list[dict[str, Any]]:
    """All that was put into messages, in its order, with phase and time of the message."""
    rows = answers(db, "SELECT body, created_at FROM message ORDER BY rowid")
    return [
        {**finding, "message_at": at}
        for body, at in rows
        for finding in json.loads(body)["data"]["findings"]
    ]
