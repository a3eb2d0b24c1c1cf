"""The filters above the table of Now, and the numbers beside them."""

from typing import Any

import pandas as pd
import pytest

from porteye_core.ui.now_filters import Show, already_there, counts, shown

MIDNIGHT = pd.Timestamp("2026-11-28", tz="Europe/Berlin")
TODAY, YESTERDAY = MIDNIGHT + pd.Timedelta(hours=3), MIDNIGHT - pd.Timedelta(hours=3)


def service(**values: Any) -> dict[str, Any]:
    usual = {
        "exposure": ["this machine only"],
        "since": YESTERDAY,
        "latest": YESTERDAY,
        "opened_seen": "kernel",
        "queue": 0,
        "closed": False,
    }
    return usual | values


def table(*services: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(services)
    frame["queue"] = frame["queue"].astype("Int64")
    for name in ("since", "latest"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


@pytest.mark.parametrize(
    ("exposure", "filters"),
    [
        (["every interface"], {Show.REACHABLE}),
        (["one network", "this machine only"], {Show.REACHABLE}),
        (["IPv6 only"], {Show.REACHABLE}),
        (["this machine only"], {Show.LOCAL}),
        (["local containers"], {Show.LOCAL}),
        (["inside a container"], set()),
        (["not known"], set()),
    ],
)
def test_a_service_is_local_if_nothing_of_it_is_reachable(
    exposure: list[str], filters: set[Show]
) -> None:
    services = table(service(exposure=exposure))
    for show in (Show.REACHABLE, Show.LOCAL):
        assert shown(services, show, MIDNIGHT).tolist() == [show in filters]
    assert shown(services, Show.ALL, MIDNIGHT).tolist() == [True]


def test_today_begins_at_the_reader_s_midnight() -> None:
    at = [MIDNIGHT - pd.Timedelta(microseconds=1), MIDNIGHT, TODAY]
    services = table(*(service(latest=each) for each in at))
    assert shown(services, Show.TODAY, MIDNIGHT).tolist() == [False, True, True]


def test_what_was_there_before_anybody_watched_did_not_open_today() -> None:
    services = table(service(since=TODAY, latest=None, opened_seen="gap"), service(latest=TODAY))
    assert shown(services, Show.TODAY, MIDNIGHT).tolist() == [False, True]
    assert already_there(services, MIDNIGHT) == 1


def test_what_was_first_seen_before_today_is_not_told_apart_again() -> None:
    assert already_there(table(service(latest=None, opened_seen="gap")), MIDNIGHT) == 0


def test_clients_wait_where_the_queue_is_known_and_not_empty() -> None:
    services = table(service(queue=3), service(queue=0), service(queue=None))
    assert shown(services, Show.WAITING, MIDNIGHT).tolist() == [True, False, False]


def test_what_has_closed_is_not_counted() -> None:
    services = table(service(closed=True, queue=3, latest=TODAY), service(latest=TODAY))
    assert counts(services, MIDNIGHT, watched=True) == {
        Show.ALL: 1,
        Show.REACHABLE: 0,
        Show.LOCAL: 1,
        Show.TODAY: 1,
        Show.WAITING: 0,
    }


def test_a_number_that_nobody_can_know_is_none_while_nobody_watches() -> None:
    found = counts(table(service(latest=TODAY, queue=3)), MIDNIGHT, watched=False)
    assert found[Show.ALL] == 1
    assert (found[Show.TODAY], found[Show.WAITING]) == (None, None)


def test_no_services_count_as_none() -> None:
    services = table(service()).iloc[:0]
    assert set(counts(services, MIDNIGHT, watched=True).values()) == {0}
    assert already_there(services, MIDNIGHT) == 0
