"""The view Alerts, through Streamlit's own test runner."""

import os
import stat
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from porteye_core.alerts import settings
from porteye_core.alerts.receivers.kinds import Command
from porteye_core.store.alerts import (
    Matcher,
    Quiet,
    add_finding,
    beside,
    latest_tests,
    open_to_read,
    set_quiet,
    set_receivers,
    silences,
    writing,
)
from porteye_core.store.file.lock import WriterLock, path_of
from tests.kit.alerts import HOOK, WIDER, fill
from tests.kit.page import address, open_page, switch, texts
from tests.kit.seeding import Instant
from tests.kit.service import environment


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runner has no address of a visitor."""
    monkeypatch.setattr(ContextProxy, "ip_address", None)


@pytest.fixture
def empty(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return switch(open_page(seeded.db, monkeypatch), "alerts")


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    fill(beside(seeded.db), seeded.now)
    return switch(open_page(seeded.db, monkeypatch), "alerts")


def said(page: AppTest) -> str:
    assert not page.exception
    return texts(page).replace("\\", "").replace("\u2060", "")


def press(page: AppTest, label: str, place: int = 0) -> AppTest:
    return [each for each in page.button if each.label == label][place].click().run()


def fields_of_silence(page: AppTest) -> dict[str, TextInput]:
    """The fields of the form, beside those of the sidebar."""
    of = (each for each in page.text_input if str(each.key).startswith("silence_"))
    return {each.label: each for each in of}


def test_with_nothing_to_tell_it_says_how_to_begin(empty: AppTest, seeded: Instant) -> None:
    assert "Nobody is told yet" in said(empty)
    assert "Nothing that an alerts process has found is open." in said(empty)
    assert "No message was sent yet." in said(empty)
    assert empty.code[0].value.endswith(f"alerts --db {seeded.db}")
    assert not empty.dataframe


def test_what_is_open_and_what_was_told_stands_in_tables(page: AppTest, seeded: Instant) -> None:
    assert not page.exception
    findings, failures, messages = (each.value for each in page.dataframe)
    assert findings["verdict"].tolist() == [["wider"]]
    assert findings["why"].tolist() == ["line 5 expects it from this mac…"]
    assert failures["error"].tolist() == ["451 4.7.1 Try again later"]
    assert failures["tries"].tolist() == [4]
    assert messages["receiver"].tolist() == ["ops", "me"]
    assert messages["title"].tolist()[0] == "here: 80/tcp nginx is *wider*"
    assert messages["delivery"].tolist()[0].startswith("sent ")
    assert messages["delivery"].tolist()[1].startswith("next try ")
    assert "No alerts process runs" in page.warning[0].value


def test_what_was_brief_stands_apart_from_what_is_open(page: AppTest, seeded: Instant) -> None:
    brief = replace(WIDER, key="brief", kind="brief", verdict="brief", why="gone", brief_count=3)
    with writing(beside(seeded.db)) as connection:
        add_finding(connection, replace(brief, at=seeded.now, found_at=seeded.now))
    page.run()
    assert not page.exception
    assert "Open: 1" in [each.value for each in page.subheader]
    assert "1 for the daily digest: open for a moment" in [each.label for each in page.expander]
    assert page.dataframe[1].value["why"].tolist() == ["3 times; gone"]


def test_the_column_told_says_who_is_not_told(page: AppTest, seeded: Instant) -> None:
    mild = replace(HOOK, name="pager", least="owner")
    with writing(beside(seeded.db)) as connection:
        for verdict in ("new", "owner"):
            found = replace(WIDER, key=verdict, verdict=verdict, at=seeded.now)
            add_finding(connection, found)
        set_receivers(connection, [mild])
    page.run()
    assert page.dataframe[0].value["told"].tolist()[:2] == ["not yet", "nobody: too mild"]
    with writing(beside(seeded.db)) as connection:
        set_receivers(connection, [HOOK])
        add_finding(connection, replace(WIDER, key="?", verdict="unknown", at=seeded.now))
    page.run()
    told = page.dataframe[0].value["told"].tolist()
    assert told[:3] == ["digest only", "not yet", "not yet"]


def test_a_process_that_judges_is_told(page: AppTest, seeded: Instant) -> None:
    with WriterLock(beside(seeded.db), seeded.now):
        page.run()
        assert "The alerts process judges since today" in said(page)
        assert "tells 2 receivers" in said(page)
    page.run()
    assert "No alerts process runs" in page.warning[0].value


def test_where_the_lock_cannot_be_read_it_is_not_known_who_judges(
    page: AppTest, seeded: Instant
) -> None:
    path_of(beside(seeded.db)).mkdir()
    page.run()
    assert not page.exception
    assert "It is not known whether an alerts process runs" in page.warning[0].value
    assert "No alerts process runs" not in said(page)


def test_a_test_is_asked_for_and_its_result_is_shown(page: AppTest, seeded: Instant) -> None:
    assert "by ada: waits for the alerts process." in said(page)
    press(page, "Send a test", 0)
    assert not page.exception
    with open_to_read(beside(seeded.db)) as connection:
        tests = latest_tests(connection)
    assert tests["me"].test.author == "the page"
    assert tests["me"].message is None


def test_a_silence_can_be_added_and_ended(page: AppTest, seeded: Instant) -> None:
    assert "port 8000-8099, user dev* until " in said(page)
    fields = fields_of_silence(page)
    fields["Port"].set_value("5432")
    fields["Program"].set_value("node*")
    fields["Comment"].set_value("backup :red[x]")
    press(page, "Silence")
    assert "port 5432, program node* until " in said(page)
    now = time.time_ns() // 1000
    with open_to_read(beside(seeded.db)) as connection:
        new = next(each for each in silences(connection, now) if each.matcher.port == "5432")
    assert new.matcher == Matcher(port="5432", program="node*")
    assert (new.comment, new.author) == ("backup :red[x]", "the page")
    for _ in range(2):
        press(page, "End")
    assert "No silence is set" in said(page)


def test_a_port_that_is_none_is_refused_with_a_sentence(page: AppTest) -> None:
    fields_of_silence(page)["Port"].set_value("99999")
    press(page, "Silence")
    assert "99999" in page.error[0].value.replace("\\", "")


def test_who_may_not_write_has_no_buttons_but_a_reason(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTEYE_ALERTS_DB", "/nowhere/porteye-alerts.db")
    page = switch(open_page(seeded.db, monkeypatch), "alerts")
    assert "this user may not write to /nowhere" in said(page)


def test_a_file_that_is_no_alerts_database_is_said(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(seeded.db).write_text("no database at all, but a text")
    page = switch(open_page(seeded.db, monkeypatch), "alerts")
    assert "cannot be read" in page.warning[0].value.replace("\\", "")
    assert address(page) == {}


def test_a_quiet_window_that_holds_is_told(page: AppTest, seeded: Instant) -> None:
    assert "quiet window" not in said(page)
    # Of the whole day, whenever the test runs.
    halves = Quiet(0, 12 * 60), Quiet(12 * 60, 0)
    with writing(beside(seeded.db)) as connection:
        set_quiet(connection, halves, seeded.now)
    page.run()
    assert said(page).count("A quiet window of alerts.toml holds until") == 1


@pytest.mark.skipif(os.name != "posix", reason="lines for a POSIX shell")
def test_the_lines_to_begin_with_work_as_they_stand(empty: AppTest, seeded: Instant) -> None:
    *lines, last = empty.code[0].value.splitlines()
    subprocess.run(["sh", "-euc", "\n".join(lines)], check=True, env=environment())
    folder = seeded.db.parent
    assert "port = 5432" in (folder / "expected.toml").read_text()
    assert stat.S_IMODE((folder / "alerts.toml").stat().st_mode) == 0o600
    (receiver,) = settings.read(folder / "alerts.toml").receivers
    assert isinstance(receiver, Command)
    assert receiver.words[-1] == str(folder / "porteye-alerts.log")
    assert last.startswith(sys.executable)


def test_many_that_were_brief_hide_nothing_that_is_open(page: AppTest, seeded: Instant) -> None:
    with writing(beside(seeded.db)) as connection:
        for port in range(150):
            add_finding(connection, replace(WIDER, kind="brief", verdict="brief", port=port, at=1))
    page.run()
    assert [list(each) for each in page.dataframe[0].value["verdict"]] == [["wider"]]
    assert any("150 for the daily digest" in each.label for each in page.expander)


def test_of_many_that_are_open_the_newest_are_shown_and_all_are_counted(
    page: AppTest, seeded: Instant
) -> None:
    with writing(beside(seeded.db)) as connection:
        for port in range(150):
            add_finding(connection, replace(WIDER, verdict="new", port=port, at=1))
    page.run()
    assert "The newest 100 of them." in said(page)
    assert "Open: 151" in [each.value for each in page.subheader]
    assert len(page.dataframe[0].value) == 100


@pytest.mark.parametrize("label", ["Port", "Program"])
def test_a_pattern_of_a_silence_that_is_too_long_is_refused(
    page: AppTest, seeded: Instant, label: str
) -> None:
    fields_of_silence(page)[label].set_value(",".join(["80"] * 40))
    press(page, "Silence")
    assert f"This {label.lower()} is too long." in page.error[0].value
    with open_to_read(beside(seeded.db)) as connection:
        assert len(silences(connection, seeded.now)) == 1
