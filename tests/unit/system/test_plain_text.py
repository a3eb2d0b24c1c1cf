"""Text from a process can hold anything."""

import json
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.system.plain_text import cap, clean

RAW = st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(RAW)
def test_clean_text_can_be_stored_and_sent(text: str) -> None:
    cleaned = clean(text)
    with closing(sqlite3.connect(":memory:")) as database:
        stored = database.execute("SELECT ?", (cleaned,)).fetchone()[0]
    assert json.loads(json.dumps(stored)) == cleaned
    cleaned.encode()


@given(RAW)
def test_clean_text_commands_no_terminal(text: str) -> None:
    assert all(char.isprintable() or ord(char) > 0x9F for char in clean(text))


def test_direction_marks_are_written_out() -> None:
    assert clean("a\u202eb") == "a\\u202eb"


@given(st.text(), st.integers(3, 50))
def test_capped_text_fits(text: str, size: int) -> None:
    capped = cap(text, size)
    assert len(capped.encode()) <= size
    assert capped == text or capped.endswith("…")
