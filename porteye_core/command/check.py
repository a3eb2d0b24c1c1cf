"""`porteye check`: verdicts on the listeners, by the file of expected ports."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from porteye_core.command.check_forms import Finding, junit, nagios, record, unknown_of_nagios
from porteye_core.command.exits import AS_EXPECTED, CANNOT_SAY, NOT_AS_EXPECTED, UNEXPECTED
from porteye_core.command.present import CannotSay, present, warn_program
from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.errors import PortEyeError
from porteye_core.judging import expected_file
from porteye_core.judging.blocks import Expected
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import GRAVE, Before, Verdict, judge, missing
from porteye_core.model import Filters
from porteye_core.spoken_times import dated
from porteye_core.store.reading import Life, MomentCoverage, RowReader, open_row_reader

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
_GAP_IS_OVER = "open before and after the gap"


@dataclass(frozen=True, slots=True)
class _Moment:
    """Listeners that were open at a moment, with the doubts. before: None if nothing is known of
    it. is_unwatched: nobody watched then."""

    lives: Sequence[tuple[Life, str]]
    before: Before | None
    is_unwatched: bool = False


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
    expected = expected_file.read(expected_file.find(question.expected, question.db))
    if given.at:
        at = question.moment("at", given.at)
        with open_row_reader(question.db) as reader:
            moment = _then(reader, question, at, expected)
        note = f"Nobody watched at {dated(at, question.now, question.zone)}."
        note = note if moment.is_unwatched else ""
    else:
        with present(question.db, question.now, question.zone) as known:
            lives = known.now.open_then(Filters(), known.at, MomentCoverage(None))
            past = None if known.is_scan else known.now
            moment = _Moment(lives, _before(past, known.at, expected, watching=True))
            note = known.note
            if given.json or given.junit or not screen.is_terminal:
                warn_program(known)
    findings = list(_findings(moment, expected))
    status = _status((each.verdict for each in findings), is_unwatched=moment.is_unwatched)
    _write(given, findings, status, note, screen)
    return status


def _then(reader: RowReader, question: Question, at: int, expected: Expected) -> _Moment:
    """The listeners of a moment of the past; raises CannotSay."""
    watching = reader.status(question.now).is_current
    coverage = reader.coverage_at(at, watching=watching)
    if coverage.gap is not None and coverage.gap.start is None:
        said = dated(at, question.now, question.zone)
        raise CannotSay(f"Nobody watched yet at {said}.", "Ask for a later time.")
    return _Moment(
        reader.open_then(Filters(), at, coverage),
        _before(reader, at, expected, watching=watching),
        coverage.gap is not None,
    )


def _before(
    reader: RowReader | None, at: int, expected: Expected, *, watching: bool
) -> Before | None:
    if reader is None:
        return None
    since = at - expected.defaults.missing
    closed = tuple(Seen.of(life) for life in reader.closed_lives(since, at))
    return Before(reader.coverage(since, at, watching=watching).unwatched, closed)


def _findings(moment: _Moment, expected: Expected) -> Iterator[Finding]:
    """The verdicts, the gravest first; the listeners of one identity have one."""
    found: dict[tuple[object, ...], Finding] = {}
    all_seen = []
    for life, doubt in moment.lives:
        seen = Seen.of(life, "" if doubt == _GAP_IS_OVER else doubt)
        all_seen.append(seen)
        judgement = judge(seen, expected)
        is_ephemeral = expected.is_ephemeral(seen.protocol, seen.port)
        key = (judgement.verdict, seen.identity(is_ephemeral=is_ephemeral))
        if key in found:
            found[key] = found[key].with_another(life)
        else:
            found[key] = Finding(judgement, (life,))
    absent = (Finding(each) for each in missing(all_seen, expected, moment.before))
    order = list(Verdict)
    yield from sorted([*found.values(), *absent], key=lambda each: order.index(each.verdict))


def _status(verdicts: Iterable[Verdict], *, is_unwatched: bool) -> int:
    found = set(verdicts) - {Verdict.EXPECTED}
    if found.intersection(GRAVE):
        return UNEXPECTED
    if is_unwatched:
        return CANNOT_SAY
    return NOT_AS_EXPECTED if found else AS_EXPECTED


def _write(
    given: Namespace, findings: Sequence[Finding], status: int, note: str, screen: Screen
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


def _show(findings: Sequence[Finding], note: str, screen: Screen) -> None:
    counts = Counter(each.verdict for each in findings)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    screen.write(f"{said or 'Nothing listens'}.", Style.STRONG)
    rows = [_cells(each) for each in findings if each.verdict is not Verdict.EXPECTED]
    if rows:
        screen.write_table(_COLUMNS, rows)
    if note:
        screen.write(note, Style.WARNING)


def _cells(finding: Finding) -> tuple[str, ...]:
    values = record(finding)
    names = ("verdict", "port", "protocol", "exposure", "program", "user", "why")
    return tuple("" if values[name] is None else str(values[name]) for name in names)
