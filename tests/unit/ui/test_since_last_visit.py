"""What changed since the browser's last visit, told in one line."""

import pandas as pd
import pytest

from porteye_core.ui.since_last_visit import Entry, changes, fitting, in_order, seen

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000


Row = tuple[int, str, str]
ANY, LOCAL = "every interface", "this machine only"


def then(*rows: Row) -> pd.DataFrame:
    """What listened at a moment: port, process and exposure; the ids count from 1."""
    found = [(number, *row) for number, row in enumerate(rows, 1)]
    return pd.DataFrame(found, columns=["id", "port", "process", "exposure"])


def now(*rows: tuple[list[int], int, str, str], closed: bool = False) -> pd.DataFrame:
    """Services: listeners, port, process and exposure."""
    found = [
        (ids[0], ids, port, process, [exposure], closed) for ids, port, process, exposure in rows
    ]
    names = ["id", "listeners", "port", "process", "exposure", "closed"]
    return pd.DataFrame(found, columns=names).astype({"closed": bool})


def test_what_became_reachable_opened_and_closed_is_told() -> None:
    before = then((3000, "node", LOCAL), (7005, "redis", LOCAL), (80, "nginx", ANY))
    after = now(
        ([4], 3000, "node", ANY),
        ([3], 80, "nginx", ANY),
        ([5], 8090, "python3", LOCAL),
        ([6], 9000, "php", ANY),
    )
    assert changes(before, after) == [
        Entry("reachable", "3000 node became reachable", 4),
        Entry("opened", "8090 python3 opened", 5),
        Entry("reachable", "9000 php opened, reachable", 6),
        Entry("closed", "7005 redis closed", 2),
    ]


def test_a_program_that_restarted_on_its_port_has_stayed() -> None:
    before = then((80, "nginx", ANY), (80, "nginx", "IPv6 only"))
    assert changes(before, now(([7, 8], 80, "nginx", ANY))) == []


def test_a_service_with_a_socket_more_has_stayed() -> None:
    assert changes(then((80, "nginx", ANY)), now(([2, 1], 80, "renamed", ANY))) == []


def test_a_service_of_two_sockets_closes_once() -> None:
    before = then((80, "nginx", ANY), (80, "nginx", "IPv6 only"))
    assert [each.text for each in changes(before, now())] == ["80 nginx closed"]


def test_what_has_just_closed_is_told_as_closed() -> None:
    before, after = then((80, "nginx", ANY)), now(([1], 80, "nginx", ANY), closed=True)
    assert [each.text for each in changes(before, after)] == ["80 nginx closed"]


def test_what_is_no_longer_reachable_is_not_told() -> None:
    assert changes(then((80, "nginx", ANY)), now(([1], 80, "nginx", LOCAL))) == []


def test_nothing_is_no_entry() -> None:
    assert changes(then(), now()) == []


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
