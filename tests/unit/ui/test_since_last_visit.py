"""What changed since the browser's last visit, told in one line."""

import pandas as pd
import pytest

from porteye_core.store.reading import Change
from porteye_core.ui.since_last_visit import Entry, changes, fitting, in_order, seen

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000


def changed(*rows: tuple[Change, int, str]) -> pd.DataFrame:
    found = [
        {"change": change, "port": port, "process": process, "id": number}
        for number, (change, port, process) in enumerate(rows, 1)
    ]
    return pd.DataFrame(found, columns=["change", "port", "process", "id"])


def test_what_became_reachable_opened_and_closed_is_told() -> None:
    found = changes(
        changed(
            (Change.BECAME_REACHABLE, 3000, "node"),
            (Change.OPENED, 8090, "python3"),
            (Change.CLOSED, 7005, "redis"),
        )
    )
    assert found == [
        Entry("reachable", "3000 node became reachable", 1),
        Entry("opened", "8090 python3 opened", 2),
        Entry("closed", "7005 redis closed", 3),
    ]


def test_what_restarted_or_was_brief_is_left_out() -> None:
    told = {Change.BECAME_REACHABLE, Change.OPENED, Change.CLOSED}
    assert changes(changed(*((each, 80, "nginx") for each in Change if each not in told))) == []


def test_a_program_on_a_port_is_told_once() -> None:
    both = changed((Change.OPENED, 80, "nginx"), (Change.OPENED, 80, "nginx"))
    assert changes(both) == [Entry("opened", "80 nginx opened", 1)]


def test_nothing_is_no_entry() -> None:
    assert changes(changed()) == []


def test_the_gravest_comes_first() -> None:
    kinds = ["closed", "waiting", "opened", "reachable", "closed"]
    found = in_order(Entry(kind, kind, number) for number, kind in enumerate(kinds))
    assert [each.kind for each in found] == ["reachable", "waiting", "opened", "closed", "closed"]
    assert [each.listener for each in found if each.kind == "closed"] == [0, 4]


def test_a_line_has_as_many_entries_as_fit_and_one_at_least() -> None:
    short, long = Entry("opened", "80 nginx opened", 1), Entry("opened", "w" * 200, 2)
    assert fitting([short] * 3) == 3
    assert 3 < fitting([short] * 50) < 6
    assert fitting([short, long]) == 1
    assert fitting([long, short]) == 1


@pytest.mark.parametrize("ago", [0, 1000, DAY, 300 * DAY])
def test_a_visit_is_the_time_of_the_cookie(ago: int) -> None:
    assert seen(str((NOW - ago) // 1000), NOW) == NOW - ago


@pytest.mark.parametrize(
    "cookie",
    [None, "", "x", "-1", "1e9", "0", "²", str(NOW // 1000 + 1), "9" * 400, "1;2", "１８０", " 5"],
)
def test_a_cookie_that_is_no_time_before_now_is_no_visit(cookie: str | None) -> None:
    assert seen(cookie, NOW) is None
