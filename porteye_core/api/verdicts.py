"""The route of verdicts: what `porteye check` says, as records."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.responses import JSONResponse, Response

from porteye_core.api import moments, shapes
from porteye_core.api.asked_database import OfDatabase, host_names
from porteye_core.config import Config
from porteye_core.guards.error_response import error_response
from porteye_core.judging import moment
from porteye_core.judging.acceptance import Accepted
from porteye_core.judging.blocks import Expected
from porteye_core.judging.in_force import in_force
from porteye_core.judging.note_words import words_of
from porteye_core.judging.verdict_records import record
from porteye_core.store import alerts
from porteye_core.store.alerts import Note
from porteye_core.store.database import Database, open_reader
from porteye_core.system.clock import timestamp

_AT = Query(description="a moment before, ISO 8601 with offset; now without it")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": list[shapes.VerdictRecord]},
    404: {"model": shapes.Error, "description": "No file says what is expected"},
    **shapes.INVALID,
}


def add(api: FastAPI, config: Config) -> None:
    """Add the route to the API."""

    @api.get("/verdicts", responses=_ANSWERS)
    def verdicts(db: OfDatabase, at: Annotated[str, _AT] = "") -> Response:
        """The verdicts on what listens, and on what should, the gravest first. The listeners of one
        identity have one. The last good file of expected ports counts, and what people accept."""
        earlier = next(moments.moments(at=at)) if at else None
        found, (host,) = in_force(config), host_names(db) or ("",)
        judge = found.on(host) if host else found.judge
        if judge is None:
            return _no_file(found.error)
        notes = alerts.read_notes(config.alerts_file, host)
        if earlier is None:
            return _now(db, judge.expected, notes)
        return _at(db, earlier, judge.expected, notes)


def _now(db: Database, expected: Expected, notes: Sequence[Note]) -> Response:
    now = moments.now()
    with open_reader(db) as reader:
        monitor = reader.status(now)
        if not monitor.is_current:
            return moments.not_watching(monitor, db)
        then = moment.present(reader, now, expected, past=reader)
        return _answer(then, now, expected, notes)


def _at(db: Database, at: int, expected: Expected, notes: Sequence[Note]) -> Response:
    with open_reader(db) as reader:
        watching = reader.status(moments.now()).is_current
        _, coverage = moments.covered(reader, at)
        then = moment.earlier(reader, at, coverage, expected, watching=watching)
        if then.is_unwatched:
            return error_response(
                503,
                "not_watched",
                f"Nobody watched at {timestamp(at)}: what listened then is not known.",
                "Ask for a moment that was watched.",
            )
        return _answer(then, at, expected, notes)


def _answer(then: moment.Moment, at: int, expected: Expected, notes: Sequence[Note]) -> Response:
    accepted = Accepted.of(notes, moments.now())
    of_moment = {"at": timestamp(at)}
    found = moment.judged(then, expected, accepted, words_of(notes))
    return JSONResponse([{**of_moment, **record(each)} for each in found])


def _no_file(error: str) -> Response:
    if error:
        return error_response(503, "expected_ports_unreadable", error, "See docs/expected.md.")
    return error_response(
        404,
        "no_expected_ports",
        "There is no file of expected ports.",
        "Print one with porteye learn, read it, and put it beside the database.",
    )
