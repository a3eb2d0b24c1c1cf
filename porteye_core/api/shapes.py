"""Shapes of the answers. The fields of records are declared in store.reading.json_records."""

from typing import Any

from pydantic import BaseModel, Field, create_model

from porteye_core.restarts import Restarts
from porteye_core.store.reading import CHANGE, EVENT, MOMENT, PORT, Status, health_record
from porteye_core.store.reading import Field as Declared
from porteye_core.system.clock import timestamp


def _shape(name: str, doc: str, fields: dict[str, Declared]) -> type[BaseModel]:
    """The OpenAPI description of records with these fields."""
    described: dict[str, Any] = {
        key: (field.type, Field(description=field.description)) for key, field in fields.items()
    }
    return create_model(name, __doc__=doc, **described)


PORT_SHAPE = _shape("Port", "A listener that is open now.", PORT)
EVENT_SHAPE = _shape("Event", "A listener opened or closed.", EVENT)
MOMENT_SHAPE = _shape("PortAtMoment", "A listener that was open at a moment.", MOMENT)
CHANGE_SHAPE = _shape("Change", "A difference between the listeners of two moments.", CHANGE)


class LimitationShape(BaseModel):
    """A way in which the watch sees less than everything."""

    name: str
    text: str
    hint: str


class Health(BaseModel):
    """The state of the monitor."""

    status: str = Field(description="watching, starting, holding, stalled, stopped or never")
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


def health(status: Status, restarts: Restarts, version: str) -> dict[str, Any]:
    """The record of a Health."""
    pending = restarts.pending
    return Health(
        **health_record(status, version),
        restarts=restarts.count,
        next_start=timestamp(pending.at) if pending else None,
        last_end=pending.ended if pending else None,
    ).model_dump()
