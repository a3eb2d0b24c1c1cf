"""Verdicts on all that listened at a moment, and on what should have; the reader is asked once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from porteye_core.judging.acceptance import Accepted, judge_with
from porteye_core.judging.blocks import Expected
from porteye_core.judging.note_words import Words
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import Before, Judgement, Verdict, missing
from porteye_core.model import Filters
from porteye_core.store.reading import Life, MomentCoverage, RowReader

_GAP_IS_OVER = "open before and after the gap"


@dataclass(frozen=True, slots=True)
class Moment:
    """Listeners that were open at a moment, with the doubts. before: None if nothing is known of
    it. is_unwatched: nobody watched then."""

    lives: Sequence[tuple[Life, str]]
    before: Before | None
    is_unwatched: bool = False


@dataclass(frozen=True, slots=True)
class JudgedLives:
    """A verdict with the listeners that it is about, none where one is missing; note: the words of
    the note on their identity, None if there is none."""

    judgement: Judgement
    lives: tuple[Life, ...] = ()
    note: Words | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.judgement.verdict


def present(
    reader: RowReader, at: int, expected: Expected, *, past: RowReader | None = None
) -> Moment:
    """The moment of now; past: the reader of what was before, None if nobody knows."""
    lives = reader.open_then(Filters(), at, MomentCoverage(None))
    before = None if past is None else _before(past, at, expected, watching=True)
    return Moment(lives, before)


def earlier(
    reader: RowReader, at: int, coverage: MomentCoverage, expected: Expected, *, watching: bool
) -> Moment:
    """A moment before, of this coverage; watching: a monitor watches now."""
    return Moment(
        reader.open_then(Filters(), at, coverage),
        _before(reader, at, expected, watching=watching),
        coverage.gap is not None,
    )


def judged(
    moment: Moment, expected: Expected, accepted: Accepted, words: Mapping[str, Words]
) -> list[JudgedLives]:
    """The verdicts, the gravest first; the listeners of one identity have one. words: of notes, by
    the keys of their identities."""
    found: dict[tuple[object, ...], JudgedLives] = {}
    all_seen = []
    for life, doubt in moment.lives:
        seen = Seen.of(life, "" if doubt == _GAP_IS_OVER else doubt)
        all_seen.append(seen)
        judgement = judge_with(seen, expected, accepted)
        is_ephemeral = expected.is_ephemeral(seen.protocol, seen.port)
        identity = seen.identity(is_ephemeral=is_ephemeral)
        key = (judgement.verdict, identity)
        if (one := found.get(key)) is None:
            one = JudgedLives(judgement, note=words.get(identity.key) if words else None)
        found[key] = replace(one, lives=(*one.lives, life))
    absent = (JudgedLives(each) for each in missing(all_seen, expected, moment.before))
    order = list(Verdict)
    return sorted([*found.values(), *absent], key=lambda each: order.index(each.verdict))


def _before(reader: RowReader, at: int, expected: Expected, *, watching: bool) -> Before:
    since = at - expected.defaults.missing
    closed = tuple(Seen.of(life) for life in reader.closed_lives(since, at))
    return Before(reader.coverage(since, at, watching=watching).unwatched, closed)
