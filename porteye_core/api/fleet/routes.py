"""The routes of a fleet: those that only a fleet has, and those that answer over many hosts where
no single one is named."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from porteye_core.api import files, moments, shapes
from porteye_core.api.file_names import file_name
from porteye_core.api.fleet import health as fleet_health
from porteye_core.api.fleet import shapes as fleet_shapes
from porteye_core.api.fleet.answers import (
    EPHEMERAL,
    KEPT,
    UNCERTAIN,
    Batches,
    Headers,
    described,
    kept,
    streamed,
    uncertain,
)
from porteye_core.api.fleet.parameters import (
    BeforePlace,
    Hosts,
    OfActivity,
    names_one_host,
)
from porteye_core.api.parameters import OfEvents, OfListeners
from porteye_core.config import Config
from porteye_core.errors import FilterError
from porteye_core.judging.opinion_fields import fleet_opinion_fields
from porteye_core.model import Filters
from porteye_core.reach import reachable_of
from porteye_core.store import alerts
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts import fleet_records, row_batches
from porteye_core.store.fleet.many_hosts.activity import buckets
from porteye_core.store.fleet.many_hosts.doubts import doubts
from porteye_core.store.fleet.many_hosts.first_seen import new_ports
from porteye_core.store.fleet.many_hosts.full_rows import place_of
from porteye_core.store.fleet.many_hosts.known_hosts import Known, known_hosts
from porteye_core.store.fleet.many_hosts.listeners import services
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.reading import Field, Form, record
from porteye_core.system.clock import timestamp

_AT = Query(description="the moment, ISO 8601 with offset")
_ALL = 2**31 - 1
_FILE: dict[int | str, Any] = {
    403: {"model": shapes.Error, "description": "The address of this file is no longer valid"},
}


class ManyHostsRoute(APIRoute):
    """A route for questions that name no single host."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what the path matches, but for a question about one host."""
        match, child = super().matches(scope)
        if match is not Match.NONE and names_one_host(QueryParams(scope["query_string"])):
            return Match.NONE, {}
        return match, child


def add(api: FastAPI, config: Config) -> None:
    """Add the routes of a fleet to an API that has those of one host, and answer before these; the
    API's description has one of each path."""
    address = config.fleet
    many = APIRouter(route_class=ManyHostsRoute)
    _add_listeners(many, address)
    _add_history(many, address)
    _add_of_one_host(many)
    fleet_health.add(many, address)
    for form in Form:
        _add_files(many, config, form)
    told = {each.path for each in _routes(many.routes) if each.include_in_schema}
    for each in _routes(api.routes):
        if each.path in told:
            each.include_in_schema = False
    alone = APIRouter()
    _add_hosts(alone, address)
    _add_services(alone, address)
    _add_first_seen(alone, address)
    _add_activity(alone, address)
    api.router.routes[:0] = [*alone.routes, *many.routes]


def _routes(of: Iterable[BaseRoute]) -> list[APIRoute]:
    return [each for each in of if isinstance(each, APIRoute)]


def _array(shape: Any, *headers: str) -> dict[int | str, dict[str, Any]]:
    return described({"model": list[shape]}, *headers)


def _of_past(reader: FleetReader, known: Known, until: int | None) -> Headers:
    at = until if until is not None and until <= moments.now() else None
    return {**uncertain(doubts(known.hosts, at)), **kept(reader)}


def _add_listeners(api: APIRouter, address: str) -> None:
    @api.get("/ports", responses=_array(fleet_shapes.PORT_SHAPE, UNCERTAIN))
    def ports(request: Request, which: OfListeners, of: Hosts) -> Response:
        """The open listeners, by port; `since` and `until` bound the time at which each opened.
        The header `Uncertain-Hosts` names hosts that may have others by now."""
        return streamed(request, address, of, _now(which), fleet_records.FLEET_PORT)


def _now(which: Filters) -> Callable[[FleetReader, Known], tuple[Headers, Batches]]:
    def ask(reader: FleetReader, known: Known) -> tuple[Headers, Batches]:
        batches = row_batches.open_batches(reader, Selection.of(which, known.numbers))
        return uncertain(doubts(known.hosts)), batches

    return ask


def _then(which: Filters, at: int) -> Callable[[FleetReader, Known], tuple[Headers, Batches]]:
    def ask(reader: FleetReader, known: Known) -> tuple[Headers, Batches]:
        if at < reader.kept_from:
            since = timestamp(reader.kept_from)
            raise FilterError("at", f"The fleet keeps what was since {since}.", "Use a later time.")
        covered = coverages(reader, known.hosts, at)
        wanted = Selection.of(replace(which, since=None, until=None), known.numbers)
        batches = row_batches.moment_batches(reader, wanted, at, covered)
        return {**uncertain(doubts(known.hosts, at, covered)), **kept(reader)}, batches

    return ask


def _add_history(api: APIRouter, address: str) -> None:
    @api.get("/history", responses=_array(fleet_shapes.EVENT_SHAPE, "Link", UNCERTAIN, KEPT))
    def history(
        request: Request, which: OfEvents, of: Hosts, before: BeforePlace = None
    ) -> Response:
        """The events, the newest first. Where there may be more, the header `Link` names the next
        page, whose rel is next; its `before` is a place among all hosts' events, and no id. What is
        more than 5 minutes ahead of the server's clock comes with `until` alone."""
        with open_fleet(address) as reader:
            known = known_hosts(reader, of)
            wanted = Selection.of(which, known.numbers)
            rows = row_batches.newest_rows(reader, wanted, which.limit, before)
            headers = dict(_of_past(reader, known, which.until))
        if len(rows) == which.limit:
            older = request.url.include_query_params(before=str(place_of(rows[-1])))
            headers["Link"] = f'<?{older.query}>; rel="next"'
        found = [record(fleet_records.FLEET_EVENT, row) for row in rows]
        return JSONResponse(found, headers=headers)


def _add_of_one_host(api: APIRouter) -> None:
    def one_host(request: Request) -> Response:
        """Say that a host must be named."""
        raise FilterError(
            "host",
            f"{request.scope['path']} tells of one host.",
            "Name it: host=NAME. /api/hosts lists them.",
        )

    for path in ("/changes.csv", "/changes.json", "/verdicts"):
        api.add_api_route(path, one_host, include_in_schema=False)


def _opinions(config: Config, form: Form) -> dict[str, Field]:
    """The fields of opinions, which CSV alone has. Raises StoreError if notes cannot be read."""
    if form is not Form.CSV:
        return {}
    notes = alerts.read_notes_of_all(config.alerts_file)
    return fleet_opinion_fields(config, notes, moments.now())


def _add_files(api: APIRouter, config: Config, form: Form) -> None:
    address = config.fleet
    csv_only: dict[str, Any] = {"response_class": Response} if form is Form.CSV else {}

    def answers(shape: Any, *headers: str) -> dict[str, Any]:
        found = described(files.answers(form, shape), *headers, more=_FILE)
        return {"responses": found, **csv_only}

    @api.get(f"/history.{form}", **answers(fleet_shapes.EVENT_SHAPE, UNCERTAIN, KEPT))
    def history_file(
        request: Request, which: OfEvents, of: Hosts, before: BeforePlace = None
    ) -> Response:
        """The whole history that the filters let through, of every host; `limit` does not count."""
        until = which.until or moments.now()

        def ask(reader: FleetReader, known: Known) -> tuple[Headers, Batches]:
            wanted = Selection.of(which, known.numbers)
            batches = row_batches.event_batches(reader, wanted, before)
            return _of_past(reader, known, which.until), batches

        name = file_name("fleet-history", form, which, which.since, until, hosts=of)
        more = _opinions(config, form)
        return streamed(request, address, of, ask, fleet_records.FLEET_EVENT, form, name, more)

    @api.get(f"/ports.{form}", **answers(fleet_shapes.PORT_SHAPE, UNCERTAIN))
    def ports_file(request: Request, which: OfListeners, of: Hosts) -> Response:
        """The open listeners of every host, by port; `since` and `until` do not count."""
        name = file_name("fleet-now", form, which, moments.now(), hosts=of)
        whenever = replace(which, since=None, until=None)
        ask, more = _now(whenever), _opinions(config, form)
        return streamed(request, address, of, ask, fleet_records.FLEET_PORT, form, name, more)

    @api.get(f"/moment.{form}", **answers(fleet_shapes.MOMENT_SHAPE, UNCERTAIN, KEPT))
    def moment_file(
        request: Request, which: OfListeners, of: Hosts, at: Annotated[str, _AT]
    ) -> Response:
        """The listeners that were open at a moment on every host, by port; `since` and `until` do
        not count."""
        (moment,) = moments.moments(at=at)
        name = file_name("fleet-at", form, which, moment, hosts=of)
        ask, more = _then(which, moment), _opinions(config, form)
        return streamed(request, address, of, ask, fleet_records.FLEET_MOMENT, form, name, more)


def _add_hosts(api: APIRouter, address: str) -> None:
    @api.get("/hosts", responses=_array(fleet_shapes.HOST_SHAPE))
    def all_hosts() -> Response:
        """The hosts of the fleet, by name; those that were retired, too."""
        with open_fleet(address) as reader:
            found = hosts(reader.server)
        return JSONResponse(fleet_records.records(fleet_records.HOST, found))


def _add_services(api: APIRouter, address: str) -> None:
    def found(which: Filters, of: Hosts) -> Response:
        with open_fleet(address) as reader:
            known = known_hosts(reader, of)
            rows = services(reader, Selection.of(which, known.numbers), _ALL)
            headers = uncertain(doubts(known.hosts))
        return JSONResponse(
            fleet_records.records(fleet_records.SERVICE, rows), headers=dict(headers)
        )

    @api.get("/services", responses=_array(fleet_shapes.SERVICE_SHAPE, UNCERTAIN))
    def all_services(which: OfListeners, of: Hosts) -> Response:
        """The services that are open: one record for each program on a port with an exposure, that
        of most hosts first; `since` and `until` do not count. The header `Uncertain-Hosts` names
        hosts that may have others by now."""
        return found(which, of)

    @api.get("/exposed", responses=_array(fleet_shapes.SERVICE_SHAPE, UNCERTAIN))
    def exposed(which: OfListeners, of: Hosts) -> Response:
        """The services that other machines may reach, as /services has them."""
        reached = reachable_of(which.exposure)
        if not reached:
            raise FilterError("exposure", "No other machine reaches these.", "Ask /api/services.")
        return found(replace(which, exposure=reached), of)


def _add_first_seen(api: APIRouter, address: str) -> None:
    @api.get(
        "/first-seen", responses=_array(fleet_shapes.FIRST_SEEN_SHAPE, EPHEMERAL, UNCERTAIN, KEPT)
    )
    def first_seen(which: OfListeners, of: Hosts) -> Response:
        """The ports that a host opened since then and none had before, the newest first. Those from
        32768 on, which the kernel gives to who asks for none, are counted by the header
        `Ephemeral-Count` alone. The parameter `since` is needed."""
        if which.since is None:
            raise FilterError("since", "No time is given.", "Give one, like 2026-01-31T03:10:00Z.")
        with open_fleet(address) as reader:
            known = known_hosts(reader, of)
            wanted = Selection.of(which, known.numbers)
            found = new_ports(reader, which.since, _ALL, wanted)
            headers = {EPHEMERAL: str(found.ephemeral), **_of_past(reader, known, which.until)}
        rows = fleet_records.records(fleet_records.FIRST_SEEN, found.newest)
        return JSONResponse(rows, headers=headers)


def _add_activity(api: APIRouter, address: str) -> None:
    @api.get("/activity", responses=_array(fleet_shapes.BUCKET_SHAPE, UNCERTAIN, KEPT))
    def activity(asked: OfActivity, of: Hosts) -> Response:
        """Openings and closings by the hour or day, whole ones, in the 30 days before `until`
        without `since`; those without anything are left out."""
        with open_fleet(address) as reader:
            known = known_hosts(reader, of)
            wanted = Selection.of(replace(asked.which, since=None, until=None), known.numbers)
            found = buckets(reader, wanted, asked.since, asked.until, days=asked.days)
            headers = _of_past(reader, known, asked.which.until)
        return JSONResponse(
            fleet_records.records(fleet_records.BUCKET, found), headers=dict(headers)
        )
