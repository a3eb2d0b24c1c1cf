"""The story of a listener, through Streamlit's own test runner."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.model import Opening, Precision
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.writer import Writer
from tests.kit.page import open_page, switch, texts
from tests.kit.seeding import Instant
from tests.kit.values import SECOND, endpoint, owned, process


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
    assert "nginx, pid 100, user www" in texts(page).replace("\\", "")
    assert page.code[0].value == "nginx -g daemon"
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
    assert "listened for this machine only" in texts(earlier).replace("\\", "")
    later = story(str(lives[1]))
    assert "Nothing is recorded before it." not in texts(later)
    later.button(f"earlier_{lives[0]}").click().run()
    assert "Nothing is recorded before it." in texts(later)


@pytest.mark.parametrize("wrong", ["99999", "x", "-1", "9" * 40, "<b>"])
def test_a_number_of_nobody_is_said_and_others_are_offered(
    story: Callable[[str], AppTest], wrong: str
) -> None:
    page = story(wrong)
    assert "is recorded. Choose one" in texts(page).replace("\\", "")
    choice = page.selectbox(key="chosen_listener")
    assert "80/tcp nginx on 0.0.0.0" in choice.options
    choice.select("80/tcp nginx on 0.0.0.0").run()
    assert not page.exception
    assert "nginx, pid 100" in texts(page).replace("\\", "")


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
    shown = texts(switch(page, "listener")).replace("\\", "")
    assert "Whose it was before" in shown
    assert "Socket made by: root" in shown
    assert "inode 7" in shown
