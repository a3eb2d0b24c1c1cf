"""The database that a question is about: this machine's, or that of a host which it names."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from starlette.requests import Request

from porteye_core.config import Config
from porteye_core.errors import FilterError
from porteye_core.store.database import Database, HostAtServer, find_host

_LONGEST = 40  # characters of a name that there is not
_HOST = Query(
    description="name of a host, where the dashboard is that of a fleet",
    json_schema_extra={"maxLength": 253},
)


def let_ask(api: FastAPI, config: Config) -> None:
    """Let the routes of an API depend on OfHost and OfDatabase."""
    api.state.config = config


def _host(request: Request, host: Annotated[str, _HOST] = "") -> HostAtServer | None:
    config: Config = request.app.state.config
    name = host.strip()
    if not name:
        return None
    if not config.fleet:
        raise FilterError(
            "host", "This dashboard shows this machine alone.", "PORTEYE_FLEET makes it a fleet's."
        )
    found = find_host(config.fleet, name)
    if found is None:
        raise FilterError(
            "host", f"No host of the fleet is called “{name[:_LONGEST]}”.", "See /api/hosts."
        )
    return found


OfHost = Annotated[HostAtServer | None, Depends(_host)]
"""The host that a question names, None if it names none. Raises FilterError, StoreError."""


def _database(request: Request, of: OfHost) -> Database:
    config: Config = request.app.state.config
    if of is None and config.fleet:
        raise FilterError("host", "No host is named.", "Name one, like host=web1.")
    return of or config.db


OfDatabase = Annotated[Database, Depends(_database)]
"""The database that a question is about. Raises FilterError, StoreError."""


def host_names(of: Database) -> tuple[str, ...]:
    """The name of the host that a file is of; none for this machine's."""
    return () if isinstance(of, Path) else (of.name,)
