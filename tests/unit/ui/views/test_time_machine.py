"""Any moment of the past, through Streamlit's own test runner."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.store.writing.startup import open_writer
from porteye_core.ui.time_range import stamp
from tests.kit.page import address, open_page, switch, table, texts
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.stopped import STOPPED, stopped_for_a_minute
from tests.kit.values import HOST, SECOND


@pytest.fixture
def at(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    def travelled(moment: int, versus: int | None = None) -> AppTest:
        page = open_page(seeded.db, monkeypatch)
        page.query_params["at"] = stamp(moment)
        if versus is not None:
            page.query_params["versus"] = stamp(versus)
        found = switch(page, "time_machine")
        assert not found.exception
        return found

    return travelled


def test_a_moment_has_what_listened_then(at: Callable[..., AppTest], seeded: Instant) -> None:
    during, between = seeded.now - 25 * MINUTE, seeded.now - 15 * MINUTE
    assert list(table(at(during))["port"]) == [53, 80, 5432, 8765]
    assert "What any of them used then is not known" in texts(at(during))
    assert "cpu" not in at(during).dataframe[0].proto.column_order
    page = at(between)
    assert list(table(page)["port"]) == [53, 80, 5432]
    assert "3 listeners, all of them certain" in texts(page)
    assert address(page)["at"] == stamp(between)


def test_what_listeners_used_stands_in_columns_of_their_own(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns() // 1000 - 2 * SECOND
    with open_writer(db, HOST, now - 61 * MINUTE) as opened:
        seed(opened, now)
        page = open_page(db, monkeypatch)
        page.query_params["at"] = stamp(now + SECOND)
        found = switch(page, "time_machine")
    assert {"cpu", "rss", "clients"} <= set(found.dataframe[0].proto.column_order)
    assert "What 1 of them used then is not known" in texts(found)


def test_what_could_not_be_known_stands_in_a_column_where_there_is_any(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_for_a_minute(db)
    shown = []
    for moment in (STOPPED + MINUTE // 2, STOPPED - MINUTE):
        page = open_page(db, monkeypatch, {"at": stamp(moment)})
        shown.append(switch(page, "time_machine").dataframe[0])
    in_the_gap, before = shown
    assert list(in_the_gap.proto.column_order)[4] == "certainty"
    assert all(in_the_gap.value["certainty"])
    assert "certainty" not in before.proto.column_order


def test_two_moments_have_what_changed_between_them(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = at(seeded.now - 25 * MINUTE, seeded.now - 15 * MINUTE)
    shown = table(page)
    assert list(shown["change"]) == ["closed"]
    assert list(shown["port"]) == [8765]
    assert "1 closed between" in texts(page)
    again = table(at(seeded.now - 25 * MINUTE, seeded.now))
    assert list(again["change"]) == ["restarted"]
    nothing = at(seeded.now - 15 * MINUTE, seeded.now - 14 * MINUTE)
    assert "Nothing that the filters let through differs" in texts(nothing)


def test_before_the_first_watch_and_in_the_future_is_a_sentence(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    assert "Nobody watched yet at" in texts(at(seeded.now - 120 * MINUTE))
    assert "has not come yet" in texts(at(seeded.now + 24 * 60 * MINUTE))


def test_a_button_goes_a_minute_further(at: Callable[..., AppTest], seeded: Instant) -> None:
    start = seeded.now - 25 * MINUTE
    page = at(start)
    page.button(key="at-1").click().run()
    assert not page.exception
    assert address(page)["at"] == stamp(start - MINUTE)


def test_the_sidebars_filters_count(at: Callable[..., AppTest], seeded: Instant) -> None:
    page = at(seeded.now - 25 * MINUTE)
    page.text_input(key="process").set_value("nginx").run()
    assert list(table(page)["port"]) == [80]
    assert "1 listener, certain. What it used then is not known" in texts(page)
