"""The History view counts what is stored."""

from pathlib import Path

import pytest

from tests.kit.page import open_page, switch, texts
from tests.kit.seeding import Instant, grow

PYTHONS = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "process": "python"}


def test_events_are_counted_again_when_something_was_stored(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, PYTHONS)
    assert "Showing the newest 3 of 3 events." in texts(switch(page, "history"))
    grow(seeded.db, 1)
    assert "of 6 events." in texts(page.run())


def test_that_nothing_is_recorded_is_said_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = texts(switch(open_page(db, monkeypatch), "history"))
    assert said.count("Nothing is recorded yet.") == 1
