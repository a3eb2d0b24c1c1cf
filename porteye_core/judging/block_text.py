"""Text of blocks, as a person puts it into the file of expected ports; pure."""

import glob
import json
import re
from collections.abc import Iterator

from porteye_core.judging.learning import Learnt
from porteye_core.judging.note_words import Words
from porteye_core.judging.seen import REACHES, Identity, Seen
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.spoken_times import ago, rough_length
from porteye_core.system.plain_text import clean

# What a terminal obeys, or what TOML does not take as it is.
_SPECIAL = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def block_lines(learnt: Learnt, now: int) -> Iterator[str]:
    """The lines of a block for what was learnt."""
    yield f"# {_seen(learnt, now)}"
    yield from _block(learnt.identity, learnt.seen)


def accepted_lines(identity: Identity, seen: Seen, words: Words, comment: str) -> Iterator[str]:
    """The lines of a block for an identity that somebody has accepted; seen: one of its
    listeners. comment: who accepted it, and when."""
    yield f"# {clean(comment)}"
    if identity.reach is Exposure.UNKNOWN:
        yield f"# Who can reach it is not known, so that no block can expect it: {clean(seen.who)}."
        return
    yield from _block(identity, seen)
    for name, text in zip(("label", "note", "link"), words, strict=True):
        if text:
            yield f"{name} = {quoted(text)}"


def _block(of: Identity, seen: Seen) -> Iterator[str]:
    yield "[[expected]]"
    yield f"port = {quoted('ephemeral') if of.port is None else of.port}"
    if of.protocol is not Protocol.TCP:
        yield f"protocol = {quoted(of.protocol)}"
    if of.reach is not REACHES[0]:
        yield f"reach = {quoted(of.reach)}"
    if seen.hidden:
        yield f"# Its owner is hidden ({clean(seen.hidden)}): whoever holds it fits."
        return
    if seen.unit:
        yield f"unit = {_pattern(seen.unit)}"
    else:
        if seen.container:
            yield f"container = {_pattern(seen.container)}"
        yield f"program = {_pattern(seen.program)}"
    if seen.user:
        yield f"user = {_pattern(seen.user)}"


def quoted(text: str) -> str:
    r"""A text as a basic string of TOML, without characters that a terminal obeys.

    >>> quoted('say "hi"\n')
    '"say \\"hi\\"\\n"'
    """
    # JSON escapes the same, but for letters beyond ASCII, of which it makes halves.
    return _SPECIAL.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False)
    )


def _pattern(text: str) -> str:
    return quoted(glob.escape(text))


def _seen(learnt: Learnt, now: int) -> str:
    """The number, the last and the longest of its lives."""
    times = "once" if learnt.openings == 1 else f"{learnt.openings:,} times"
    last = "open now" if learnt.is_open else f"last {ago(learnt.last, now)}"
    return f"seen {times}, {last}, longest {rough_length(learnt.longest)}"
