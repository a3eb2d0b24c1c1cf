"""The page, through Streamlit's own test runner, over a real database.

A page without values also raises no exception, so every test asserts values first.
"""

import re
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from porteye_core import dashboard
from porteye_core.store import migrations
from porteye_core.store.sqlite import open_writer
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT
from tests.kit.values import HOST

VIEWS = PROJECT / "porteye_core" / "ui" / "views"


@pytest.fixture(autouse=True)
def fresh_configuration() -> None:
    for cached in (dashboard.config, dashboard.routes, dashboard.middleware):
        cached.cache_clear()


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(seeded.db, monkeypatch)


def open_page(db: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PORTEYE_DB", str(db))
    return AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=30).run()


def switch(page: AppTest, view: str) -> AppTest:
    return page.switch_page(str((VIEWS / f"{view}.py").relative_to(PROJECT))).run()


def table(page: AppTest) -> pd.DataFrame:
    assert not page.exception
    assert len(page.dataframe) == 1
    found: pd.DataFrame = page.dataframe[0].value
    return found


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def texts(page: AppTest) -> str:
    kinds = (page.info, page.warning, page.error, page.caption, page.markdown)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_live_shows_what_listens_and_counts_it(page: AppTest) -> None:
    shown = table(page)
    assert list(shown["port"]) == [53, 80, 5432, 8765]
    assert list(shown["process"])[1:] == ["nginx", "postgres", "python3"]
    assert list(shown["mark"]) == ["", "", "", "● new"]
    assert shown["cpu"].iloc[2] == 12.34
    assert metrics(page) == {
        "Listeners": "4",
        "TCP": "3",
        "UDP": "1",
        "Processes": "3",
        "Clients": "7",
        "New in the last minute": "1",
    }


def test_the_sidebar_says_who_watches_and_with_which_limits(page: AppTest) -> None:
    said = texts(page)
    assert "Watching" in said
    assert "by **portable** every 2 s" in said
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
    monkeypatch.setenv("PORTEYE_DB", str(seeded.db))
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=30)
    page.query_params["port"] = "5432"
    page.query_params["limit"] = "3"
    page.run()
    assert list(table(page)["port"]) == [5432]
    assert page.number_input(key="limit").value == 3


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
    assert "Showing the newest 2 of 6 events." in texts(history)
    assert len(history.get("download_button")) == 1


def test_a_time_range_bounds_the_history(page: AppTest) -> None:
    history = switch(page, "history")
    assert len(table(history)) == 6
    history.selectbox(key="range").set_value("15m").run()
    assert list(table(history)["kind"]) == ["opened"]


def test_activity_draws_three_charts_of_the_range(page: AppTest) -> None:
    activity = switch(page, "activity")
    assert not activity.exception
    charts = activity.get("plotly_chart")
    assert len(charts) == 3
    assert "python3" in charts[2].proto.spec
    assert "Events per minute" in charts[1].proto.spec
    activity.text_input(key="port").set_value("1").run()
    assert activity.get("plotly_chart") == []
    assert "No listener that the filters let through" in texts(activity)


def test_a_timeline_that_is_cut_says_how_many_it_left_out(page: AppTest) -> None:
    page.number_input(key="limit").set_value(2).run()
    assert "Lives, the latest 2 of 5" in texts(switch(page, "activity"))


def test_filters_that_match_nothing_say_so(page: AppTest) -> None:
    page.text_input(key="process").set_value("nothing like it").run()
    assert "Nothing that the filters let through" in texts(page)
    assert "No event that the filters let through" in texts(switch(page, "history"))


def test_a_stopped_monitor_is_said_before_its_last_table(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(abandoned.db, monkeypatch)
    assert "The monitor is not running." in page.warning[0].value
    assert "python monitor_service.py" in page.warning[0].value
    assert len(table(page)) == 4
    assert "Not running" in texts(page)


def test_nothing_new_is_marked_once_the_monitor_has_gone(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(table(open_page(abandoned.db, monkeypatch))["mark"]) == {""}


@pytest.mark.parametrize("view", ["live", "history", "activity"])
def test_without_a_database_every_view_says_what_to_do(
    view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(tmp_path / "absent.db", monkeypatch), view)
    assert "Nothing is recorded yet" in texts(page)
    assert "python monitor_service.py" in texts(page)
    assert not page.exception


def test_a_monitor_that_has_not_looked_yet_is_said_to_start(
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
    assert said in texts(page)
    assert not page.exception


def test_a_custom_range_stands_in_the_url_in_utc(page: AppTest) -> None:
    history = switch(page, "history")
    history.selectbox(key="range").set_value("custom").run()
    assert len(table(history)) >= 5
    for name in ("since", "until"):
        assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(history.query_params[name]))
