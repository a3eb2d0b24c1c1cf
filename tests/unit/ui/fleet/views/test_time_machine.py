"""The Time machine tells what was open on any host at a moment."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from porteye_core.ui.time_range import stamp
from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.fleet_states import unwatch
from tests.kit.many_hosts import DAY
from tests.kit.page import texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

LIVES = """SELECT h.name, l.port, l.protocol::text, l.opened_at, l.closed_at
FROM (SELECT host_id, port, protocol, opened_at, NULL AS closed_at FROM open_listener
    UNION ALL SELECT host_id, port, protocol, opened_at, closed_at FROM life) l
JOIN host h USING (host_id)"""


def open_then(fleet: Fleet, at: int) -> list[tuple[Any, ...]]:
    return [row for row in fleet.ask(LIVES) if row[3] <= at and (row[4] is None or row[4] > at)]


def a_moment(fleet: Fleet) -> int:
    """A moment in the middle of the histories, at which something is open that has closed since."""
    closed = sorted(row[4] for row in fleet.ask(LIVES) if row[4] is not None)
    return int(closed[len(closed) // 2]) // 1_000_000 * 1_000_000


def test_a_moment_is_counted_by_port_and_by_host_and_listed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = a_moment(fleet)
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine", {"at": stamp(at)})
    plain = open_then(fleet, at)
    assert f"{len(plain)} listeners on 4 hosts" in texts(page)
    ports, hosts, listed = (each.value for each in page.dataframe)
    counted = {
        (port, protocol): count
        for port, protocol, count in zip(
            ports["port"], ports["protocol"], ports["listeners"], strict=True
        )
    }
    assert counted == Counter((port, protocol) for _, port, protocol, *_ in plain)
    assert dict(zip(hosts["host"], hosts["listeners"], strict=True)) == Counter(
        name for name, *_ in plain
    )
    assert Counter(zip(listed["host"], listed["port"], strict=True)) == Counter(
        (name, port) for name, port, *_ in plain
    )
    assert sum(map(bool, listed["until_text"])) == sum(row[4] is not None for row in plain) > 0


def test_the_record_limit_says_what_it_leaves_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = a_moment(fleet)
    said = {"at": stamp(at), "limit": "5"}
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine", said)
    assert len(page.dataframe[-1].value) == 5
    assert f"The first 5 of {len(open_then(fleet, at))} listeners." in texts(page)


def test_counts_obey_every_filter(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    at = a_moment(fleet)
    said = {"at": stamp(at), "hosts": "alpha", "process": "nginx"}
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine", said)
    frames: list[pd.DataFrame] = [each.value for each in page.dataframe]
    listed = frames[-1]
    assert set(listed["host"]) == {"alpha"}
    assert set(listed["program"]) == {"nginx"}
    assert frames[0]["listeners"].sum() == frames[1]["listeners"].sum() == len(listed)


def test_without_a_moment_it_shows_the_present(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine")
    count = fleet.ask("SELECT count(*) FROM open_listener")[0][0]
    assert f"{count} listeners on 4 hosts" in texts(page)


def test_a_time_in_words_moves_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine")
    page = page.text_input(key="words_at").set_value("2100-01-01 00:00").run()
    assert "has not come yet" in texts(page)
    page = page.text_input(key="words_at").set_value("soon").run()
    assert "is not a time" in texts(page)
    (now,) = (each for each in page.button if each.label == "Now")
    assert "listeners on" in texts(now.click().run())


def test_a_moment_that_is_not_kept_any_more_is_said(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.ask("UPDATE setting SET kept_from = now_us() - %s", DAY)
    try:
        said = {"at": stamp(a_moment(fleet))}
        page = open_fleet_page(fleet.address, monkeypatch, "time_machine", said)
        assert not page.dataframe
        assert "is not kept any more" in texts(page)
    finally:
        fleet.ask("UPDATE setting SET kept_from = 0")


def test_hosts_that_were_not_watched_then_are_said(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seen,) = fleet.ask("SELECT seen_at FROM watch WHERE host_id = 3")
    at = a_moment(fleet)
    long_before = at - 365 * DAY
    page = open_fleet_page(fleet.address, monkeypatch, "time_machine", {"at": stamp(long_before)})
    assert "Of 4 hosts it is not known what they had then" in texts(page)
    unwatch(fleet, "gamma")
    try:
        then = open_fleet_page(fleet.address, monkeypatch, "time_machine", {"at": stamp(at)})
        assert "had then" not in texts(then)
        now = open_fleet_page(fleet.address, monkeypatch, "time_machine")
        assert "Of 1 host it is not known what it had then" in texts(now)
    finally:
        fleet.ask("UPDATE watch SET seen_at = %s, stopped_at = NULL WHERE host_id = 3", *seen)


def test_an_interruption_of_a_watch_is_a_time_without_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = a_moment(fleet)
    fleet.ask(
        "INSERT INTO tick SELECT host_id, 999999, %s, monotonic, watch_id, listeners, clients,"
        " scan_us, hidden, lost, 60000000, jump, left_out, left_out_us, cpu, rss, size, FALSE"
        " FROM tick WHERE host_id = 2 LIMIT 1",
        at + 30_000_000,
    )
    try:
        page = open_fleet_page(fleet.address, monkeypatch, "time_machine", {"at": stamp(at)})
        assert "Of 1 host it is not known what it had then" in texts(page)
        assert "beta" in texts(page)
    finally:
        fleet.ask("DELETE FROM tick WHERE id = 999999")
