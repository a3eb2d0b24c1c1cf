"""`porteye who`: the process that holds a port, now, last, or at a moment before."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from porteye_core.command import telling
from porteye_core.command.exits import CANNOT_SAY, HELD, NOBODY
from porteye_core.command.present import CannotSay, Present, present, warn_program
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen, Style
from porteye_core.errors import FilterError
from porteye_core.filters import range_words
from porteye_core.model import Filters
from porteye_core.pasted_text import LONGEST, Meaning, meaning
from porteye_core.spoken_times import dated
from porteye_core.store.reading import Answer, Life, RowReader, answers, open_row_reader

_MOST = 20  # listeners of an answer
_CERTAIN = {"", "open before and after the gap"}


@dataclass(frozen=True, slots=True)
class Found:
    """The answers to a question, as listeners."""

    answers: Sequence[Answer]

    @property
    def open(self) -> list[Life]:
        """The listeners that are open, each once."""
        return [life for life in self.all if life.closed_at is None]

    @property
    def all(self) -> list[Life]:
        """The listeners, each once; of those that are not open the last ones."""
        lives = chain.from_iterable(each.lives for each in self.answers)
        return list({life.id: life for life in lives}.values())


def who(given: Namespace, question: Question, screen: Screen) -> int:
    """Answer who holds what was asked for; returns the exit status."""
    asked = _asked(given)
    if given.at:
        return _at(asked, question, screen, question.moment("at", given.at))
    with present(question.db, question.now, question.zone) as known:
        found = Found(list(answers(known.now, asked, _MOST)))
        if question.is_json:
            warn_program(known)
        if found.open:
            _show_open(known, found.open, question, screen)
            return HELD
        before = found if known.past is known.now else _before(known.past, asked)
        if question.is_json:
            screen.write_json(_events_of(known.past, before.all))
        else:
            _show_nobody(found, before.all, known, question, screen)
        return NOBODY


def _asked(given: Namespace) -> Meaning:
    text = " ".join(given.what)
    if text == "-":
        text = sys.stdin.read(LONGEST)
    asked = meaning(text)
    if given.pid is not None:
        asked = replace(asked, pid=given.pid) if text else Meaning(pid=given.pid)
    if asked == Meaning():
        raise FilterError("what", "Nothing is asked for.", "Give a port, a name or --pid.")
    return asked


def _before(past: RowReader | None, asked: Meaning) -> Found:
    return Found(() if past is None else list(answers(past, asked, _MOST)))


def _show_open(known: Present, lives: list[Life], question: Question, screen: Screen) -> None:
    if question.is_json:
        wanted = {life.id for life in lives}
        records = known.now.open_now_records(Filters(), known.at)
        screen.write_json([each for each in records if each["id"] in wanted])
        return
    groups = telling.told(
        *(lives, known.at, question.zone),
        is_scan=known.is_scan,
        other_ends=_other_ends(known.now, lives),
    )
    _show_groups(groups, screen)
    if len(lives) >= _MOST:
        screen.write(f"These are the first {_MOST}; porteye now lists all.", Style.FAINT)
    _show_note(known, screen)


def _other_ends(reader: RowReader, lives: Sequence[Life]) -> dict[int, str]:
    """The sentences about the other ends of these listeners' published ports."""
    both, said = reader.published(), dict[int, str]()
    for life in lives:
        if life.id in both.leads_to and (inside := reader.listener(both.leads_to[life.id])):
            said[life.id] = telling.leads_to(inside)
        if life.id in both.published_by:
            ends = [reader.listener(each) for each in both.published_by[life.id]]
            said[life.id] = telling.published_by([end for end in ends if end])
    return said


def _show_groups(groups: Iterable[list[str]], screen: Screen) -> None:
    for number, (sentence, *further) in enumerate(groups):
        if number:
            screen.write()
        screen.write(sentence, Style.STRONG)
        for line in further:
            screen.write(line)


def _show_nobody(
    found: Found, last: Sequence[Life], known: Present, question: Question, screen: Screen
) -> None:
    screen.write(f"{found.answers[0].nothing}.", Style.STRONG)
    for life in last[:1]:
        told = telling.last_holder(life, question.now, question.zone, known.last_watched)
        screen.write(told)
        for line in telling.background(life):
            screen.write(line)
    _show_note(known, screen)


def _show_note(known: Present, screen: Screen) -> None:
    if known.note:
        screen.write(known.note, Style.WARNING)


def _events_of(past: RowReader | None, lives: Sequence[Life]) -> list[dict[str, Any]]:
    """The last event of each of these listeners, as a record."""
    if past is None:
        return []
    records = []
    for life in lives:
        at = life.opened_at if life.closed_at is None else life.closed_at
        filters = Filters(ports=((life.port, life.port),), since=at, until=at)
        of_it = [each for each in past.event_records(filters) if each["listener"] == life.id]
        records += of_it[:1]
    return records


def _at(asked: Meaning, question: Question, screen: Screen, at: int) -> int:
    """Answer for a moment before; what was understood of its words stands in the answer."""
    with open_row_reader(question.db) as reader:
        watching = reader.status(question.now).is_current
        coverage = reader.coverage_at(at, watching=watching)
        said = dated(at, question.now, question.zone)
        if coverage.gap is not None and coverage.gap.start is None:
            raise CannotSay(f"Nobody watched yet at {said}.", "Ask for a later time.")
        for filters in _filters(asked):
            then = [
                (life, certainty)
                for life, certainty in reader.open_then(filters, at, coverage)
                if filters != Filters() or life.pid == asked.pid
            ]
            if then:
                break
        if question.is_json:
            wanted = {life.id for life, _ in then}
            records = reader.open_at_records(filters, at, coverage)
            screen.write_json([each for each in records if each["id"] in wanted])
        elif then:
            _show_then(then, said, screen)
        else:
            screen.write(f"{_nobody(asked)} at {said}.", Style.STRONG)
        if coverage.gap is not None and not question.is_json:
            screen.write("Nobody watched at that moment.", Style.WARNING)
    if any(certainty in _CERTAIN for _, certainty in then):
        return HELD
    return CANNOT_SAY if then or coverage.gap is not None else NOBODY


def _filters(asked: Meaning) -> list[Filters]:
    """The filters for what the text can mean, in the order in which they are tried; the pid is
    compared afterwards."""
    found = []
    if asked.ports:
        found.append(Filters(ports=asked.ports, protocol=asked.protocol))
    if asked.user or asked.home or asked.address:
        found.append(Filters(user=asked.user, home=asked.home, address=asked.address))
    if asked.name:
        found += [Filters(process=asked.name), Filters(home=asked.name)]
    if asked.pid is not None:
        found.append(Filters())
    return found


def _nobody(asked: Meaning) -> str:
    if asked.ports:
        ports = ", ".join(range_words(*each) for each in asked.ports)
        return f"Nothing listened on {ports}"
    what = asked.user or asked.home or asked.address or asked.name or f"process {asked.pid}"
    return f"Nothing of {what} listened"


def _show_then(then: Sequence[tuple[Life, str]], said: str, screen: Screen) -> None:
    certainty = {life.id: each for life, each in then}
    groups = []
    for lives in telling.owners(life for life, _ in then):
        sentence, *further = telling.sentence_at(lives)
        doubts = sorted({certainty[life.id] for life in lives} - {""})
        groups.append([f"At {said}: {sentence}", *map(_doubt, doubts), *further])
    _show_groups(groups, screen)


def _doubt(certainty: str) -> str:
    """The sentence about what is not certain of a listener."""
    return f"It was {certainty}." if certainty.startswith("open") else f"It {certainty}."
