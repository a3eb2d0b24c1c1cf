"""Rows of the History: words, and runs of flapping as one."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from porteye_core.ui.event_rows import Rows, kinds, precisions, rows

SECOND = 1_000_000


def events(*lives: tuple[int, int, int], process: str = "node") -> pd.DataFrame:
    """The events of lives (port, opened, closed; in seconds), newest first."""
    found: list[dict[str, Any]] = []
    for listener, (port, opened, closed) in enumerate(lives):
        found += [
            {"at": at, "kind": kind, "port": port, "listener": listener}
            for at, kind in ((opened, "opened"), (closed, "closed"))
        ]
    frame = pd.DataFrame(found).sort_values("at", kind="stable", ignore_index=True)
    frame["id"] = range(1, len(frame) + 1)
    frame["at"] = (frame["at"] * SECOND).astype("datetime64[us]").dt.tz_localize("UTC")
    frame["seen"], frame["is_first"] = "kernel", False
    frame["protocol"], frame["process"] = "tcp", process
    return frame.iloc[::-1].reset_index(drop=True)


def flapping(count: int, port: int = 9229, first: int = 0) -> list[tuple[int, int, int]]:
    return [(port, first + 10 * each, first + 10 * each + 2) for each in range(count)]


def made(found: pd.DataFrame, limit: int = 100, **options: Any) -> Rows:
    page = rows(found, limit, **options)
    assert page is not None
    return page


def test_a_run_of_openings_is_one_line() -> None:
    page = made(events(*flapping(240), (80, 5, 4000)))
    assert page.frame["kind"].tolist() == ["closed", "▸ 240 openings, each about 2 s", "opened"]
    assert (page.events, page.first, page.last, page.is_cut) == (482, 1, 482, False)


def test_a_few_openings_and_openings_far_apart_are_told_one_by_one() -> None:
    assert len(made(events(*flapping(2))).frame) == 4
    far = [(9229, 400 * each, 400 * each + 1) for each in range(5)]
    assert len(made(events(*far)).frame) == 10


def test_a_run_is_of_one_port_and_one_program() -> None:
    page = made(events(*flapping(5, 1), *flapping(5, 2)))
    assert page.frame["kind"].tolist() == ["▸ 5 openings, each about 2 s"] * 2
    assert page.frame["run"].nunique() == 2


def test_a_run_is_unfolded() -> None:
    found = events(*flapping(5))
    (run,) = made(found).frame["run"]
    assert made(found, unfolded={run}).frame["kind"].tolist() == ["closed", "opened"] * 5


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("end", ["newest", "oldest"])
def test_pages_have_every_event_once_whatever_folds(limit: int, end: str) -> None:
    lives = [*flapping(8), (80, 1, 70), (443, 33, 3000), *flapping(4, 5000, 900), (22, 910, 911)]
    left = events(*lives)
    seen = 0
    while len(left):
        page = made(left, limit, from_oldest=end == "oldest")
        assert len(page.frame) <= limit
        assert page.frame["id"].is_monotonic_decreasing
        kept = left["id"].between(page.first, page.last)
        assert kept.sum() == page.events
        assert page.is_cut == (page.events < len(left))
        seen += page.events
        left = left[~kept].reset_index(drop=True)
    assert seen == 2 * len(lives)


def test_without_events_there_is_no_page() -> None:
    assert rows(events((80, 1, 2)).head(0), 10) is None


def test_precision_and_kind_are_told_in_words() -> None:
    found = events((1, 1, 2), (2, 3, 4)).iloc[::-1].reset_index(drop=True)
    found["seen"] = ["gap", "kernel", "poll", "gap"]
    found["is_first"] = [True, False, False, False]
    assert kinds(found) == ["already there", "closed", "opened", "closed"]
    asked: list[int] = []

    def interval(at: int) -> int:
        asked.append(at)
        return 250_000

    assert precisions(found, interval) == [
        "before watching began", "exact", "within 0.25 s", "while nobody watched",
    ]  # fmt: skip
    assert asked == [3 * SECOND]


@pytest.mark.parametrize(
    ("lives", "said"),
    [
        ([(1, each, each) for each in range(3)], "▸ 3 openings, each about 1 ms"),
        ([(1, 200 * each, 200 * each + 90) for each in range(3)], "▸ 3 openings, each about 2 min"),
    ],
)
def test_the_length_of_a_life_has_one_unit(
    lives: Sequence[tuple[int, int, int]], said: str
) -> None:
    assert made(events(*lives)).frame["kind"].tolist() == [said]


def test_a_run_of_closings_alone_is_told_as_closings() -> None:
    found = events(*flapping(8))
    page = made(found[found["kind"] == "closed"].reset_index(drop=True))
    assert page.frame["kind"].tolist() == ["▸ 8 closings"]
