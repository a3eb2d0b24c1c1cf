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
from porteye_core.charts.lives import LOCAL
from porteye_core.model import Precision
from porteye_core.store.reading import Grouping
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening, Writer
from porteye_core.system.local_ports import ephemeral_ports
from porteye_core.ui import context
from porteye_core.ui.further_charts import Further
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


def chart(page: AppTest, number: int = 0) -> Any:
    """The figure, or a further chart below it."""
    return json.loads(page.get("plotly_chart")[number].proto.spec)


def traces(found: Any, name: str) -> list[Any]:
    return [trace for trace in found["data"] if trace.get("name") == name]


def rows(page: AppTest) -> list[str]:
    """The labels of the figure's rows, from above."""
    return list(chart(page)["layout"]["yaxis2"]["ticktext"])


def choose(page: AppTest, key: str, label: str) -> None:
    """Press one of the choices of a segmented control."""
    (control,) = [each for each in page.segmented_control if each.key == key]
    control.set_value(label).run()
    assert not page.exception


@pytest.fixture
def day(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A range that began before anybody watched."""
    return timeline(seeded.db, monkeypatch, range="24h")


def test_a_range_is_one_figure_with_a_name_and_words(day: AppTest) -> None:
    page = day
    assert len(page.get("plotly_chart")) == 1
    assert rows(page) == [
        "80 nginx",
        "53 still searched for (udp)",
        "5432 postgres",
        "8765 http.server (python)",
    ]
    alt = page.get("plotly_chart")[0].proto.alt
    assert "Bars of when listeners were open in 4 rows: 80 nginx" in alt
    assert "2 opened, 1 closed, 3 already there" in alt
    assert "4 ports, 2 opened, 1 closed, 3 already there." in texts(page)
    # A zoom of the figure alone would set it apart from what is below it.
    assert chart(page)["layout"]["xaxis"]["fixedrange"]
    page.text_input(key="port").set_value("1").run()
    assert page.get("plotly_chart") == []
    assert "No listener that was open in this time range matches the filters" in texts(page)


def test_what_was_there_when_the_watch_began_is_no_opening(day: AppTest) -> None:
    (opened,) = traces(chart(day), "opened")
    (there,) = traces(chart(day), "already there")
    assert sum(decoded(opened["y"])) == 2
    assert there["text"] == ["3 already there"]


@pytest.mark.parametrize("name", [each.value for each in Further])
def test_a_further_chart_is_drawn_where_it_is_asked_for(page: AppTest, name: str) -> None:
    choose(page, "timeline_further", name)
    assert not page.exception
    assert len(page.get("plotly_chart")) == 2
    assert page.get("plotly_chart")[1].proto.alt
    if name == Further.REACHABLE:
        (line,) = traces(chart(page, 1), "reachable from the network")
        assert decoded(line["y"]) == [1, 1]
        assert "1 reachable at the end" in texts(page)
    if name == Further.ACTIVITY:
        assert chart(page, 1)["layout"]["yaxis"]["ticktext"][0] == "8765/tcp"


def test_rows_stand_for_programs_or_exposures_where_that_is_asked_for(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    places = [endpoint(80, address="0.0.0.0"), endpoint(443, address="0.0.0.0"), endpoint(5432)]
    names = ["nginx", "nginx", "postgres"]
    openings = [
        Opening(owned(place, process(10 + names.index(name), name=name)), at, Precision.KERNEL)
        for place, name in zip(places, names, strict=True)
    ]
    empty.record_changes(at, openings)
    page = timeline(db, monkeypatch, range="1h")
    assert rows(page) == ["80 nginx", "443 nginx", "5432 postgres"]
    choose(page, "timeline_by", Grouping.PROGRAM)
    assert rows(page) == ["nginx: 2 ports", "5432 postgres"]
    choose(page, "timeline_by", Grouping.EXPOSURE)
    assert rows(page) == ["any network: 2 ports", "local only: 1 port"]


def test_ephemeral_ports_are_one_row_for_each_program_until_they_are_asked_for(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = ephemeral_ports()
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    node = process(1, name="node")
    ports = [80, first, first + 1, last]
    empty.record_changes(
        at, [Opening(owned(endpoint(port), node), at, Precision.KERNEL) for port in ports]
    )
    page = timeline(db, monkeypatch, range="1h")
    assert rows(page) == ["80 node", "node: 3 ephemeral ports"]
    assert "4 ports, 4 opened" in texts(page)
    page.toggle(key="timeline_unfolded").set_value(True).run()
    assert rows(page) == [f"{port} node" for port in ports]
    page.toggle(key="timeline_unfolded").set_value(False).run()
    # A port that is asked for by number is shown.
    page.text_input(key="port").set_value(f"{first}-{first + 1}").run()
    assert rows(page) == [f"{port} node" for port in ports[1:3]]


def test_what_lies_before_the_first_watch_is_hatched_and_takes_little_room(page: AppTest) -> None:
    choose_range(page, "30d")
    for hatched in traces(chart(page), NOT_WATCHED):
        start, end = (pd.Timestamp(edge) for edge in chart(page)["layout"]["xaxis"]["range"])
        assert pd.Timestamp(hatched["x"][0]) == start
        assert pd.Timestamp(hatched["x"][2]) - start < (end - start) / 10


def test_a_chosen_range_is_shown_whole_however_little_of_it_was_watched(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = timeline(seeded.db, monkeypatch, since="2026-01-01T00:00:00Z")
    assert chart(page)["layout"]["xaxis"]["range"][0].startswith("2026-01-01T00:00:00")
    assert "Hatched: nobody watched" in texts(page)


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
    assert len(rows(page)) == 3
    choose(page, "timeline_further", Further.ACTIVITY)
    assert len(page.get("plotly_chart")) == 1
    assert "Nothing opened or closed in this time range" in texts(page)


def test_a_monitor_stopped_for_a_minute_is_a_hatched_gap_that_no_life_hides(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_for_a_minute(db)
    stamp = f"{pd.Timestamp(BEGUN, unit='us'):%Y-%m-%dT%H:%M:%SZ}"
    until = f"{pd.Timestamp(BEGUN + 10 * MINUTE, unit='us'):%Y-%m-%dT%H:%M:%SZ}"
    page = timeline(db, monkeypatch, since=stamp, until=until)
    assert "Hatched: nobody watched, 60 s in all." in texts(page)
    gap = [pd.Timestamp(at, unit="us") for at in (STOPPED, STOPPED + MINUTE)]
    for hatched in chart(page)["data"][-2:]:  # above what came before it
        assert hatched["name"] == NOT_WATCHED
        assert [pd.Timestamp(hatched["x"][place]) for place in (0, 2)] == gap
    sharp, soft = traces(chart(page), LOCAL)
    of_rows = dict(zip(decoded(sharp["y"]), decoded(sharp["x"]), strict=True))
    # postgres was open before and after; python3 was gone when the monitor came back.
    postgres, python = (
        len(rows(page)) + 1 - 1 - rows(page).index(label)
        for label in ("5432 postgres", "8000 python3")
    )
    assert of_rows[postgres] > 9 * 60_000
    assert pd.Timestamp(soft["base"][0]) == gap[0]
    assert decoded(soft["x"]) == [60_000]
    assert decoded(soft["y"]) == [python]
    assert soft["marker"]["opacity"] < 1
    assert "nobody watched" in soft["customdata"][0]


def decoded(values: Any) -> list[float]:
    """Numbers as Plotly writes them: a list, or the bytes of an array."""
    if isinstance(values, list):
        return [float(value) for value in values]
    return [
        float(each) for each in np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    ]


def test_more_rows_than_one_screen_are_told_and_shown_on_request(
    empty: Writer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp.now("UTC").value // 1000 - 5 * MINUTE
    ports = range(100, 160)
    opened = [Opening(owned(endpoint(port), process()), at, Precision.KERNEL) for port in ports]
    empty.record_changes(at, opened)
    page = timeline(db, monkeypatch, range="1h")
    assert len(rows(page)) == 20
    assert "Left out: 40 ports." in texts(page)
    press(page, "Show more")
    assert len(rows(page)) == 50
    assert "Left out: 10 ports." in texts(page)
    press(page, "Show more")
    assert len(rows(page)) == 60
    assert "Left out" not in texts(page)
    press(page, "Show fewer")
    assert len(rows(page)) == 20


def press(page: AppTest, label: str) -> None:
    (button,) = [each for each in page.button if each.label == label]
    button.click().run()
    assert not page.exception


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
    assert "1 port too busy for single bars" in texts(page)
    alone, striped = traces(chart(page), LOCAL)
    assert "several lives: 1,001 opened, 1,001 closed" in striped["customdata"][0]
    assert "nginx" in alone["customdata"][0]
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
