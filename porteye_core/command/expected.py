"""`porteye expected --export`: what people have accepted, as blocks of the expected ports."""

import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from porteye_core.command.accepts import accepted_notes
from porteye_core.command.exits import HELD
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen, warn
from porteye_core.errors import ExpectedError, StoreError
from porteye_core.judging import expected_file
from porteye_core.judging.block_text import accepted_lines
from porteye_core.judging.blocks import Expected
from porteye_core.judging.learning import identities
from porteye_core.judging.note_words import Words
from porteye_core.judging.seen import Identity, Seen
from porteye_core.store.alerts import Note
from porteye_core.store.reading import open_row_reader
from porteye_core.system.local_ports import ephemeral_ports

_UNIT = re.compile(r".+\.(?:service|scope|socket|mount|swap)")
_OLD = "It is not in the history any more: read its owner before you keep it."


def expected(_: Namespace, question: Question, screen: Screen) -> int:
    """Print the blocks; returns the exit status."""
    accepted = accepted_notes(question)
    screen.write("# Accepted by people. docs/expected.md tells what each key means.")
    known = _known(question) if accepted else {}
    for note in accepted:
        try:
            identity = Identity.of(note.key)
        except ValueError:
            warn(f"The key of a note is not known to this version: {note.key[:80]}")
            continue
        seen = known.get(note.key)
        screen.write("")
        if seen is None:
            screen.write(f"# {_OLD}")
        words = Words(note.label, note.text, note.link)
        for line in accepted_lines(identity, seen or _guessed(identity), words, _comment(note)):
            screen.write(line)
    return HELD


def _known(question: Question) -> Mapping[str, Seen]:
    """A listener of each identity of the history, by its key: an identity does not tell a
    container from a program."""
    try:
        file = expected_file.read_here(expected_file.find(question.expected, question.db))
    except ExpectedError:
        file = Expected(Path(expected_file.NAME), local_ports=ephemeral_ports())
    try:
        with open_row_reader(question.db) as reader:
            begun = reader.first_watch() or 0
            every = identities(reader.past_uses(begun, question.now), file)
    except StoreError:
        return {}
    return {each.identity.key: each.seen for each in every}


def _guessed(of: Identity) -> Seen:
    """A listener of an identity, as far as its key tells."""
    seen = Seen(of.protocol, of.port or 0, of.reach, user=of.user)
    if not of.who:
        return replace(seen, hidden="it was so when it was accepted")
    if _UNIT.fullmatch(of.who):
        return replace(seen, unit=of.who)
    container, _, program = of.who.partition(" ")
    if program and re.search("[/:]", container):
        return replace(seen, container=container, program=program)
    return replace(seen, program=of.who)


def _comment(note: Note) -> str:
    """The person who accepted, and when; no key of a block says until when. In UTC, so that the
    text is the same wherever it is printed."""
    until = "" if note.accepted_until is None else f", until {_utc(note.accepted_until)}"
    return (
        f"accepted {_utc(note.accepted_at or note.at)}{until}, by {note.accepted_by or 'somebody'}"
    )


def _utc(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
