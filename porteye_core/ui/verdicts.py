"""Verdicts on what listens, by the file of expected ports and what people accept, with their
words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from porteye_core.judging.blocks import Expected
from porteye_core.judging.in_force import InForce, watched_file
from porteye_core.judging.judge import Judge, Judged, without_file
from porteye_core.judging.note_words import Words
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import GRAVITY, Before, Judgement, missing
from porteye_core.store.alerts import Note
from porteye_core.store.reading import Life, Reader
from porteye_core.ui import notebook
from porteye_core.ui.context import View
from porteye_core.ui.session_cache import cached

_KEPT = "verdicts"
# What is missing follows from time alone, too.
_STEP = 10 * 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of one moment: of each open listener by its id, and of the blocks that are always
    expected and not there. labels: of those that have one. is_judged: a file is in force; error:
    why the newest one is not."""

    of: Mapping[int, Judged] = field(default_factory=dict)
    missing: tuple[Judgement, ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    is_judged: bool = True
    error: str = ""

    def gravest(self, listeners: Iterable[int]) -> Judgement | None:
        """The gravest verdict on these listeners, None if none of them is judged."""
        found = [self.of[each].judgement for each in listeners if each in self.of]
        return min(found, key=lambda each: GRAVITY[each.verdict], default=None)

    def label(self, listeners: Iterable[int]) -> str:
        """The label of the first of these listeners that has one."""
        return next((self.labels[each] for each in listeners if each in self.labels), "")


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that is said of one listener: verdict and identity, the words of its note or block, and
    the note. is_judged: a file is in force."""

    judged: Judged
    words: Words
    note: Note | None
    is_judged: bool


def in_force(view: View) -> InForce:
    """The file of expected ports that counts for this page."""
    return watched_file(view.expected, view.place, view.alerts_file).in_force()


def verdicts(
    reader: Reader, view: View, moment: int, *, watching: bool, paused: bool = False
) -> Verdicts | None:
    """Judge what is open; None if no file says what is expected, and nobody has noted anything.
    paused: the reader keeps the moment as it is."""
    file, notes = in_force(view), notebook.notes(view)
    known = _judge(view, file)
    if known is None and not (file.error or notes.of):
        return None
    judge = known or without_file()
    accepted = notes.accepted(moment)

    def ask() -> Verdicts:
        uses = reader.open_by_id()
        found = {id_: judge.judged(use).after(accepted) for id_, use in uses.items()}
        return Verdicts(
            found,
            _missing(reader, judge.expected, found.values(), moment, watching=watching),
            _labels(found, notes.of),
            known is not None,
            file.error,
        )

    version = moment if paused else (reader.version(), moment // _STEP)
    return cached(_KEPT, (version, file, notes, accepted.keys, watching), ask)


def opinion(view: View, life: Life, moment: int) -> Opinion:
    """All that is said of a listener, open or not."""
    known, notes = _judge(view, in_force(view)), notebook.notes(view)
    judge = known or without_file()
    judged = judge.of(Seen.of(life)).after(notes.accepted(moment))
    note = notes.of.get(judged.identity.key)
    return Opinion(judged, _words(judged, note), note, known is not None)


def _judge(view: View, file: InForce) -> Judge | None:
    """The judge of this machine, or of the host that the page is of."""
    return file.on(view.host) if view.host else file.judge


def _labels(found: Mapping[int, Judged], notes: Mapping[str, Note]) -> dict[int, str]:
    labels = {
        id_: _words(judged, notes.get(judged.identity.key) if notes else None).label
        for id_, judged in found.items()
    }
    return {id_: label for id_, label in labels.items() if label}


def _words(judged: Judged, note: Note | None) -> Words:
    return judged.words(None if note is None else Words(note.label, note.text, note.link))


def _missing(
    reader: Reader, expected: Expected, found: Iterable[Judged], moment: int, *, watching: bool
) -> tuple[Judgement, ...]:
    """The verdicts on what is always expected and not there."""
    if not any(block.always for block in expected.blocks):
        return ()
    since = moment - expected.defaults.missing
    closed = tuple(Seen.of(life) for life in reader.closed_lives(since, moment))
    before = Before(reader.coverage(since, moment, watching=watching).unwatched, closed)
    seen = [each.judgement.seen for each in found if each.judgement.seen is not None]
    return tuple(missing(seen, expected, before))
