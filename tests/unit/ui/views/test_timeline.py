"""The timeline, through Streamlit's own test runner, over a real database."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.charts.figure import NOT_WATCHED
from porteye_core.model import Precision
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening, Writer
from porteye_core.ui import context
from porteye_core.ui.timeline_charts import KEPT
from tests.kit.page import choose_range, open_page, switch
from tests.kit.page import texts as marked
from tests.kit.seeding import MINUTE, PLAN, Instant, grow, seed
from tests.kit.stopped import BEGUN, STOPPED, stopped_for_a_minute
from tests.kit.values import HOST, SECOND, endpoint, owned, process


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return timeline(seeded.db, monkeypatch, range="1h")


@pytest.fixture
def empty(db: Path) -> Iterator[Writer]:
    """A watch that has lasted for ten minutes of which nothing is recorded yet."""
    now = pd.Timestamp.now("UTC").value // 1000
    with open_writer(db, HOST, now - 10 * MINUTE) as writer:
        writer.begin_watch(now - 10 * MINUTE, PLAN)
        yield writer


def timeline(db: Path, monkeypatch: pytest.MonkeyPatch, **said: str) -> AppTest:
    page = switch(open_page(db, monkeypatch, said), "timeline")
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    """What the page says, without the backslashes that keep Markdown from reading it."""
    return marked(page).replace("\\", "").replace("\u2060", "")


def charts(page: AppTest) -> dict[str, Any]:
    """The charts by the first word of their titles."""
    titles = [element.value.removeprefix("##### ") for element in page.markdown]
    titles = [
        title for title in titles if title.split()[0] in ("Open", "Opened", "Lives", "Events")
    ]
    specs = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    assert len(titles) == len(specs)
    return {title.split()[0]: spec for title, spec in zip(titles, specs, strict=True)}


def traces(chart: Any, name: str) -> list[Any]:
    return [trace for trace in chart["data"] if trace.get("name") == name]


def test_a_range_is_drawn_in_four_charts_that_have_names(page: AppTest) -> None:
    assert list(charts(page)) == ["Open", "Opened", "Lives", "Events"]
    assert traces(charts(page)["Lives"], "http.server (python)")
    assert "Events per minute" in json.dumps(charts(page)["Opened"]["layout"])
    assert all(chart.proto.alt for chart in page.get("plotly_chart"))
    # A zoom of one chart alone would set them apart.
    assert all(chart["layout"]["xaxis"]["fixedrange"] for chart in charts(page).values())
    assert "5 lives on 4 ports." in texts(page)
    page.text_input(key="port").set_value("1").run()
    assert page.get("plotly_chart") == []
    assert "No listener that the filters let through" in texts(page)


def test_what_lies_before_the_first_watch_is_hatched_and_takes_little_room(page: AppTest) -> None:
    choose_range(page, "30d")
    for chart in charts(page).values():
        (hatched,) = traces(chart, NOT_WATCHED)
        start, end = (pd.Timestamp(edge) for edge in chart["layout"]["xaxis"]["range"])
        assert pd.Timestamp(hatched["x"][0]) == start
        assert pd.Timestamp(hatched["x"][2]) - start < (end - start) / 10


def test_a_chosen_range_is_shown_whole_however_little_of_it_was_watched(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = timeline(seeded.db, monkeypatch, since="2026-01-01T00:00:00Z")
    assert charts(page)["Open"]["layout"]["xaxis"]["range"][0].startswith("2026-01-01T00:00:00")
    assert "Where it is hatched nobody watched" in texts(page)


def test_a_range_that_has_not_begun_says_so(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = timeline(seeded.db, monkeypatch, since="2099-01-01T00:00:00Z")
    assert "This time range has not begun yet." in texts(page)


def test_a_range_without_an_event_has_bars_and_no_map(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = [
        f"{pd.Timestamp(seeded.now - minutes * MINUTE, unit='us'):%Y-%m-%dT%H:%M:%SZ}"
        for minutes in (15, 5)
    ]
    page = timeline(seeded.db, monkeypatch, since=stamps[0], until=stamps[1])
    assert list(charts(page)) == ["Open", "Opened", "Lives"]
    assert "Nothing opened or closed in this time range" in texts(page)


def test_a_monitor_stopped_for_a_minute_is_a_hatched_gap_that_no_life_hides(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_for_a_minute(db)
    stamp = f"{pd.Timestamp(BEGUN, unit='us'):%Y-%m-%dT%H:%M:%SZ}"
    until = f"{pd.Timestamp(BEGUN + 10 * MINUTE, unit='us'):%Y-%m-%dT%H:%M:%SZ}"
    page = timeline(db, monkeypatch, since=stamp, until=until)
    assert "nobody watched: 60 s in all" in texts(page)
    gap = [pd.Timestamp(at, unit="us") for at in (STOPPED, STOPPED + MINUTE)]
    for chart in charts(page).values():
        hatched = chart["data"][-1]  # above what came before it
        assert hatched["name"] == NOT_WATCHED
        assert [pd.Timestamp(hatched["x"][place]) for place in (0, 2)] == gap
    lives = charts(page)["Lives"]
    # postgres was open before and after; python3 was gone when the monitor came back.
    (across,) = traces(lives, "postgres")
    assert decoded(across["x"])[0] > 9 * 60_000
    sharp, soft = traces(lives, "python3")
    assert (
        pd.Timestamp(sharp["base"][0]) + pd.Timedelta(milliseconds=decoded(sharp["x"])[0]) == gap[0]
    )
    assert pd.Timestamp(soft["base"][0]) == gap[0]
    assert decoded(soft["x"]) == [60_000]
    assert soft["marker"]["opacity"] < 1
    assert "nobody watched" in soft["customdata"][0]


def decoded(values: Any) -> list[float]:
    """Numbers as Plotly writes them: a list, or the bytes of an array."""
    if isinstance(values, list):
        return [float(value) for value in values]
    return [
        float(each) for each in np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    ]


def test_more_ports_than_a_reader_takes_in_are_cut_to_the_busiest(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    again = Opening(
        owned(endpoint(9000), process()), at, Precision.KERNEL, (at + SECOND, Precision.KERNEL)
    )
    others = [
        Opening(owned(endpoint(port), process()), at, Precision.KERNEL) for port in range(100, 160)
    ]
    empty.record_changes(at, [again, *others])
    page = timeline(db, monkeypatch, range="1h")
    assert "61 lives on 61 ports. Showing the 50 busiest of 61 ports." in texts(page)
    assert "Showing the 25 busiest of 61 ports" in texts(page)
    rows = charts(page)["Lives"]["layout"]["yaxis"]["ticktext"]
    assert len(rows) == 50
    assert rows[0] == "9000/tcp"  # the only one with two events, and the highest port


def test_a_port_with_too_many_lives_is_drawn_in_stretches_and_says_so(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    busy = owned(endpoint(8000), process(1, name="python3"))
    quiet = owned(endpoint(80), process(2, name="nginx"))
    empty.record_changes(
        at,
        [
            Opening(quiet, at, Precision.KERNEL),
            *(
                Opening(busy, at + step, Precision.KERNEL, (at + step + 1, Precision.KERNEL))
                for step in range(1001)
            ),
        ],
    )
    page = timeline(db, monkeypatch, range="1h")
    assert "1 of them had too many lives to draw one by one" in texts(page)
    (striped,) = traces(charts(page)["Lives"], "python3")
    assert "several lives: 1,001 opened, 1,001 closed" in striped["customdata"][0]
    (alone,) = traces(charts(page)["Lives"], "nginx")
    assert not alone["marker"].get("pattern")


def test_a_count_by_program_says_when_listeners_changed_hands(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    nginx, python = (
        owned(endpoint(80), process(pid, name=name)) for pid, name in ((1, "nginx"), (2, "python3"))
    )
    (born,) = empty.record_changes(at, [Opening(nginx, at, Precision.KERNEL)])
    empty.record_changes(at + MINUTE, reowned=[(born, python)])
    said = "changed hands"
    assert said in texts(timeline(db, monkeypatch, range="1h", process="python3"))
    assert said not in texts(timeline(db, monkeypatch, range="1h"))


def test_charts_are_kept_until_something_happens_in_their_range(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "now", lambda: seeded.now)
    page = timeline(seeded.db, monkeypatch, range="1h")
    first = page.session_state[KEPT]
    assert page.run().session_state[KEPT] is first
    page.text_input(key="port").set_value("80").run()
    narrowed = page.session_state[KEPT]
    assert narrowed is not first
    grow(seeded.db, 1)
    assert page.run().session_state[KEPT] is not narrowed
    assert not page.exception


def test_charts_are_drawn_anew_when_time_has_gone_on(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [seeded.now]
    monkeypatch.setattr(context, "now", lambda: moment[0])
    page = timeline(seeded.db, monkeypatch, range="1h")
    first = page.session_state[KEPT]
    moment[0] += 2 * SECOND
    assert page.run().session_state[KEPT] is not first


def test_that_nobody_watches_any_more_is_drawn(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = pd.Timestamp.now("UTC").value // 1000
    monkeypatch.setattr(context, "now", lambda: now)
    with open_writer(db, HOST, now - 61 * MINUTE) as opened:
        seed(opened, now)
        page = timeline(db, monkeypatch, range="1h")
        watched = page.session_state[KEPT]
    assert page.run().session_state[KEPT] is not watched
