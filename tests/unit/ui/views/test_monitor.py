"""What the page says of its monitor, in each of its states, over a real database."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.config import monitor_command
from porteye_core.model import Limitation, Tick, WatchPlan
from porteye_core.restarts import Restart
from porteye_core.store.writing.startup import open_writer
from porteye_core.web import server
from tests.kit.page import (
    VIEWS,
    html,
    metrics,
    open_page,
    switch,
    texts,
)
from tests.kit.seeding import MINUTE, PLAN, Instant, seed
from tests.kit.values import HOST, SECOND

ALL = sorted(path.stem for path in VIEWS.glob("*.py") if path.stem != "__init__")
Make = Callable[[Path], AbstractContextManager[object]]


def ago(micros: int) -> int:
    return time.time_ns() // 1000 - micros


def stopped(db: Path) -> AbstractContextManager[object]:
    with open_writer(db, HOST, ago(61 * MINUTE)) as writer:
        seed(writer, ago(2 * MINUTE))
        writer.end_watch(ago(MINUTE))
    return nullcontext()


def killed(db: Path) -> AbstractContextManager[object]:
    with open_writer(db, HOST, ago(61 * MINUTE)) as writer:
        seed(writer, ago(MINUTE))
    return nullcontext()


@contextmanager
def stalled(db: Path) -> Iterator[object]:
    with open_writer(db, HOST, ago(65 * MINUTE)) as writer:
        seed(writer, ago(3 * MINUTE))
        yield writer


@contextmanager
def holding(db: Path) -> Iterator[object]:
    with open_writer(db, HOST, ago(65 * MINUTE)) as writer:
        seed(writer, ago(MINUTE))
        other = sqlite3.connect(db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writer.record_changes(ago(0))
        yield writer
        other.close()


def never(db: Path) -> AbstractContextManager[object]:
    with open_writer(db, HOST, ago(MINUTE)):
        return nullcontext()


def absent(db: Path) -> AbstractContextManager[object]:
    return nullcontext(db)


def starting(db: Path) -> AbstractContextManager[object]:
    return open_writer(db, HOST, ago(0))


def unreadable(db: Path) -> AbstractContextManager[object]:
    db.write_text("no database, and long enough to be taken for one" * 100)
    return nullcontext()


STATES = [
    (stopped, "**The monitor was stopped** today", ""),
    (
        killed,
        "**The monitor ended abruptly** ",
        "",
    ),
    (stalled, "**The monitor cannot scan:** it runs", "end it and start it again."),
    (holding, "**The monitor cannot write**", "database is locked"),
    (never, "**No monitor has watched yet:** nothing is recorded.", ""),
    (absent, "**No monitor has watched yet:** nothing is recorded.", ""),
    (starting, "**The monitor is starting:**", "the first scan is a moment away."),
    (unreadable, "**The database cannot be shown.**", "It must be a PortEye database"),
]


def above(page: AppTest) -> str:
    """What stands before the view: the banner is the first in the main area."""
    first = (page.main.warning or page.main.info)[0]
    assert first.icon
    return str(first.value)


def commands(page: AppTest) -> list[str]:
    """What stands ready to be copied."""
    return [each.value for each in page.code]


@pytest.mark.parametrize("view", ALL)
@pytest.mark.parametrize(("make", "said", "advice"), STATES, ids=lambda each: str(each)[:20])
def test_every_view_says_first_that_nobody_watches_and_what_to_do(
    make: Make, said: str, advice: str, view: str, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make(db):
        page = switch(open_page(db, monkeypatch), view)
        assert not page.exception
        assert said in above(page)
        assert advice in above(page)
        if not advice:
            assert monitor_command(db) in commands(page)
            assert "monitor_service.py" not in above(page)


def test_a_monitor_that_is_about_to_be_replaced_is_said_with_the_time(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed(db):
        page = open_page(db, monkeypatch)
        restarts = server.restarts()
        for tries, advised in ((1, False), (9, True)):
            at = time.time_ns() // 1000 + MINUTE
            monkeypatch.setattr(restarts, "pending", Restart("It was killed.", tries, at))
            page.run()
            for said in (above(page), " ".join(each.value for each in page.sidebar.caption)):
                assert "It was killed. This dashboard starts another in " in said.replace("\\", "")
            assert bool(commands(page)) is advised
            page.button(key="start_monitor").click().run()
            assert restarts.is_asked


@pytest.mark.parametrize("view", ALL)
def test_while_somebody_watches_nothing_stands_above_a_view(
    view: str, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(seeded.db, monkeypatch), view)
    assert "Watching" in texts(page)
    assert not page.main.warning
    assert not page.main.error


def test_a_time_is_the_viewers_with_utc_behind_it(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "streamlit.runtime.context.ContextProxy.timezone", property(lambda _: "Asia/Tokyo")
    )
    page = open_page(abandoned.db, monkeypatch)
    seen = html(page)
    assert "It was last seen" in seen
    assert 'title="' in seen
    assert ' UTC">' in seen
    assert " JST</time>" in seen
    tokyo = datetime.fromtimestamp(abandoned.now / 1e6, ZoneInfo("Asia/Tokyo"))
    assert f"{tokyo:%H:%M}" in above(page).replace("\\", "").replace("\u2060", "")


def test_the_monitor_view_has_numbers_watches_and_gaps(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(db, HOST, ago(90 * MINUTE)) as writer:
        writer.begin_watch(ago(90 * MINUTE), PLAN)
        writer.end_watch(ago(70 * MINUTE))
    with open_writer(db, HOST, ago(61 * MINUTE)) as writer:
        now = ago(0)
        seed(writer, now)
        tick = Tick(now, now, 1, 0, 4000, 0, lost=5, cpu=12, rss=20 << 20, size=3 << 20)
        writer.record_tick(tick, [])
        page = switch(open_page(db, monkeypatch), "monitor")
        assert not page.exception
        gaps, lost, watches = (each.value for each in page.dataframe)
        assert list(watches["ended"]) == ["running", "stopped"]
        assert list(watches["how long"]) == ["1 h", "20 min"]
        assert list(gaps["reason"]) == ["the monitor was stopped"]
        assert list(lost["lost"]) == [5]
        numbers = metrics(page)
        assert list(numbers)[:4] == ["Coverage", "Not watched", "Gaps", "Kernel events lost"]
        assert list(numbers.values())[:4] == ["88.9 %", "10 min", "1", "5"]
        assert (numbers["CPU, % of one core"], numbers["Memory"]) == ("0.12 %", "20 MiB")
        assert numbers["Database"] == "3.0 MiB"
        assert len(page.get("plotly_chart")) == 4
        assert all(chart.proto.alt for chart in page.get("plotly_chart"))
        assert "By **psutil every 2 s**" in texts(page)
        assert "PortEye did not watch 10 min, in one gap" in texts(page).replace("\\", "")
        assert "Listeners are seen by polling." in texts(page)


def test_a_monitor_without_limits_or_losses_says_so(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(db, HOST, ago(2 * MINUTE)) as writer:
        writer.begin_watch(ago(MINUTE), replace(PLAN, limitations=(), why="It is the only one."))
        writer.record_tick(Tick(ago(0), 1, 0, 0, 900, 0), [])
        said = texts(switch(open_page(db, monkeypatch), "monitor"))
    assert "It is the only one." in said
    assert "It knows of nothing that it cannot see." in said
    assert "A monitor watched all the time." in said
    assert "No kernel event was lost." in said
    assert said.count("Not recorded in this time range.") == 3


@pytest.mark.parametrize("view", ["now", "monitor"])
def test_namespaces_that_were_left_out_are_said_with_how_long(
    db: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    with open_writer(db, HOST, ago(2 * MINUTE)) as writer:
        writer.begin_watch(ago(MINUTE), replace(PLAN, limitations=()))
        late = Tick(ago(0), 1, 0, 0, 900, 0, left_out=3, left_out_us=21_500_000)
        writer.record_tick(late, [])
        said = texts(switch(open_page(db, monkeypatch), view))
    assert "3 network namespaces were not scanned at the latest sample" in said
    assert "The longest wait is 22 s." in said
    assert "It knows of nothing that it cannot see." not in said


def test_hints_of_limits_are_quoted_literally(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limitation("x", "*Owners* <b>hidden</b>", "Run: sudo `x`")
    with open_writer(db, HOST, ago(2 * MINUTE)) as writer:
        writer.begin_watch(ago(MINUTE), WatchPlan("portable", SECOND, 10 * SECOND, (limit,)))
        writer.record_tick(Tick(ago(0), 1, 0, 0, 900, 0), [])
        page = switch(open_page(db, monkeypatch), "monitor")
    assert "\\*Owners\\* \\<b\\>hidden" in texts(page)
    assert commands(page) == ["sudo `x`", "sudo `x`"]  # in the sidebar and in the view


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z", "Nothing was watched in this time range."),
        ("2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z", "Nothing was watched in this time range."),
    ],
)
def test_a_range_without_a_watch_says_so(
    since: str, until: str, said: str, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {"since": since, "until": until})
    assert said in texts(switch(page, "monitor"))
