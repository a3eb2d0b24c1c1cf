"""`porteye fleet hosts` and `new`: as a table, as lines with tabs, or as records."""

from argparse import Namespace
from collections.abc import Mapping

from porteye_core import host_patterns
from porteye_core.command.exits import HELD
from porteye_core.command.fleet_form import FleetForm
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.errors import FilterError
from porteye_core.model import Filters
from porteye_core.spoken_times import ago, dated, moment
from porteye_core.store.fleet.hosts import FleetHost
from porteye_core.store.fleet.many_hosts.doubts import doubts
from porteye_core.store.fleet.many_hosts.first_seen import FirstSeen, new_ports
from porteye_core.store.fleet.many_hosts.fleet_records import FIRST_SEEN, HOST, records
from porteye_core.store.fleet.many_hosts.known_hosts import known_hosts
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.fleet.many_hosts.selection import EPHEMERAL, Selection
from porteye_core.system.clock import timestamp

_MOST = 10_000  # rows of an answer
_HOSTS = (
    Column("HOST"),
    Column("STATE"),
    Column("SINCE", 4),
    Column("LATEST"),
    Column("LISTENERS", 1, is_number=True),
    Column("EVENTS", 3, is_number=True),
    Column("BEHIND", 2, is_number=True),
    Column("DROPPED", 3, is_number=True),
    Column("CLOCK", 2, is_number=True),
    Column("VERSION", 5),
)
_NEW = (
    Column("PORT", is_number=True),
    Column("PROTOCOL", 3),
    Column("FIRST SEEN"),
    Column("ON"),
    Column("PROGRAM", is_cut=True),
    Column("REACHABLE FROM", 1),
    Column("HOSTS NOW", 2, is_number=True),
)


def answer(given: Namespace, address: str, screen: Screen, environ: Mapping[str, str]) -> int:
    """Answer a question about hosts or first openings; returns the exit status."""
    form = FleetForm.of(given, screen, environ)
    patterns = host_patterns.parse(given.host, "host")
    if form.is_csv:
        raise FilterError("csv", f"{given.action} has no form of CSV.", "Use --json.")
    if given.action == "hosts":
        return _hosts(address, patterns, form)
    if not given.since:
        raise FilterError("since", "No time is given.", "Give one: --since yesterday.")
    which = form.question.filters(given)
    return _new(address, form.question.moment("since", given.since), patterns, which, form)


def _hosts(address: str, patterns: host_patterns.Patterns, form: FleetForm) -> int:
    with open_fleet(address) as reader:
        known = known_hosts(reader, patterns).hosts
    form.write(records(HOST, known), _HOSTS, (_host_row(each) for each in known))
    return HELD


def _host_row(host: FleetHost) -> tuple[str, ...]:
    return (
        *(host.name, host.state.value, timestamp(host.enrolled_at)),
        "never" if host.lag is None else ago(0, host.lag),
        *(f"{each:,}" for each in (host.listeners, host.events, host.behind, host.dropped)),
        "" if host.skew is None else f"{round(host.skew / 1e6, 1) + 0:+.1f} s",
        host.version,
    )


def _new(
    address: str, since: int, patterns: host_patterns.Patterns, which: Filters, form: FleetForm
) -> int:
    with open_fleet(address) as reader:
        known = known_hosts(reader, patterns)
        found = new_ports(reader, since, _MOST, Selection.of(which, known.numbers))
    form.say(f"Since {dated(since, form.now, form.zone)}:", Style.STRONG)
    if form.is_table and not found.newest:
        form.screen.write("No port was new in the fleet.")
    else:
        rows = (_new_row(each, form) for each in found.newest)
        form.write(records(FIRST_SEEN, found.newest), _NEW, rows)
    if found.ephemeral:
        form.say(f"{found.ephemeral:,} ephemeral ports, from {EPHEMERAL} on, were new, too.")
    form.say_doubts(doubts(known.hosts, which.until))
    return HELD


def _new_row(port: FirstSeen, form: FleetForm) -> tuple[str, ...]:
    return (
        *(str(port.port), port.protocol, moment(port.at, form.now, form.zone), port.host),
        *(port.program or "", port.exposure or "", f"{port.hosts:,}"),
    )
