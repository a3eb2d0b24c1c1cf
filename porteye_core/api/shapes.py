"""Shapes of the answers. The fields of records are declared in store.reading.json_records."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from porteye_core.judging.note_words import MAX_LABEL, MAX_LINK, MAX_TEXT
from porteye_core.judging.verdicts import Verdict
from porteye_core.restarts import Restarts
from porteye_core.store.alerts import AlertsHealth
from porteye_core.store.reading import CHANGE, EVENT, MOMENT, PORT, Status, health_record
from porteye_core.store.reading import Field as Declared
from porteye_core.system.clock import timestamp


def shape(name: str, doc: str, fields: dict[str, Declared]) -> type[BaseModel]:
    """The OpenAPI description of records with these fields."""
    described: dict[str, Any] = {
        key: (field.type, Field(description=field.description)) for key, field in fields.items()
    }
    return create_model(name, __doc__=doc, **described)


PORT_SHAPE = shape("Port", "A listener that is open now.", PORT)
EVENT_SHAPE = shape("Event", "A listener opened or closed.", EVENT)
MOMENT_SHAPE = shape("PortAtMoment", "A listener that was open at a moment.", MOMENT)
CHANGE_SHAPE = shape("Change", "A difference between the listeners of two moments.", CHANGE)


class VerdictRecord(BaseModel):
    """A verdict on the listeners of one identity, or on a block for which there is none."""

    at: str = Field(description="the moment, ISO 8601")
    verdict: str = Field(description=", ".join(Verdict))
    why: str = Field(description="reason, empty if there is nothing to say")
    port: int | str = Field(description="for what is missing the ports of its block, as text")
    protocol: str
    address: str = Field(description="addresses of the listeners")
    exposure: str = Field(description="the hosts that may reach it")
    program: str = Field(description="title of the owner")
    pid: int | None
    user: str
    unit: str
    container: str
    listeners: list[int] = Field(description="their ids")
    line: int | None = Field(description="of the block that fits or comes nearest")
    label: str | None = Field(description="of a note, else of that block; null if there is none")
    note: str | None = Field(description="of a note, else of that block")
    link: str | None = Field(description="of a note, else of that block")


class FindingRecord(BaseModel):
    """Something that the alerts process found."""

    id: int
    key: str = Field(description="the identity, as notes have it")
    kind: str = Field(
        description="listener, flapping, brief, missing, unwatched, settings or database"
    )
    verdict: str = Field(description="empty for unwatched, settings and database")
    at: str = Field(description="when it began, ISO 8601")
    found_at: str = Field(description="when it was found")
    ended_at: str | None = Field(description="null while it is so")
    told_at: str | None = Field(description="when its beginning was put into messages")
    end_told_at: str | None = Field(description="when its end was put into messages")
    listener: int | None = Field(description="id of the listener")
    protocol: str
    port: int | None = Field(description="null for ephemeral ports together")
    address: str
    exposure: str
    program: str
    user: str
    unit: str
    container: str
    pid: int | None
    why: str
    line: int | None = Field(description="of the block")
    label: str = Field(description="of the note, else of the block")
    host: str
    brief_count: int = Field(description="how often it was open for a moment")
    ended_why: str = Field(description="why it is over, if not because it closed")


class NoteRecord(BaseModel):
    """The words of people on an identity."""

    host: str = Field(description="of a fleet, empty on a single machine")
    key: str = Field(description="the identity, for a change")
    protocol: str
    port: int | None = Field(description="null: every ephemeral port")
    exposure: str
    who: str = Field(description="its unit, else its container with the program, else its program")
    user: str
    label: str
    note: str
    link: str
    accepted: bool = Field(description="whether it is expected now")
    accepted_at: str | None
    accepted_until: str | None = Field(description="null for good")
    accepted_by: str = Field(description="who accepted it, empty if nobody does")
    words_by: str = Field(description="who wrote label, note or link last, empty if there is none")
    words_at: str | None = Field(description="when that was, ISO 8601")
    author: str = Field(description="who changed it last")
    at: str = Field(description="when that was, ISO 8601")


class NoteChange(BaseModel):
    """A change to the words on an identity; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str | None = Field(None, max_length=4096, description="the identity")
    listener: int | None = Field(
        None, ge=1, le=2**63 - 1, description="instead of the key: a listener that has it"
    )
    label: str | None = Field(None, description=f"{MAX_LABEL} characters at most")
    note: str | None = Field(None, description=f"{MAX_TEXT} characters at most")
    link: str | None = Field(None, description=f"http or https, {MAX_LINK} characters at most")
    accept: bool | None = Field(None, description="true accepts it, false takes that back")
    until: str | None = Field(None, description="with accept: until this time, ISO 8601")
    at: str | None = Field(
        None, description="refuse the change if `at` of the note is another one meanwhile"
    )


NOTE_CHANGE = NoteChange.model_json_schema()


class LimitationShape(BaseModel):
    """A way in which the watch sees less than everything."""

    name: str
    text: str
    hint: str


class Health(BaseModel):
    """The state of the monitor and of the alerts process."""

    status: str = Field(
        description="watching, starting, holding, stalled, stopped or never; of a host of a fleet"
        " also behind, silent or retired"
    )
    trouble: str | None = Field(description="why it cannot write: what it sees waits in memory")
    host: str | None = Field(description="the machine that the latest watch is of")
    elsewhere: bool = Field(description="whether that is another machine than this one")
    other_hosts: list[str] = Field(description="further machines whose history the database has")
    pid: int | None
    source: str | None
    why: str | None = Field(description="why this source and no better one")
    interval_seconds: float | None
    since: str | None = Field(description="when the latest watch began")
    seen: str | None = Field(description="when it last stored something")
    stopped: str | None
    limits: list[LimitationShape]
    scan_ms: float | None = Field(description="duration of the latest full scan")
    hidden: int | None = Field(description="listeners whose owner is not known")
    lost: int | None = Field(description="kernel records lost during the watch")
    left_out: int | None = Field(
        description="network namespaces that the latest sample had no time for"
    )
    alerts: str | None = Field(
        description="whether an alerts process runs: judging, stopped or unknown, where this user"
        " may not know; null without an alerts database"
    )
    alerts_waiting: int | None = Field(description="messages that no receiver has taken yet")
    alerts_failed: int | None = Field(description="messages that were given up in the last year")
    restarts: int = Field(description="monitors that this dashboard started in place of another")
    next_start: str | None = Field(description="when it starts another; null if it starts none")
    last_end: str | None = Field(description="why it does, as a sentence")
    version: str


class ErrorDetail(BaseModel):
    """The fault and its remedy."""

    code: str
    message: str
    hint: str


class Error(BaseModel):
    """Every error."""

    error: ErrorDetail


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "The Host header names another machine"},
    401: {"model": Error, "description": "A token is set, and this is not it"},
    429: {"model": Error, "description": "Too many wrong tokens were given"},
    503: {
        "model": Error,
        "description": "No monitor is running, there is no database, or the question took too long",
    },
}


INVALID: dict[int | str, dict[str, Any]] = {
    422: {"model": Error, "description": "A parameter has a value that cannot be used"},
    **ERRORS,
}


def health(
    status: Status, alerts: AlertsHealth, restarts: Restarts, version: str
) -> dict[str, Any]:
    """The record of a Health."""
    pending = restarts.pending
    return Health(
        **health_record(status, version),
        **alerts._asdict(),
        restarts=restarts.count,
        next_start=timestamp(pending.at) if pending else None,
        last_end=pending.ended if pending else None,
    ).model_dump()
