"""`porteye check`: verdicts on the listeners, by the file of expected ports."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence

from porteye_core.command.accepts import all_notes
from porteye_core.command.check_forms import junit, nagios, unknown_of_nagios
from porteye_core.command.exits import AS_EXPECTED, CANNOT_SAY, NOT_AS_EXPECTED, UNEXPECTED
from porteye_core.command.present import CannotSay, present, warn_program
from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.errors import PortEyeError
from porteye_core.judging import expected_file, moment
from porteye_core.judging.acceptance import Accepted
from porteye_core.judging.blocks import Expected
from porteye_core.judging.moment import JudgedLives
from porteye_core.judging.note_words import words_of
from porteye_core.judging.verdict_records import record
from porteye_core.judging.verdicts import GRAVE, Verdict
from porteye_core.spoken_times import dated
from porteye_core.store.reading import RowReader, open_row_reader

_COLUMNS = (
    Column("VERDICT"),
    Column("PORT", is_number=True),
    Column("PROTOCOL", 4),
    Column("REACHABLE FROM", 2),
    Column("PROGRAM", is_cut=True),
    Column("USER", 3),
    Column("WHY", 1, is_cut=True),
)
_FIELDS = (
    *("verdict", "why", "port", "protocol", "address", "exposure", "program", "pid", "user"),
    *("unit", "container", "label", "line"),
)


def check(given: Namespace, question: Question, screen: Screen) -> int:
    """Judge what listens; returns the exit status."""
    try:
        return _check(given, question, screen)
    except PortEyeError as err:
        if not given.nagios:
            raise
        screen.write(unknown_of_nagios(err))
        return CANNOT_SAY


def _check(given: Namespace, question: Question, screen: Screen) -> int:
    expected = expected_file.read_here(expected_file.find(question.expected, question.db))
    notes = all_notes(question)
    accepted = Accepted.of(notes, question.now)
    if given.at:
        at = question.moment("at", given.at)
        with open_row_reader(question.db) as reader:
            then = _then(reader, question, at, expected)
        note = f"Nobody watched at {dated(at, question.now, question.zone)}."
        note = note if then.is_unwatched else ""
    else:
        with present(question.db, question.now, question.zone) as known:
            past = None if known.is_scan else known.now
            then = moment.present(known.now, known.at, expected, past=past)
            note = known.note
            if given.json or given.junit or not screen.is_terminal:
                warn_program(known)
    found = moment.judged(then, expected, accepted, words_of(notes))
    status = _status((each.verdict for each in found), is_unwatched=then.is_unwatched)
    _write(given, found, status, note, screen)
    return status


def _then(reader: RowReader, question: Question, at: int, expected: Expected) -> moment.Moment:
    """The listeners of a moment of the past; raises CannotSay."""
    watching = reader.status(question.now).is_current
    coverage = reader.coverage_at(at, watching=watching)
    if coverage.gap is not None and coverage.gap.start is None:
        said = dated(at, question.now, question.zone)
        raise CannotSay(f"Nobody watched yet at {said}.", "Ask for a later time.")
    return moment.earlier(reader, at, coverage, expected, watching=watching)


def _status(verdicts: Iterable[Verdict], *, is_unwatched: bool) -> int:
    found = set(verdicts) - {Verdict.EXPECTED}
    if found.intersection(GRAVE):
        return UNEXPECTED
    if is_unwatched:
        return CANNOT_SAY
    return NOT_AS_EXPECTED if found else AS_EXPECTED


def _write(
    given: Namespace, findings: Sequence[JudgedLives], status: int, note: str, screen: Screen
) -> None:
    if given.nagios:
        screen.write(nagios(findings, status, note))
    elif given.junit:
        screen.out.write(junit(findings, note if status == CANNOT_SAY else ""))
    elif given.json:
        screen.write_json([record(each) for each in findings])
    elif screen.is_terminal:
        _show(findings, note, screen)
    else:
        screen.write_tabs(_FIELDS)
        for each in findings:
            values = record(each)
            screen.write_tabs(values[name] for name in _FIELDS)


def _show(findings: Sequence[JudgedLives], note: str, screen: Screen) -> None:
    counts = Counter(each.verdict for each in findings)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    screen.write(f"{said or 'Nothing listens'}.", Style.STRONG)
    rows = [_cells(each) for each in findings if each.verdict is not Verdict.EXPECTED]
    if rows:
        screen.write_table(_COLUMNS, rows)
    if note:
        screen.write(note, Style.WARNING)


def _cells(finding: JudgedLives) -> tuple[str, ...]:
    values = record(finding)
    names = ("verdict", "port", "protocol", "exposure", "program", "user", "why")
    return tuple("" if values[name] is None else str(values[name]) for name in names)
