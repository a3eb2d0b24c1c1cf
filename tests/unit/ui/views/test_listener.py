"""The story of a listener, through Streamlit's own test runner."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.model import Opening, Precision
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.writer import Writer
from tests.kit.page import html, open_page, switch, texts
from tests.kit.seeding import Instant
from tests.kit.values import SECOND, endpoint, owned, process


def plain(page: AppTest) -> str:
    """The texts of a page, without what keeps names from being markup."""
    return texts(page).replace("\\", "").replace("\u2060", "")


@pytest.fixture
def story(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    def told(number: str) -> AppTest:
        page = open_page(seeded.db, monkeypatch)
        page.query_params["listener"] = number
        found = switch(page, "listener")
        assert not found.exception
        return found

    return told


def test_an_open_listener_has_a_sentence_a_chain_and_charts(
    story: Callable[[str], AppTest],
) -> None:
    page = story("1")
    assert "**nginx** listens on **0.0.0.0:80** (any network). pid 100, www." in plain(page)
    assert [each.value for each in page.code] == ["nginx -g daemon", "kill 100"]
    assert len(page.get("plotly_chart")) == 1
    assert "Nothing is recorded before it." in texts(page)


def test_a_port_has_its_earlier_lives(story: Callable[[str], AppTest], seeded: Instant) -> None:
    with open_connection(seeded.db) as reader:
        lives = [
            row[0]
            for row in reader.execute("SELECT id FROM listener WHERE port = 8765 ORDER BY id")
        ]
    assert len(lives) == 2
    earlier = story(str(lives[0]))
    assert "listened on **127.0.0.1:8765** (local only)" in plain(earlier)
    assert "opened 2 times" in html(earlier)
    later = story(str(lives[1]))
    assert "Nothing is recorded before it." not in texts(later)
    later.button(f"step_{lives[0]}").click().run()
    assert "Nothing is recorded before it." in texts(later)
    later.button(f"step_{lives[1]}").click().run()
    assert "Nothing is recorded before it." not in texts(later)


@pytest.mark.parametrize("wrong", ["99999", "x", "-1", "9" * 40, "<b>"])
def test_a_number_of_nobody_is_said_and_others_are_offered(
    story: Callable[[str], AppTest], wrong: str
) -> None:
    page = story(wrong)
    assert "is recorded. Choose one" in plain(page)
    choice = page.selectbox(key="chosen_listener")
    assert "80/tcp nginx on 0.0.0.0" in choice.options
    choice.select("80/tcp nginx on 0.0.0.0").run()
    assert not page.exception
    assert "pid 100, www" in plain(page)


def test_a_story_tells_whose_it_was_before_and_who_made_the_socket(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, service = process(10, name="launcher"), process(10, name="service")
    seen = replace(owned(endpoint(), launcher, inode=7), user="root")
    (born,) = writer.record_changes(SECOND, [Opening(seen, SECOND, Precision.KERNEL)])
    later = replace(owned(endpoint(), service, inode=7), user="root")
    writer.record_changes(9 * SECOND, reowned=[(born, later)])
    page = open_page(db, monkeypatch)
    page.query_params["listener"] = str(born.id)
    found = switch(page, "listener")
    assert "Owners before" in [each.value for each in found.subheader]
    assert "**Socket made by** root" in plain(found)
    assert "inode 7" in plain(found)


def test_a_story_has_headings_without_a_step_between(story: Callable[[str], AppTest]) -> None:
    page = story("1")
    assert [each.tag for each in page.main.header] == ["h2"]
    assert [each.value for each in page.subheader][:2] == ["Port 80", "CPU, memory and clients"]
    assert not [each for each in page.markdown if each.value.startswith("#")]


def test_the_charts_have_a_range_of_their_own(story: Callable[[str], AppTest]) -> None:
    page = story("1")
    page.get("button_group")
    charts = next(each for each in page.pills if each.label == "Range of the charts")
    assert charts.options == ["1 h", "24 h", "7 d", "30 d"]
    charts.set_value("1 h").run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1


def test_without_a_listener_what_changed_last_is_told(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = switch(open_page(seeded.db, monkeypatch), "listener")
    assert not page.exception
    assert "What changed last" in [each.value for each in page.subheader]
    changes = page.dataframe[0].value
    assert changes["port"].iloc[0] == 8765
    assert set(changes["kind"]) == {"opened", "closed"}
