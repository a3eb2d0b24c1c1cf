"""The History view asks no more than it must."""

import sqlite3

import pytest

from porteye_core.model import Filters
from porteye_core.store.frames import totals
from tests.kit.seeding import Instant, grow
from tests.test_ui import fresh_configuration, open_page, switch, texts

__all__ = ["fresh_configuration"]

PYTHONS = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "process": "python"}


def test_events_are_counted_again_when_something_was_stored(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    count = totals.event_count

    def counting(connection: sqlite3.Connection, filters: Filters) -> int:
        asked.append(filters)
        return count(connection, filters)

    monkeypatch.setattr(totals, "event_count", counting)
    page = open_page(seeded.db, monkeypatch, PYTHONS)
    assert "Showing the newest 3 of 3 events." in texts(switch(page, "history"))
    page.run()
    assert len(asked) == 1
    grow(seeded.db, 1)
    assert "of 6 events." in texts(page.run())
    assert len(asked) == 2
