"""Rows of the alerts database, as values; times are microseconds since the epoch."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell: of a listener, of a block without one, or of the watch itself.

    kind: listener, flapping, brief, missing, unwatched, settings or database, and of the hosts of a
    fleet silent, behind or clock; verdict: as judging.Verdict, empty for what is of the watch. at:
    when it began; ended_at: None while it is true; ended_why: why it ended, if not by a closing.
    told_at, end_told_at: when beginning and end were put into messages. line: of the block; label:
    of the note, else of the block. host: the machine, or the host of a fleet. brief_count: how
    often it was there.
    """

    id: int
    key: str
    kind: str
    verdict: str
    at: int
    found_at: int
    ended_at: int | None = None
    told_at: int | None = None
    end_told_at: int | None = None
    listener_id: int | None = None
    protocol: str = ""
    port: int | None = None
    address: str = ""
    exposure: str = ""
    program: str = ""
    user: str = ""
    unit: str = ""
    container: str = ""
    pid: int | None = None
    why: str = ""
    line: int | None = None
    label: str = ""
    host: str = ""
    brief_count: int = 0
    ended_why: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a receiver; kind: findings, digest or test; body: JSON text.

    next_at: when it is tried again; failed_at: when it was given up. error: of the last try.
    """

    id: str
    receiver: str
    kind: str
    created_at: int
    body: str
    tries: int = 0
    next_at: int | None = None
    sent_at: int | None = None
    failed_at: int | None = None
    error: str = ""
    first_tried: int | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver as it may be shown, without secrets; least: the least grave verdict that it is
    told, empty for all."""

    name: str
    kind: str
    shown: str
    least: str
    since: int


@dataclass(frozen=True, slots=True)
class Test:
    """A test message that somebody asked for; message_id: None until it is made."""

    id: int
    receiver: str
    asked_at: int
    author: str
    message_id: str | None = None

    __test__ = False  # pytest takes the name for one of its own


@dataclass(frozen=True, slots=True)
class Note:
    """Note of people on an identity; accepted_until: None for good.

    accepted_by: who accepted it at accepted_at; words_by: who wrote label, text or link last, at
    words_at. author: who changed any of them last, at a time. host: of a fleet, empty on a single
    machine.
    """

    key: str
    label: str = ""
    text: str = ""
    link: str = ""
    accepted_at: int | None = None
    accepted_until: int | None = None
    author: str = ""
    at: int = 0
    accepted_by: str = ""
    words_by: str = ""
    words_at: int | None = None
    host: str = ""

    def accepts(self, now: int) -> bool:
        """Tell that its identity is expected now."""
        is_over = self.accepted_until is not None and self.accepted_until <= now
        return self.accepted_at is not None and not is_over


@dataclass(frozen=True, slots=True)
class Matcher:
    """Findings that a silence holds back: shell patterns, empty for any; port: a number or range.

    A matcher without any pattern holds back everything.
    """

    port: str = ""
    program: str = ""
    unit: str = ""
    user: str = ""
    verdict: str = ""
    host: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """The matcher of its JSON; keys of a later version are passed over."""
        told = json.loads(text)
        return cls(**{each.name: str(told.get(each.name, "")) for each in fields(cls)})

    def __str__(self) -> str:
        return json.dumps({name: text for name, text in asdict(self).items() if text})


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which findings are kept, and told after it if they are still true."""

    id: int
    matcher: Matcher
    since: int
    until: int
    comment: str = ""
    author: str = ""
    at: int = 0
