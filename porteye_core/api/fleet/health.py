"""The health of a fleet where no host is named: whether all that its hosts see is here."""

from collections import Counter

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from porteye_core import __version__
from porteye_core.api.shapes import INVALID
from porteye_core.store.fleet.hosts import FleetHost, HostState, hosts
from porteye_core.store.fleet.many_hosts.doubts import doubts
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.system.clock import timestamp


class FleetHealth(BaseModel):
    """The state of a fleet."""

    status: str = Field(
        description="complete; incomplete if a host may have more by now; empty without a host"
    )
    hosts: dict[str, int] = Field(description="the number of hosts in each state of /hosts")
    kept_from: str | None = Field(description="the time from which events are kept, ISO 8601")
    version: str


def add(api: APIRouter, address: str) -> None:
    """Add the route to those of the fleet at this address."""

    @api.get("/health", responses={200: {"model": FleetHealth}, **INVALID})
    def fleet_health() -> Response:
        """The states of the hosts; with `host` the state of its monitor, as for one machine."""
        with open_fleet(address) as reader:
            known, kept_from = hosts(reader.server), reader.kept_from
        count = Counter(host.state for host in known)
        found = FleetHealth(
            status=_status(known),
            hosts={state.value: count[state] for state in HostState},
            kept_from=timestamp(kept_from) if kept_from else None,
            version=__version__,
        )
        return JSONResponse(found.model_dump())


def _status(known: list[FleetHost]) -> str:
    if not known:
        return "empty"
    return "incomplete" if doubts(known) else "complete"
