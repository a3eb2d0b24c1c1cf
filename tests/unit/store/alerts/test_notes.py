"""Notes, accepts and silences of the alerts database."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.store.alerts import (
    Matcher,
    Note,
    Silence,
    add_silence,
    beside,
    end_silence,
    note,
    notes,
    notes_of_all,
    open_to_read,
    open_to_write,
    put_accept,
    put_words,
    revision,
    silences,
    transaction,
    unwritable,
)
from tests.kit.as_nobody import NOBODY

KEY = '["tcp", 22, "every interface", "ssh.service", "root"]'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return beside(tmp_path / "porteye.db")


def test_words_and_accepts_of_an_identity_leave_each_other_alone(file: Path) -> None:
    words = Note(KEY, "SSH", "Only from the VPN", "https://wiki.example", author="ada", at=1)
    with open_to_write(file) as connection, transaction(connection, file):
        put_words(connection, words)
        put_accept(connection, Note(KEY, accepted_at=5, accepted_until=9, author="bob", at=5))
        both = replace(
            words,
            accepted_at=5,
            accepted_until=9,
            accepted_by="bob",
            words_by="ada",
            words_at=1,
            author="bob",
            at=5,
        )
        assert note(connection, KEY) == both
        put_words(connection, replace(words, label="sshd", author="eve", at=7))
        after = replace(both, label="sshd", words_by="eve", words_at=7, author="eve", at=7)
        assert note(connection, KEY) == after
        put_accept(connection, Note(KEY, author="bob", at=8))
        found = note(connection, KEY)
        assert found is not None
        assert (found.accepted_by, found.words_by) == ("", "eve")


def test_words_that_are_emptied_have_no_author_while_the_accept_has_its_own(file: Path) -> None:
    with open_to_write(file) as connection, transaction(connection, file):
        put_accept(connection, Note(KEY, accepted_at=5, author="bob", at=5))
        put_words(connection, Note(KEY, "SSH", author="ada", at=6))
        put_words(connection, Note(KEY, author="ada", at=7))
        found = note(connection, KEY)
    assert found == Note(KEY, accepted_at=5, accepted_by="bob", author="ada", at=7)


def test_words_that_were_written_on_an_old_page_bring_no_accept_back(file: Path) -> None:
    accepted = Note(KEY, accepted_at=5, author="bob", at=5)
    with open_to_write(file) as connection, transaction(connection, file):
        put_accept(connection, accepted)
        put_accept(connection, Note(KEY, author="bob", at=6))
        put_words(connection, replace(accepted, label="SSH", author="ada", at=7))
        found = note(connection, KEY)
    assert found is not None
    assert (found.label, found.accepted_at, found.accepted_by) == ("SSH", None, "")


def test_a_note_without_words_and_accept_is_gone(file: Path) -> None:
    with open_to_write(file) as connection, transaction(connection, file):
        put_accept(connection, Note(KEY, accepted_at=5, author="bob", at=5))
        put_accept(connection, Note(KEY, author="bob", at=6))
        assert notes(connection) == []


def test_a_silence_that_is_ended_is_over_at_once_and_once(file: Path) -> None:
    night = Silence(0, Matcher(port="5432", user="dev*"), 1, 100, "backup", "ada", 1)
    with open_to_write(file) as connection, transaction(connection, file):
        number = add_silence(connection, night)
        assert silences(connection, 50) == [replace(night, id=number)]
        end_silence(connection, number, 60)
        end_silence(connection, number, 70)
        assert silences(connection, 60) == []
        assert silences(connection, 59)[0].until == 60


def test_every_commit_has_another_revision_and_reading_has_none(file: Path) -> None:
    assert revision(file) is None
    seen = set()
    with open_to_write(file) as connection:
        for number in range(5):
            with transaction(connection, file):
                put_accept(connection, Note(KEY, accepted_at=number, at=number))
            seen.add(revision(file))
        with open_to_read(file) as reader:
            assert len(notes(reader)) == 1
        seen.add(revision(file))
    assert len(seen) == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="takes the rights of another user")
def test_who_may_not_write_is_told_why(file: Path) -> None:
    with open_to_write(file):
        pass
    file.parent.chmod(0o755)
    assert unwritable(file) == ""
    os.seteuid(NOBODY)
    try:
        assert unwritable(Path("/var") / file.name) == "this user may not write to /var"
        assert str(file.parent) in unwritable(file)
    finally:
        os.seteuid(0)


def test_a_folder_that_is_not_there_cannot_be_written_to(file: Path) -> None:
    assert "nowhere" in unwritable(file.parent / "nowhere" / file.name)


def test_notes_of_one_host_are_not_those_of_another(file: Path) -> None:
    for host in ("", "web1", "web2"):
        with open_to_write(file) as connection, transaction(connection, file):
            put_words(connection, Note(KEY, f"SSH of {host}", author="ada", at=1, host=host))
            put_accept(connection, Note(KEY, accepted_at=2, author="bob", at=2, host=host))
    with open_to_write(file) as connection, transaction(connection, file):
        put_accept(connection, Note(KEY, author="bob", at=3, host="web1"))
        put_words(connection, Note(KEY, author="bob", at=4, host="web2"))
    with open_to_read(file) as connection:
        found = {each.host: (each.label, each.accepted_at) for each in notes_of_all(connection)}
        assert found == {"": ("SSH of ", 2), "web1": ("SSH of web1", None), "web2": ("", 2)}
        assert [each.label for each in notes(connection)] == ["SSH of "]
        of_web1 = note(connection, KEY, "web1")
        assert of_web1 is not None
        assert notes(connection, "web1") == [of_web1]
