"""The History view counts what is stored."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.model import Precision
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from porteye_core.ui.time_range import stamp
from tests.kit.page import address, open_page, switch, table, texts
from tests.kit.seeding import PLAN, PYTHON, Instant, grow, seed
from tests.kit.values import HOST, SECOND, endpoint, owned

PYTHONS = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "process": "python"}


def test_events_are_counted_again_when_something_was_stored(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now) as writer:
        seed(writer, now)
        page = open_page(db, monkeypatch, PYTHONS)
        assert "Showing the newest 3 of 3 events." in texts(switch(page, "history"))
        writer.record_changes(now, [Opening(PYTHON, now, Precision.POLL)] * 3)
        assert "of 6 events." in texts(page.run())


def test_that_nothing_is_recorded_is_said_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = texts(switch(open_page(db, monkeypatch), "history"))
    assert said.count("Nothing is recorded yet.") == 1


EVER = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


def rows_of(page: AppTest) -> list[tuple[str, int, str, str]]:
    frame = table(page)[["kind", "port", "exposure", "seen"]].copy()
    frame["exposure"] = [exposure for (exposure,) in frame["exposure"]]
    return [*frame.itertuples(index=False, name=None)]


def press(page: AppTest, label: str) -> AppTest:
    (button,) = (each for each in page.main.button if each.label == label)
    return button.click().run()


def test_events_tell_exposure_and_precision_and_what_was_there_already(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(seeded.db, monkeypatch, EVER), "history")
    local = "this machine only"
    assert rows_of(page) == [
        ("opened", 8765, local, "within 2 s"),
        ("closed", 8765, local, "within 2 s"),
        ("opened", 8765, local, "within 2 s"),
        ("already there", 53, local, "before watching began"),
        ("already there", 5432, local, "before watching began"),
        ("already there", 80, "every interface", "before watching began"),
    ]


def test_pages_are_turned_in_both_directions(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(seeded.db, monkeypatch, {**EVER, "limit": "2"}), "history")

    def ids() -> list[int]:
        return [*table(page)["id"]]

    assert ids() == [6, 5]
    assert ids_after(page, "Older") == [4, 3]
    assert ids_after(page, "Older") == [2, 1]
    assert {each.label for each in page.main.button if not each.disabled} >= {"Newest", "Newer"}
    assert ids_after(page, "Newer") == [4, 3]
    assert ids_after(page, "Oldest") == [2, 1]
    assert ids_after(page, "Newest") == [6, 5]


def ids_after(page: AppTest, label: str) -> list[int]:
    return [*table(press(page, label))["id"]]


def test_the_newest_page_stays_while_events_come_which_are_announced(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(seeded.db, monkeypatch, EVER), "history")
    before = [*table(page)["id"]]
    grow(seeded.db, 1)
    page.run()
    assert [*table(page)["id"]] == before
    press(page, "6 new events. Show")
    assert table(page)["id"].iloc[0] == 12
    assert not [each for each in page.main.button if "new event" in each.label]


def test_a_kind_is_chosen_on_the_page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    page = switch(open_page(seeded.db, monkeypatch, EVER), "history")
    (kinds,) = (each for each in page.main.button_group if each.label == "Events")
    kinds.set_value("closed").run()
    assert [each[0] for each in rows_of(page)] == ["closed"]
    assert "Download CSV (1 event)" in [each.proto.label for each in page.get("link_button")]


def test_changes_of_the_range_are_a_kind_too(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now) as writer:
        writer.begin_watch(now - 100 * SECOND, PLAN)
        opened, changed = now - 90 * SECOND, now - 50 * SECOND
        (life,) = writer.record_changes(opened, [Opening(PYTHON, opened, Precision.KERNEL)])
        wider = owned(endpoint(8765, address="0.0.0.0"), PYTHON.owner)
        again = Opening(wider, changed, Precision.KERNEL)
        writer.record_changes(changed, [again], [Closing(life, changed, Precision.KERNEL)])
        ends = {"since": stamp(now - 80 * SECOND), "until": stamp(now - SECOND)}
        page = switch(open_page(db, monkeypatch, ends), "history")
        (kinds,) = (each for each in page.main.button_group if each.label == "Events")
        kinds.set_value("changed").run()
        assert table(page)["change"].tolist() == ["became reachable"]
        assert address(page)["show"] == "changed"
        (kinds,) = (each for each in page.main.button_group if each.label == "Events")
        kinds.set_value("opened").run()
        assert [each[0] for each in rows_of(page)] == ["opened"]
        assert "show" not in address(page)


def test_a_run_of_flapping_is_one_row(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now) as writer:
        writer.begin_watch(now - 100 * SECOND, PLAN)
        for each in range(5):
            at = now - (90 - 10 * each) * SECOND
            (life,) = writer.record_changes(at, [Opening(PYTHON, at, Precision.KERNEL)])
            closing = Closing(life, at + 2 * SECOND, Precision.KERNEL)
            writer.record_changes(at + 2 * SECOND, closed=[closing])
        page = switch(open_page(db, monkeypatch, EVER), "history")
        assert rows_of(page) == [("▸ 5 openings, each about 2 s", 8765, "this machine only", "")]
        assert "Showing the newest 10 of 10 events, in 1 row." in texts(page)


def test_a_database_of_two_machines_names_the_other_one(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = abandoned.now + SECOND
    with open_writer(abandoned.db, replace(HOST, name="new", machine_id="m2"), began) as writer:
        writer.begin_watch(began, PLAN)
        page = switch(open_page(abandoned.db, monkeypatch, EVER), "history")
        assert "history of another machine, too: here." in texts(page)
