"""The parameters of the routes that become Filters."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from porteye_core import filters
from porteye_core.model import Filters

_LENGTH = {"maxLength": filters.MAX_PROCESS}
_PORT = Query(description="ports and ranges: 80, 443, 8000-8999; also 53/udp, :3000 or an error")
_PROCESS = Query(
    description="part of a process's name, title or command line, whatever its case",
    json_schema_extra=_LENGTH,
)
_PROTOCOL = Query(description="tcp or udp")
_SINCE = Query(description="not before this time, ISO 8601 with offset")
_UNTIL = Query(description="not after this time, ISO 8601 with offset")
_EXPOSURE = Query(description=f"any of these, with commas: {', '.join(filters.EXPOSURES)}")
_USER = Query(
    description="name of the owner's user, else of the socket's; the whole name",
    json_schema_extra=_LENGTH,
)
_HOME = Query(
    description="part of the name of a systemd unit or of a container, whatever its case",
    json_schema_extra=_LENGTH,
)
_ADDRESS = Query(
    description="a whole address, `*` for a socket that takes IPv6 and IPv4 of every interface;"
    " an interface after `%` counts if it is given",
    json_schema_extra=_LENGTH,
)
_KIND = Query(description="opened or closed")
# A form that was left empty sends limit= and means the default.
RowLimit = Annotated[
    int,
    Field(ge=1, le=filters.MAX_RECORDS),
    BeforeValidator(lambda value: 100 if value == "" else value),
    Query(description="how many records"),
]

Before = Annotated[
    Annotated[int, Field(ge=1, le=2**63 - 1)] | None,
    BeforeValidator(lambda value: None if value == "" else value),
    Query(description="only those before the one of this id: the last one of the page before"),
]


def _of_listeners(
    port: Annotated[str, _PORT] = "",
    process: Annotated[str, _PROCESS] = "",
    protocol: Annotated[str, _PROTOCOL] = "",
    since: Annotated[str, _SINCE] = "",
    until: Annotated[str, _UNTIL] = "",
    exposure: Annotated[str, _EXPOSURE] = "",
    user: Annotated[str, _USER] = "",
    home: Annotated[str, _HOME] = "",
    address: Annotated[str, _ADDRESS] = "",
) -> Filters:
    ports, of = filters.ports_and_protocol(port, filters.protocol(protocol))
    return Filters(
        ports=ports,
        process=filters.process(process),
        protocol=of,
        since=filters.time("since", since),
        until=filters.time("until", until),
        exposure=filters.exposure(exposure),
        user=filters.user(user),
        home=filters.home(home),
        address=filters.address(address),
    )


OfListeners = Annotated[Filters, Depends(_of_listeners)]
"""The filters of a question about listeners."""


def _of_events(
    which: OfListeners, kind: Annotated[str, _KIND] = "", limit: RowLimit = 100
) -> Filters:
    return replace(which, kind=filters.kind(kind), limit=limit)


OfEvents = Annotated[Filters, Depends(_of_events)]
"""The filters of a question about events."""
