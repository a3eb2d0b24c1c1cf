"""Accepts and notes on a listener, through Streamlit's own test runner."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextArea, TextInput

from porteye_core.store.alerts import Note, beside, notes, open_to_read, put_accept, writing
from tests.kit.page import open_page, switch, table, texts
from tests.kit.seeding import Instant

_BLOCKS = """
[[expected]]
port = 80
program = "nginx"
label = "Web"
note = "Behind the proxy"
link = "javascript:alert(1)"

[[expected]]
port = 5432
"""
NGINX = '["tcp", 80, "every interface", "nginx", "www"]'


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runner has no address of a visitor."""
    monkeypatch.setattr(ContextProxy, "ip_address", None)


@pytest.fixture
def drawer(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    return open_page(seeded.db, monkeypatch, {"listener": "1"})


def said(page: AppTest) -> str:
    assert not page.exception
    return texts(page).replace("\\", "").replace("\u2060", "")


def press(page: AppTest, label: str) -> AppTest:
    (button,) = (each for each in page.button if each.label == label)
    return button.click().run()


def field(page: AppTest, label: str) -> TextInput | TextArea:
    fields: list[TextInput | TextArea] = [*page.text_input, *page.text_area]
    return next(each for each in fields if each.label == label)


def stored(db: Path) -> list[Note]:
    with open_to_read(beside(db)) as connection:
        return notes(connection)


def test_the_verdict_has_its_reason_and_the_words_of_its_block(drawer: AppTest) -> None:
    assert ":red-badge[wider] line 2 expects it from this machine only." in said(drawer)
    assert "**Web**" in said(drawer)
    assert "Behind the proxy" in said(drawer)
    assert "javascript" not in str([each.proto.url for each in drawer.get("link_button")])


def test_what_is_accepted_stays_so_and_can_be_taken_back(drawer: AppTest, seeded: Instant) -> None:
    press(drawer, "Accept")
    assert ":green-badge[accepted] for good, by the page, today" in said(drawer)
    assert table(drawer)["verdict"].tolist()[1] == ["accepted"]
    (note,) = stored(seeded.db)
    assert (note.key, note.author, note.accepted_until) == (NGINX, "the page", None)
    assert note.accepted_at is not None
    press(drawer, "Take back")
    assert ":red-badge[wider]" in said(drawer)
    assert stored(seeded.db) == []


def test_an_accept_until_a_day_ends_with_it(drawer: AppTest, seeded: Instant) -> None:
    press(drawer, "For a week")
    assert ":green-badge[accepted] until" in said(drawer)
    (note,) = stored(seeded.db)
    assert note.accepted_at is not None
    assert note.accepts(note.accepted_at + 6 * 86_400_000_000)
    assert not note.accepts(note.accepted_at + 8 * 86_400_000_000)


def test_a_note_is_text_and_its_link_is_one_of_the_web(drawer: AppTest, seeded: Instant) -> None:
    field(drawer, "Label").set_value("Shop :red[x]")
    field(drawer, "Note").set_value("two\n<b>lines</b>")
    field(drawer, "Link").set_value("https://wiki.example/shop")
    press(drawer, "Save")
    assert "**Shop :red[x]**" in said(drawer)
    assert ":red[" not in texts(drawer).replace("\\:", "")
    assert "Noted by the page, today" in said(drawer)
    assert "https://wiki.example/shop" in [each.proto.url for each in drawer.get("link_button")]
    assert table(drawer)["label"].tolist()[1].startswith("Shop")
    field(drawer, "Link").set_value("javascript:alert(1)")
    press(drawer, "Save")
    assert "is not a link" in drawer.error[0].value.replace("\\", "")
    assert stored(seeded.db)[0].link == "https://wiki.example/shop"


def test_who_accepted_and_who_noted_are_two_people(drawer: AppTest, seeded: Instant) -> None:
    with writing(beside(seeded.db)) as connection:
        put_accept(connection, Note(NGINX, accepted_at=1, author="ann", at=1))
    drawer.run()
    field(drawer, "Label").set_value("Shop")
    press(drawer, "Save")
    assert ":green-badge[accepted] for good, by ann," in said(drawer)
    assert "Noted by the page, today" in said(drawer)


def test_the_listener_s_page_has_the_same(drawer: AppTest) -> None:
    press(drawer, "Accept")
    drawer.query_params["listener"] = "1"
    story = switch(drawer, "listener")
    assert ":green-badge[accepted]" in said(story)
    assert "**Web**" in said(story)


def test_who_may_not_write_has_no_buttons_but_a_reason(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    monkeypatch.setenv("PORTEYE_ALERTS_DB", "/nowhere/porteye-alerts.db")
    page = open_page(seeded.db, monkeypatch, {"listener": "1"})
    assert next(each for each in page.button if each.label == "Accept").disabled
    assert "this user may not write to /nowhere" in said(page)


def test_without_a_file_there_is_nothing_to_accept_and_a_note_can_be_made(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {"listener": "1"})
    assert "Accept" not in [each.label for each in page.button]
    field(page, "Label").set_value("Shop")
    press(page, "Save")
    assert table(page)["label"].tolist() == ["", "Shop", "", ""]
    assert "verdict" not in table(page)


def test_the_author_has_the_address_that_the_page_is_seen_from(
    drawer: AppTest, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContextProxy, "ip_address", "192.0.2.7")
    press(drawer, "Accept")
    assert stored(seeded.db)[0].author == "the page, from 192.0.2.7"


def test_notes_that_cannot_be_read_are_said_and_nothing_is_written(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    beside(seeded.db).write_text("no database at all, but a text")
    page = open_page(seeded.db, monkeypatch, {"listener": "1"})
    assert ":red-badge[wider]" in said(page)
    assert "cannot be read" in said(page)
    assert next(each for each in page.button if each.label == "Accept").disabled


def test_a_click_on_an_identity_that_is_no_longer_shown_accepts_nothing(
    drawer: AppTest, seeded: Instant
) -> None:
    button = next(each for each in drawer.button if each.label == "Accept")
    with closing(sqlite3.connect(seeded.db)) as connection, connection:
        connection.execute("UPDATE program SET name = 'evil', user = 'root' WHERE name = 'nginx'")
    button.click().run()
    assert ":red-badge[owner]" in said(drawer)
    assert not beside(seeded.db).exists() or stored(seeded.db) == []
