"""The page, through Streamlit's own test runner, over a real database.

A page without values also raises no exception, so every test asserts values first.
"""

import json
import re
import sqlite3
import time
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from porteye_core import config
from porteye_core.filters import MAX_RECORDS
from porteye_core.store.file import migrations
from porteye_core.store.writing.startup import open_writer
from porteye_core.ui import time_range
from porteye_core.ui.context import View
from porteye_core.ui.markdown import code, literal
from porteye_core.ui.now_table import widths
from tests.kit.page import (
    address,
    choose_range,
    filters_of_now,
    html,
    open_page,
    switch,
    table,
    texts,
)
from tests.kit.seeding import Instant
from tests.kit.values import HOST


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(seeded.db, monkeypatch)


def test_live_shows_what_listens_and_counts_it(page: AppTest) -> None:
    shown = table(page)
    assert list(shown["port"]) == [53, 80, 5432, 8765]
    assert list(shown["program"])[1:] == ["nginx", "postgres", "http.server (python)"]
    assert [list(each) for each in shown["state"]] == [[], [], [], ["new"]]
    assert [list(each) for each in shown["exposure"]] == [
        ["this machine only"],
        ["every interface"],
        ["this machine only"],
        ["this machine only"],
    ]
    assert shown["cpu"].iloc[2] == 12.3
    assert filters_of_now(page) == [
        "All 4",
        "Reachable 1",
        "Local 3",
        "Opened today 1",
        "Clients waiting 0",
    ]


def test_the_sidebar_says_who_watches_and_with_which_limits(page: AppTest) -> None:
    said = texts(page)
    assert "Watching" in said
    assert "by <strong>psutil every 2 s</strong>" in html(page)
    assert "Listeners are seen by polling." in said
    assert "1 listener has no known owner" in said


def test_filters_narrow_the_table(page: AppTest) -> None:
    page.text_input(key="port").set_value("80, 5000-6000").run()
    assert list(table(page)["port"]) == [80, 5432]
    page.text_input(key="process").set_value("NGINX").run()
    assert list(table(page)["port"]) == [80]
    page.text_input(key="process").set_value("").run()
    page.text_input(key="port").set_value("").run()
    page.selectbox(key="protocol").set_value("udp").run()
    assert list(table(page)["port"]) == [53]


def test_a_wrong_filter_gets_a_message_and_changes_nothing(page: AppTest) -> None:
    page.text_input(key="port").set_value("80").run()
    page.text_input(key="port").set_value("eighty").run()
    assert "“eighty” is not a port." in page.error[0].value
    assert list(table(page)["port"]) == [80]


def test_the_url_carries_the_filters(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"port": "5432", "limit": "3", "range": "1h", "protocol": "tcp", "process": "post"}
    page = open_page(seeded.db, monkeypatch, said)
    assert list(table(page)["port"]) == [5432]
    assert page.number_input(key="limit").value == 3
    assert page.session_state["range"] == "1h"
    assert page.selectbox(key="protocol").value == "tcp"
    assert address(page) == said
    page.selectbox(key="protocol").set_value("all").run()
    choose_range(switch(page, "history"), "7d")
    assert address(page) == {"port": "5432", "limit": "3", "range": "7d", "process": "post"}


WRONG = [
    ("range", "bogus", "“bogus” is not a range."),
    ("range", "Last hour", "“Last hour” is not a range."),
    ("protocol", "sctp", "“sctp” is not a protocol."),
    ("limit", "99999", "“99999” is not a number of records."),
    ("limit", "-1", "“-1” is not a number of records."),
    ("since", "garbage", "“garbage” is not a time."),
    ("since", "0001-01-01T00:00:00Z", "“0001-01-01T00:00:00Z” is out of range."),
    ("until", "9999-12-31T23:59:59Z", "“9999-12-31T23:59:59Z” is out of range."),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_in_the_url_is_said_and_leaves_the_default(
    name: str, value: str, said: str, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {name: value})
    assert len(table(page)) == 4
    assert [error.value for error in page.sidebar.error] == [
        error.value for error in page.main.error
    ]
    assert len(page.sidebar.error) == 1
    assert literal(said) in page.error[0].value
    assert value not in address(page).values()
    assert len(page.run().sidebar.error) == 1  # until the field is changed
    if name == "protocol":
        assert not page.selectbox(key=name).set_value("udp").run().error
    if name == "range":
        assert not choose_range(switch(page, "history"), "1h").error


def test_ends_of_a_range_in_the_url_are_kept_to_the_second(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"range": "custom", "since": "1970-01-01T00:00:01Z", "until": "2100-12-31T23:59:59Z"}
    page = open_page(seeded.db, monkeypatch, said)
    assert not page.exception
    assert address(page) == said
    assert len(table(switch(page, "history"))) == 6
    ends_alone = {"until": "2001-01-01T00:00:00Z"}
    page = open_page(seeded.db, monkeypatch, ends_alone)
    assert page.session_state["range"] == "custom"
    for view in ("history", "timeline"):
        assert not switch(page, view).exception
    assert "No listener that was open in this time range matches the filters" in texts(page)


def test_a_range_up_to_now_ends_whenever_it_is_asked_for(page: AppTest) -> None:
    choose_range(switch(page, "history"), "1h")
    view = page.session_state["view"]
    assert view.filters.since is None
    assert view.filters_at(10**15).since == 10**15 - 60 * 60 * 10**6
    assert View(view.db, view.filters).filters_at(10**15).since is None


HOSTILE = "![](http://evil.invalid/a.png) :red[x] :material/home: $a$ www.evil.invalid `x` <b>"


def test_what_is_quoted_is_never_markup(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page(seeded.db, monkeypatch, {"port": HOSTILE, "protocol": HOSTILE})
    said = [error.value for error in page.sidebar.error]
    assert len(said) == 2
    for text in said:
        assert "\\!\\[\\]\\(http\\:\u2060//evil" in text
        assert "![](" not in text
    shown = literal(HOSTILE)
    assert ":red[" not in shown
    assert ":material" not in shown
    assert not re.search(r"(?<!\\)[$`<\[!(]", shown)
    assert "www.evil" not in shown
    assert re.sub(r"\\(.)|\u2060", r"\1", shown) == HOSTILE
    assert literal("a\n# b") == "a \\# b"
    assert code("a`b") == "``a`b``"


def test_a_database_that_cannot_be_read_is_said_literally_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "![x](y) *db*"
    broken.write_text("no database, and long enough to be taken for one" * 100)
    page = open_page(broken, monkeypatch)
    assert texts(page).count(literal(broken)) == 2
    assert "Nobody has watched yet" not in texts(page)
    assert not switch(page, "history").get("link_button")


def test_the_columns_that_matter_fit_a_window_of_1280_pixels(page: AppTest) -> None:
    columns = json.loads(page.dataframe[0].proto.columns)
    # A row that has just opened brings the column that says so.
    order = [each for each in page.dataframe[0].proto.column_order if each != "state"]
    asked = [
        *("port", "open", "protocol", "program", "exposure", "address", "user"),
        *("clients", "cpu", "memory", "up"),
    ]
    assert order[: len(asked)] == asked
    assert sum(columns[name]["width"] for name in asked) <= 1008
    assert sum(widths(["state", "waiting", "home", *asked]).values()) <= 1008


def test_a_phone_gets_port_program_and_exposure_first(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContextProxy, "headers", {"User-Agent": "X (Linux; Android) Mobile"})
    page = open_page(seeded.db, monkeypatch)
    assert list(page.dataframe[0].proto.column_order)[:3] == ["port", "program", "exposure"]


def test_tables_and_charts_have_a_name_for_those_who_do_not_see_them(page: AppTest) -> None:
    assert page.dataframe[0].proto.alt == "What listens now"
    assert switch(page, "history").dataframe[0].proto.alt == "Events, the newest first"
    charts = switch(page, "timeline").get("plotly_chart")
    assert "in 4 rows: 80 nginx" in charts[0].proto.alt
    assert all(chart.proto.alt for chart in charts)


def test_filters_survive_a_change_of_view(page: AppTest) -> None:
    page.text_input(key="port").set_value("8765").run()
    history = switch(page, "history")
    assert list(table(history)["kind"]) == ["opened", "closed", "opened"]
    assert set(table(history)["port"]) == {8765}
    assert "Showing the newest 3 of 3 events." in texts(history)


def test_history_is_newest_first_and_as_long_as_asked(page: AppTest) -> None:
    page.number_input(key="limit").set_value(2).run()
    history = switch(page, "history")
    assert list(table(history)["kind"]) == ["opened", "closed"]
    history.number_input(key="limit").set_value(MAX_RECORDS + 1).run()
    assert f"“{MAX_RECORDS + 1}” is not a number of records." in history.error[0].value
    assert literal(f"Use 1 to {MAX_RECORDS}.") in history.error[0].value
    assert len(table(history)) == 2
    assert address(history) == {"limit": "2"}
    assert "Showing the newest 2 of 6 events." in texts(history)
    assert [each.proto.label for each in history.get("link_button")] == [
        "Download CSV (6 events)",
        "JSON",
    ]


def test_a_time_range_bounds_the_history(page: AppTest) -> None:
    history = switch(page, "history")
    assert len(table(history)) == 6
    now = time.time_ns() // 1000
    recent = time_range.stamp(now - 10 * 60 * 1_000_000), time_range.stamp(now)
    history.query_params["since"], history.query_params["until"] = recent
    assert list(table(history.run())["kind"]) == ["opened"]


def test_filters_that_match_nothing_say_so(page: AppTest) -> None:
    page.text_input(key="process").set_value("nothing like it").run()
    assert "No listener matches the filters." in texts(page)
    assert "No event in this time range matches the filters" in texts(switch(page, "history"))


def test_a_stopped_monitor_is_said_before_its_last_table(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(abandoned.db, monkeypatch)
    assert "The monitor ended abruptly" in page.warning[0].value
    assert [each.value for each in page.code] == [config.monitor_command(abandoned.db)]
    assert len(table(page)) == 4
    assert "Not running" in texts(page)


def test_nothing_new_is_marked_once_the_monitor_has_gone(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "state" not in table(open_page(abandoned.db, monkeypatch))


@pytest.mark.parametrize("view", ["now", "listener", "history", "timeline"])
def test_without_a_database_every_view_says_what_to_do(
    view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = tmp_path / "absent.db"
    page = switch(open_page(absent, monkeypatch), view)
    assert "Nothing is recorded yet" in texts(page)
    assert [each.value for each in page.code] == [config.monitor_command(absent)]
    assert not page.exception
    assert not page.get("link_button")


def test_a_monitor_that_has_not_scanned_yet_is_said_to_start(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(db, HOST, 1):
        assert "The monitor is starting" in texts(open_page(db, monkeypatch))


@pytest.mark.parametrize(
    ("version", "said"),
    [(0, "Start the monitor once"), (len(migrations.STEPS) + 1, "Update PortEye")],
)
def test_another_schema_is_said_with_what_to_do(
    version: int, said: str, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sqlite3.connect(db)
    made.execute("CREATE TABLE something (x)")
    made.execute(f"PRAGMA user_version = {version}")
    made.close()
    page = open_page(db, monkeypatch)
    assert texts(page).count(said) == 2  # in the view and in the sidebar
    assert "Nobody has watched yet" not in texts(page)
    assert not page.exception
    assert not switch(page, "history").get("link_button")


def test_a_custom_range_stands_in_the_url_in_utc(page: AppTest) -> None:
    history = switch(page, "history")
    choose_range(history, "custom")
    assert len(table(history)) >= 5
    for name in ("since", "until"):
        assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(history.query_params[name]))
