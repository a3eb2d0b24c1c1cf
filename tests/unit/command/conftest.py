"""The command over the databases of tests."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.command import Command
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.values import HOST


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("PORTEYE_DB", raising=False)


@pytest.fixture
def porteye(db: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command over the database `db`, which another fixture may fill."""
    return Command(db, capsys)


@pytest.fixture
def writer_of_now(db: Path) -> Iterator[Writer]:
    """The writer of a seeded database, whose monitor this process is."""
    with open_writer(db, HOST, time.time_ns() // 1000 - 61 * MINUTE) as opened:
        yield opened


@pytest.fixture
def seeded(db: Path, writer_of_now: Writer) -> Instant:
    """A seeded database whose monitor goes on watching."""
    now = time.time_ns() // 1000
    seed(writer_of_now, now)
    return Instant(db, now)


@pytest.fixture
def elsewhere(db: Path) -> Instant:
    """A seeded database of another machine."""
    now = time.time_ns() // 1000
    with open_writer(db, replace(HOST, machine_id="another"), now - 61 * MINUTE) as opened:
        seed(opened, now)
    return Instant(db, now)
