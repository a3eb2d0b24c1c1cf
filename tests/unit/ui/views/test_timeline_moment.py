"""The cursor of the Timeline: any moment of the past, through Streamlit's own test runner."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import DateTimeInput

from porteye_core.model import Filters
from porteye_core.store.reading import open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.ui.time_range import stamp
from tests.kit.page import address, choose_range, open_page, switch, table
from tests.kit.page import texts as marked
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.stopped import STOPPED, stopped_for_a_minute
from tests.kit.values import HOST, SECOND

HOUR = 60 * MINUTE


def texts(page: AppTest) -> str:
    """What the page says, without the backslashes that keep Markdown from reading it."""
    said = [marked(page), *(each.value for each in page.code)]
    return "\n".join(said).replace("\\", "").replace("\u2060", "")


@pytest.fixture
def at(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    def travelled(moment: int | None, **said: str) -> AppTest:
        named = {} if moment is None else {"at": stamp(moment)}
        found = switch(open_page(seeded.db, monkeypatch, {**named, **said}), "timeline")
        assert not found.exception
        return found

    return travelled


def press(page: AppTest, key: str) -> AppTest:
    found: AppTest = page.button(key=key).click().run()
    assert not found.exception
    return found


def type_words(page: AppTest, text: str, name: str = "at") -> AppTest:
    found: AppTest = page.text_input(key=f"words_{name}").set_value(text).run()
    assert not found.exception
    return found


def calendar_of(page: AppTest) -> DateTimeInput:
    (found,) = (each for each in page.datetime_input if each.label == "Moment")
    return found


def test_a_moment_has_what_listened_then(at: Callable[..., AppTest], seeded: Instant) -> None:
    during, between = seeded.now - 25 * MINUTE, seeded.now - 15 * MINUTE
    assert list(table(at(during))["port"]) == [53, 80, 5432, 8765]
    assert "What any of them used then is not known" in texts(at(during))
    assert "cpu" not in at(during).dataframe[0].proto.column_order
    page = at(between)
    assert list(table(page)["port"]) == [53, 80, 5432]
    assert "3 listeners, 1 reachable." in texts(page)
    assert address(page)["at"] == stamp(between)


def test_a_moment_is_told_with_its_weekday_and_what_changed_around_it(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = at(seeded.now - 30 * MINUTE)
    day = datetime.fromtimestamp((seeded.now - 30 * MINUTE) / 1e6, UTC)
    assert f"{day:%a} {day.day} {day:%b} {day:%H:%M}" in texts(page)
    # Ten minutes later it has closed again.
    assert "± 10 min: 8765 http.server (python): 1 opening of 10 min." in texts(page)
    assert "8765 http.server (python) (local) opened" in texts(at(seeded.now - 31 * MINUTE))


def test_without_a_moment_the_cursor_is_at_the_newest_change(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = at(None)
    assert list(table(page)["port"]) == [53, 80, 5432, 8765]
    assert page.session_state["cursor_shown"] == seeded.now - 10 * SECOND
    assert "at" not in address(page)
    port = at(None, port="5432", range="all")
    assert port.session_state["cursor_shown"] == seeded.now - HOUR


def test_a_range_that_moves_is_pinned_where_it_is(at: Callable[..., AppTest]) -> None:
    page = at(None, range="7d")
    assert "since" not in address(page)
    for pinned in (press(page, "pin_range"), choose_range(at(None, range="7d"), "custom")):
        said = address(pinned)
        since, until = (datetime.fromisoformat(said[name]) for name in ("since", "until"))
        assert until - since == timedelta(days=7)
        assert "pin_range" not in [button.key for button in pinned.button]
    assert "pin_range" not in [button.key for button in at(None, range="all").button]


def test_what_listeners_used_stands_in_columns_of_their_own(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns() // 1000 - 2 * SECOND
    with open_writer(db, HOST, now - 61 * MINUTE) as opened:
        seed(opened, now)
        said = {"at": stamp(now + SECOND)}
        found = switch(open_page(db, monkeypatch, said), "timeline")
    assert {"cpu", "memory", "clients"} <= set(found.dataframe[0].proto.column_order)
    assert "What 1 of them used then is not known" in texts(found)


def test_what_could_not_be_known_stands_in_a_column_where_there_is_any(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_for_a_minute(db)
    shown = []
    for moment in (STOPPED + MINUTE // 2, STOPPED - MINUTE):
        page = open_page(db, monkeypatch, {"at": stamp(moment)})
        shown.append(switch(page, "timeline"))
    in_the_gap, before = shown
    assert "Nobody watched at" in in_the_gap.warning[-1].value
    order = list(in_the_gap.dataframe[0].proto.column_order)
    assert order[4] == "certainty"
    assert all(in_the_gap.dataframe[0].value["certainty"])
    assert "3 listeners, 0 reachable, not certain." in texts(in_the_gap)
    assert "certainty" not in before.dataframe[0].proto.column_order


def test_two_moments_have_what_changed_between_them(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    def compared(one: int, other: int) -> AppTest:
        return at(seeded.now - one * MINUTE, versus=stamp(seeded.now - other * MINUTE))

    page = compared(25, 15)
    assert list(table(page)["change"]) == ["closed"]
    assert list(table(page)["port"]) == [8765]
    assert "UTC: 1 closed." in texts(page)
    assert list(table(compared(15, 25))["change"]) == ["closed"]  # the earlier one is before
    assert list(table(compared(25, 0))["change"]) == ["restarted"]
    assert "nothing changed" in texts(compared(15, 14))
    # What was there when watching began did not open then.
    assert "8765 http.server (python) (local) opened." in texts(compared(59, 25))


def test_the_receipt_has_a_sentence_and_a_link_to_it(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = press(at(seeded.now - 31 * MINUTE), "show_around")
    assert address(page) == {"at": stamp(seeded.now - 31 * MINUTE), "around": "10"}
    (receipt,) = page.code
    assert "± 10 min: 8765 http.server (python) (local) opened." in receipt.value
    assert list(table(page)["change"]) == ["opened"]
    assert list(table(page)["exposure_is"]) == ["this machine only"]


def test_a_press_compares_with_now_and_another_goes_back(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    before = time.time()
    page = press(at(seeded.now - 15 * MINUTE), "show_compare")
    versus = datetime.fromisoformat(address(page)["versus"]).timestamp()
    assert int(before) <= versus <= time.time()
    assert list(table(page)["change"]) == ["opened"]
    type_words(page, stamp(seeded.now - 25 * MINUTE), "versus")
    assert address(page)["versus"] == stamp(seeded.now - 25 * MINUTE)
    assert list(table(page)["change"]) == ["closed"]
    press(page, "show_then")
    assert address(page) == {"at": stamp(seeded.now - 15 * MINUTE)}
    assert list(table(page)["port"]) == [53, 80, 5432]


def test_before_the_first_watch_and_in_the_future_is_a_sentence(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    assert "Nobody watched yet at" in texts(at(seeded.now - 120 * MINUTE))
    assert "has not come yet" in texts(at(seeded.now + 24 * HOUR))


def test_steps_go_by_change_and_by_lengths_of_time(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    start = seeded.now - 25 * MINUTE
    page = press(at(start), "step-1")
    assert address(page)["at"] == stamp(start - MINUTE)
    for key, minutes in (("previous", 30), ("previous", 60), ("next", 30), ("next", 20)):
        press(page, f"step_{key}")
        assert page.session_state["exact_at"] == seeded.now - minutes * MINUTE
        assert address(page)["at"] == stamp(seeded.now - minutes * MINUTE)
    press(page, "step_next")
    press(page, "step_next")
    assert "No change is recorded after this moment." in texts(page)
    before = time.time()
    press(page, "step_now")
    assert int(before) <= datetime.fromisoformat(address(page)["at"]).timestamp() <= time.time()


def test_a_day_of_the_calendar_moves_the_cursor_and_an_empty_field_does_not(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = at(None)
    calendar = calendar_of(page)
    assert calendar.value is None
    assert not calendar.set_value(datetime(2026, 1, 15, 3, 4)).run().exception  # noqa: DTZ001
    assert address(page)["at"] == "2026-01-15T03:04:00Z"
    calendar_of(page).set_value(None).run()
    assert address(page)["at"] == "2026-01-15T03:04:00Z"
    type_words(page, stamp(seeded.now // MINUTE * MINUTE))
    assert calendar_of(page).value == datetime.fromtimestamp(
        seeded.now // MINUTE * 60, UTC
    ).replace(tzinfo=None)


def test_a_change_between_two_seconds_is_in_the_moment_that_its_link_shows(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    changed = seeded.now - 10 * SECOND
    assert changed % SECOND  # or the next line proves nothing
    assert list(table(at(changed))["port"]) == [53, 80, 5432, 8765]
    assert list(table(at(changed // SECOND * SECOND))["port"]) == [53, 80, 5432]


def test_a_time_in_words_sets_the_cursor_and_a_range_that_has_it(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    page = at(None, range="1h")
    before = time.time()
    type_words(page, "−15 min")
    moment = page.session_state["exact_at"]
    assert before - 15 * 60 <= moment / 1e6 <= time.time() - 15 * 60
    assert page.text_input(key="words_at").value == ""
    assert address(page) == {"range": "1h", "at": stamp(moment)}
    type_words(page, "3 days ago")
    assert address(page)["range"] == "7d"
    type_words(page, "whenever")
    assert "“whenever” is not a time. Write a time like" in texts(page)
    assert address(page)["range"] == "7d"
    assert "whenever" not in texts(page.run())


def test_a_link_to_a_moment_without_a_range_has_one_that_reaches_it(
    at: Callable[..., AppTest], seeded: Instant
) -> None:
    assert address(at(seeded.now - 100 * HOUR))["range"] == "7d"
    assert "range" not in address(at(seeded.now - HOUR))


def test_days_of_the_clock_are_ranges(at: Callable[..., AppTest]) -> None:
    page = at(None)
    midnight = time.time_ns() // 1000 // (24 * HOUR) * 24 * HOUR
    choose_range(page, "today")
    assert page.session_state["view"].filters == Filters(since=midnight)
    choose_range(page, "yesterday")
    yesterday = Filters(since=midnight - 24 * HOUR, until=midnight - 1)
    assert page.session_state["view"].filters == yesterday
    assert address(page) == {"range": "yesterday"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("at", "soon", "“soon” is not a time."),
        ("versus", "soon", "“soon” is not a time."),
        ("around", "ten", "“ten” is not a number of minutes. Use 1 to 1440."),
        ("around", "0", "“0” is not a number of minutes."),
    ],
)
def test_a_wrong_moment_in_the_address_is_said(
    name: str, value: str, said: str, at: Callable[..., AppTest]
) -> None:
    page = at(None, **{name: value})
    assert [each.value for each in page.warning if said in texts(page)]
    assert list(table(page)["port"]) == [53, 80, 5432, 8765]


def test_the_address_of_the_time_machine_shows_the_same(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {"at": stamp(seeded.now - 15 * MINUTE)})
    links = {link.proto.page: link.proto.label for link in page.get("page_link")}
    assert "Time machine" not in links.values()
    assert "timeline" in links


def test_the_sidebars_filters_count(at: Callable[..., AppTest], seeded: Instant) -> None:
    page = at(seeded.now - 25 * MINUTE)
    page.text_input(key="process").set_value("nginx").run()
    assert list(table(page)["port"]) == [80]
    assert "1 listener, 1 reachable. What it used then is not known" in texts(page)


def test_the_newest_change_of_a_filter_is_asked_of_its_own_events(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        found = reader.previous_change(Filters(process="nginx"), seeded.now)
    assert found == seeded.now - HOUR


def test_a_step_leads_to_no_time_that_an_address_cannot_have(at: Callable[..., AppTest]) -> None:
    assert address(press(at(HOUR), "step-1440"))["at"] == stamp(0)
