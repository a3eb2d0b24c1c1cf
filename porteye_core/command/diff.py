"""`porteye diff`: what changed between two moments."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from porteye_core.command.exits import CANNOT_SAY, CHANGED, UNCHANGED
from porteye_core.command.present import CannotSay
from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style, warn
from porteye_core.spoken_times import dated, length
from porteye_core.store.reading import Change, Changes, RowReader, open_file_reader, summary

_COLUMNS = (
    Column("CHANGE"),
    Column("PORT", is_number=True),
    Column("PROTOCOL", 2),
    Column("PROGRAM", is_cut=True),
    Column("DETAIL", is_cut=True),
    Column("CERTAINTY", 1),
)
_FIELDS = (
    *("at", "versus", "change", "port", "protocol", "address", "exposure_was", "exposure_is"),
    *("was", "is", "openings", "certainty", "title", "pid", "user", "unit", "container", "cmdline"),
)
_OF_EXPOSURE = {Change.BECAME_REACHABLE, Change.NOT_REACHABLE, Change.EXPOSURE}


def diff(given: Namespace, question: Question, screen: Screen) -> int:
    """Tell what changed between two moments; returns the exit status."""
    filters = question.filters(given)
    first, last = sorted(
        question.moment(field, text) for field, text in (("from", given.one), ("to", given.other))
    )
    with open_file_reader(question.db) as reader:
        watching = reader.status(question.now).is_current
        found = reader.changes(filters, first, last, watching=watching)
        if found is None:
            said = dated(last, question.now, question.zone)
            raise CannotSay(f"Nothing was recorded yet at {said}.", "Ask for a later time.")
        unwatched = _unwatched(reader, found, watching=watching)
    if question.is_json:
        screen.write_json(found.records)
    elif screen.is_terminal:
        _show(found, first, question, screen)
    else:
        screen.write_tabs(_FIELDS)
        for each in found.records:
            screen.write_tabs(each[name] for name in _FIELDS)
    for at in unwatched:
        said = f"Nobody watched at {dated(at, question.now, question.zone)}."
        if screen.is_terminal and not question.is_json:
            screen.write(said, Style.WARNING)
        else:
            warn(said)
    if found.rows:
        return CHANGED
    return CANNOT_SAY if unwatched else UNCHANGED


def _unwatched(reader: RowReader, found: Changes, *, watching: bool) -> list[int]:
    """Those of both moments at which nobody watched."""
    return [
        at
        for at in (found.since, found.until)
        if reader.coverage_at(at, watching=watching).gap is not None
    ]


def _show(found: Changes, asked: int, question: Question, screen: Screen) -> None:
    since, until = (dated(at, question.now, question.zone) for at in (found.since, found.until))
    screen.write(f"From {since} to {until}: {summary(found.rows)}.", Style.STRONG)
    if found.rows:
        is_certain = not any(row["certainty"] for row in found.rows)
        last = -1 if is_certain else None
        rows = [tuple(_cells(row))[:last] for row in found.rows]
        screen.write_table(_COLUMNS[:last], rows)
    if found.since > asked:
        screen.write(f"Nothing was recorded before {since}.", Style.FAINT)
    if found.unwatched:
        screen.write(f"Nobody watched for {length(found.unwatched)} of this time.", Style.WARNING)
    if found.is_cut:
        screen.write("Of what opened and closed again only the newest is told.", Style.WARNING)


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield str(row["change"])
    yield "" if row["port"] is None else str(row["port"])
    yield row["protocol"]
    yield row["process"]
    yield _detail(row)
    yield row["certainty"]


def _detail(row: dict[str, Any]) -> str:
    """The columns that tell most of a difference of this kind."""
    match row["change"]:
        case Change.OPENED:
            return str(row["exposure_is"])
        case Change.CLOSED:
            return str(row["exposure_was"])
        case Change.BRIEF:
            return str(row["openings"])
        case Change.ADDRESS:
            return str(row["address"])
        case kind if kind in _OF_EXPOSURE:
            return f"{row['exposure_was']} → {row['exposure_is']}"
    return f"{row['was']} → {row['is']}"
