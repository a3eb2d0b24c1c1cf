"""The routes of notes: what people say of identities, and a change to that.

A change takes the token itself. The cookie of a page and the ticket of a file are not enough: a
browser sends them by itself.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from porteye_core import filters
from porteye_core.api import moments, shapes
from porteye_core.api.asked_database import OfHost
from porteye_core.api.shapes import NoteChange
from porteye_core.config import Config
from porteye_core.errors import FilterError
from porteye_core.guards.access import Access
from porteye_core.guards.error_response import error_response
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.token import check_bearer, refusal_of
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import without_file
from porteye_core.judging.note_words import checked
from porteye_core.judging.seen import Identity, Seen
from porteye_core.store import alerts
from porteye_core.store.alerts import Connection, Note
from porteye_core.store.database import HostAtServer, open_reader
from porteye_core.system.clock import timestamp
from porteye_core.system.plain_text import clean

_LARGEST = 16_384  # bytes of a change: its words are 1,560 characters at most
_MOST = 10_000  # notes
_JSON = "application/json"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": list[shapes.NoteRecord]},
    **shapes.INVALID,
}
_CHANGED: dict[int | str, dict[str, Any]] = {
    200: {"model": shapes.NoteRecord},
    **shapes.INVALID,
    400: {"model": shapes.Error, "description": "The body is no JSON object, or the Host is wrong"},
    403: {"model": shapes.Error, "description": "No token is set, or another page asks"},
    404: {"model": shapes.Error, "description": "No such listener is recorded"},
    409: {"model": shapes.Error, "description": "The note has changed, or there are too many"},
    413: {"model": shapes.Error, "description": "The body is too large"},
    415: {"model": shapes.Error, "description": "The body is not declared as JSON"},
}
_BODY = {"requestBody": {"required": True, "content": {_JSON: {"schema": shapes.NOTE_CHANGE}}}}


class _Refused(Exception):
    """A change that is refused with a status."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.response = error_response(status, code, message, hint)


class _Asked(NamedTuple):
    """The settings, and the host of a fleet that a change is about."""

    config: Config
    of: HostAtServer | None


def add(api: FastAPI, config: Config, access: Access, guesses: Guesses) -> None:
    """Add the routes to the API."""
    file = config.alerts_file

    @api.get("/notes", responses=_ANSWERS)
    def notes(of: OfHost) -> Response:
        """Notes of people on identities: accepts, labels, texts and links, by key."""
        now = moments.now()
        if config.fleet and of is None:
            found = alerts.read_notes_of_all(file)
        else:
            found = alerts.read_notes(file, of.name if of else "")
        return JSONResponse([_record(each, now) for each in found])

    @api.post("/notes", responses=_CHANGED, openapi_extra=_BODY)
    async def change_note(request: Request, of: OfHost) -> Response:
        """Change what is said of an identity; what is not given stays. It takes the header
        `Authorization: Bearer` and the token, and the body as JSON."""
        try:
            await _check_token(request, access, guesses)
            change = _change(await _body(request))
            author = f"the API, from {clean(request.client.host) if request.client else 'a socket'}"
            return await run_in_threadpool(_changed, _Asked(config, of), change, author)
        except _Refused as refused:
            return refused.response
        except HTTPException as refused:
            return refusal_of(refused)


async def _check_token(request: Request, access: Access, guesses: Guesses) -> None:
    if not access.token:
        raise _Refused(
            403,
            "token_not_set",
            "A note takes the token, and this dashboard was started without one.",
            "Start it with PORTEYE_TOKEN or PORTEYE_TOKEN_FILE.",
        )
    await check_bearer(request, access, guesses)


async def _body(request: Request) -> Mapping[str, Any]:
    """The object that the body is. Raises _Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise _Refused(415, "not_json", "The body is not JSON.", f"Send Content-Type: {_JSON}.")
    raw = b""
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > _LARGEST:
                raise _Refused(413, "body_too_large", f"The body has more than {_LARGEST} bytes.")
    except ClientDisconnect:
        raise _Refused(400, "body_incomplete", "The body is not complete.") from None
    try:
        said = json.loads(raw)
        json.dumps(said, ensure_ascii=False).encode()  # no halves of characters
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise _Refused(400, "bad_request", "The body is no JSON object.", "Send one like {}.")
    return said


def _change(said: Mapping[str, Any]) -> NoteChange:
    """The change that is asked for. Raises FilterError."""
    try:
        change = NoteChange.model_validate(said)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][-1]) if first["loc"] else "body"
        raise FilterError(clean(name[:40]), f"{first['msg']}.", "See api/docs.") from None
    if change.until and not change.accept:
        raise FilterError("until", "It says until when, and nothing is accepted.", "Add accept.")
    return change


def _changed(asked: _Asked, change: NoteChange, author: str) -> Response:
    """Make the change, and answer with what is said now. Raises FilterError, StoreError."""
    if asked.config.fleet and asked.of is None:
        raise FilterError("host", "No host is named.", "Name one, like host=web1.")
    now, host = moments.now(), asked.of.name if asked.of else ""
    until = _until(change, now)
    key = _identity(asked, change).key
    with alerts.writing(asked.config.alerts_file) as connection:
        before = _before(connection, key, change, host)
        after = replace(before, author=author, at=now)
        if not {"label", "note", "link"}.isdisjoint(change.model_fields_set):
            words = checked(
                before.label if change.label is None else change.label,
                before.text if change.note is None else change.note,
                before.link if change.link is None else change.link,
            )
            alerts.put_words(connection, replace(after, **words._asdict()))
        if change.accept is not None:
            at = now if change.accept else None
            alerts.put_accept(connection, replace(after, accepted_at=at, accepted_until=until))
        found = alerts.note(connection, key, host) or Note(key, author=author, at=now, host=host)
    return JSONResponse(_record(found, now))


def _before(connection: Connection, key: str, change: NoteChange, host: str) -> Note:
    """The note as it is; raises _Refused if it is not the one that the change is to, or if there
    are too many."""
    found = alerts.note(connection, key, host)
    if change.at is not None and (found is None or timestamp(found.at) != change.at):
        raise _Refused(
            409,
            "note_changed",
            "Somebody has changed this note since, or it is not there.",
            "Read it again.",
        )
    if found is None and len(alerts.notes_of_all(connection)) >= _MOST:
        raise _Refused(409, "too_many_notes", f"There are {_MOST:,} notes.", "Empty some of them.")
    return found or Note(key, host=host)


def _until(change: NoteChange, now: int) -> int | None:
    at = filters.time("until", change.until or "")
    if at is not None and at <= now:
        raise FilterError("until", "This time is over.", "Use a time that is to come.")
    return at


def _identity(asked: _Asked, change: NoteChange) -> Identity:
    """The identity that a change names by its key or by one of its listeners."""
    if (change.key is None) == (change.listener is None):
        raise FilterError("key", "Name the identity.", "Give either key or listener.")
    if change.key is not None:
        try:
            found = Identity.of(change.key)
            found.key.encode()  # what no database stores
        except (ValueError, RecursionError):
            raise FilterError("key", "This is no identity.", "Use a key of /api/notes.") from None
        return found
    with open_reader(asked.of or asked.config.db) as reader:
        life = reader.listener(change.listener or 0)
    if life is None:
        raise _Refused(404, "no_listener", f"No listener {change.listener} is recorded.")
    file = in_force(asked.config)
    judge = (file.on(asked.of.name) if asked.of else file.judge) or without_file()
    return judge.of(Seen.of(life)).identity


def _record(note: Note, now: int) -> dict[str, Any]:
    try:
        of = Identity.of(note.key)
    except ValueError:  # of another version
        of = None
    return {
        "host": note.host,
        "key": note.key,
        "protocol": of.protocol.value if of else "",
        "port": of.port if of else None,
        "exposure": of.reach.value if of else "",
        "who": of.who if of else "",
        "user": of.user if of else "",
        "label": note.label,
        "note": note.text,
        "link": note.link,
        "accepted": note.accepts(now),
        "accepted_at": None if note.accepted_at is None else timestamp(note.accepted_at),
        "accepted_until": None if note.accepted_until is None else timestamp(note.accepted_until),
        "accepted_by": note.accepted_by,
        "words_by": note.words_by,
        "words_at": None if note.words_at is None else timestamp(note.words_at),
        "author": note.author,
        "at": timestamp(note.at),
    }
