"""Answers of `porteye fleet` over many hosts: as a table, as lines with tabs, or as records."""

import time
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from porteye_core import filters, time_words
from porteye_core.command.exits import HELD, NOBODY
from porteye_core.command.present import CannotSay
from porteye_core.command.screen import Column, Screen, Style, warn
from porteye_core.errors import FilterError
from porteye_core.spoken_times import ago, dated, moment
from porteye_core.store.fleet.first_seen import EPHEMERAL, FirstSeen, new_ports
from porteye_core.store.fleet.hosts import FleetHost, HostState, hosts
from porteye_core.store.fleet.listeners import FleetListener, open_at, open_now
from porteye_core.store.fleet.reader import open_fleet
from porteye_core.store.fleet.selection import Selection
from porteye_core.system.clock import timestamp
from porteye_core.system.local_zone import local_zone

_MOST = 10_000  # rows of an answer
_NAMED = 5  # hosts in a sentence
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
_LISTENERS = (
    Column("HOST"),
    Column("PORT", 1, is_number=True),
    Column("PROTOCOL", 4),
    Column("ADDRESS", 5),
    Column("PROGRAM", is_cut=True),
    Column("PID", 4, is_number=True),
    Column("USER", 3),
    Column("REACHABLE FROM", 2),
    Column("SINCE", 6),
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
# What the fleet has of these hosts is not what is so now.
_DOUBTFUL = (HostState.SILENT, HostState.UNWATCHED, HostState.BEHIND)


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of an answer, and the moment and zone in which its times are told."""

    screen: Screen
    is_json: bool
    now: int
    zone: ZoneInfo

    @property
    def is_table(self) -> bool:
        return self.screen.is_terminal and not self.is_json

    def write(
        self, records: Sequence[dict[str, Any]], columns: Sequence[Column], rows: Iterable[Any]
    ) -> None:
        """Write the records, or on a terminal the rows of a table in their place."""
        if self.is_json:
            self.screen.write_json(records)
        elif self.is_table:
            self.screen.write_table(columns, list(rows))
        elif records:
            self.screen.write_tabs(records[0])
            for each in records:
                self.screen.write_tabs(each.values())

    def say(self, sentence: str, style: Style = Style.WARNING) -> None:
        """Write a sentence that is no part of the records."""
        if self.is_table:
            self.screen.write(sentence, style)
        else:
            warn(sentence)

    def past(self, field: str, text: str) -> int:
        """A time in words that is over; raises FilterError."""
        at = time_words.moment(text, self.now, self.zone, field)
        if at > self.now:
            raise FilterError(field, f"“{text[:40]}” has not come yet.", "Use a time that is over.")
        return at


def answer(given: Namespace, address: str, screen: Screen, environ: Mapping[str, str]) -> int:
    """Answer a question over many hosts; returns the exit status."""
    form = _Form(screen, given.json, time.time_ns() // 1000, local_zone(environ))
    match given.action:
        case "hosts":
            return _hosts(address, form)
        case "who":
            ports, protocol = filters.ports_and_protocol(given.of)
            at = form.past("at", given.at) if given.at else None
            return _who(address, Selection(ports=ports, protocol=protocol), at, form)
    if not given.since:
        raise FilterError("since", "No time is given.", "Give one: --since yesterday.")
    return _new(address, form.past("since", given.since), form)


def _hosts(address: str, form: _Form) -> int:
    with open_fleet(address) as reader:
        known = hosts(reader.server)
    form.write([_host_record(each) for each in known], _HOSTS, (_host_row(each) for each in known))
    return HELD


def _host_record(host: FleetHost) -> dict[str, Any]:
    return {
        "host": host.name,
        "state": host.state.value,
        "since": timestamp(host.enrolled_at),
        "retired": _time(host.retired_at),
        "latest": _time(host.received_at),
        "lag_seconds": None if host.lag is None else host.lag / 1e6,
        "clock_seconds": None if host.skew is None else host.skew / 1e6,
        "watched_until": _time(host.watched_until),
        "listeners": host.listeners,
        "events": host.events,
        "behind": host.behind,
        "dropped": host.dropped,
        "version": host.version,
    }


def _host_row(host: FleetHost) -> tuple[str, ...]:
    return (
        *(host.name, host.state.value, timestamp(host.enrolled_at)),
        "never" if host.lag is None else ago(0, host.lag),
        *(f"{each:,}" for each in (host.listeners, host.events, host.behind, host.dropped)),
        "" if host.skew is None else f"{round(host.skew / 1e6, 1) + 0:+.1f} s",
        host.version,
    )


def _who(address: str, wanted: Selection, at: int | None, form: _Form) -> int:
    with open_fleet(address) as reader:
        known = hosts(reader.server)
        if at is None:
            found = open_now(reader, wanted, _MOST)
        else:
            if at < reader.kept_from:
                since = dated(reader.kept_from, form.now, form.zone)
                raise CannotSay(f"The fleet keeps what was since {since}.", "Ask for a later time.")
            found = open_at(reader, wanted, at, _MOST)
            form.say(f"At {dated(at, form.now, form.zone)}:", Style.STRONG)
    if form.is_table and not found:
        form.screen.write("No host listens there." if at is None else "No host listened there.")
    else:
        rows = (_listener_row(each, form) for each in found)
        form.write([_listener_record(each) for each in found], _LISTENERS, rows)
    _say_limit(found, form)
    _say_doubts(known, at, form)
    return HELD if found else NOBODY


def _listener_record(listener: FleetListener) -> dict[str, Any]:
    return {
        "host": listener.host,
        "port": listener.port,
        "protocol": listener.protocol,
        "address": listener.address,
        "exposure": listener.exposure,
        "title": listener.program or "",
        "pid": listener.pid,
        "user": listener.user or "",
        "unit": listener.unit or "",
        "since": timestamp(listener.opened_at),
        "since_seen": listener.opened_seen,
        "until": _time(listener.closed_at),
    }


def _listener_row(listener: FleetListener, form: _Form) -> tuple[str, ...]:
    since = moment(listener.opened_at, form.now, form.zone)
    return (
        *(listener.host, str(listener.port), listener.protocol, listener.address),
        listener.program or "",
        "" if listener.pid is None else str(listener.pid),
        *(listener.user or "", listener.exposure),
        f"{since} at least" if listener.opened_seen == "gap" else since,
    )


def _new(address: str, since: int, form: _Form) -> int:
    with open_fleet(address) as reader:
        known = hosts(reader.server)
        found = new_ports(reader, since, _MOST)
    form.say(f"Since {dated(since, form.now, form.zone)}:", Style.STRONG)
    if form.is_table and not found.newest:
        form.screen.write("No port was new in the fleet.")
    else:
        rows = (_new_row(each, form) for each in found.newest)
        form.write([_new_record(each) for each in found.newest], _NEW, rows)
    if found.ephemeral:
        form.say(f"{found.ephemeral:,} ephemeral ports, from {EPHEMERAL} on, were new, too.")
    _say_doubts(known, None, form)
    return HELD


def _new_record(port: FirstSeen) -> dict[str, Any]:
    return {
        "port": port.port,
        "protocol": port.protocol,
        "first_seen": timestamp(port.at),
        "host": port.host,
        "address": port.address or "",
        "exposure": port.exposure or "",
        "title": port.program or "",
        "hosts_now": port.hosts,
    }


def _new_row(port: FirstSeen, form: _Form) -> tuple[str, ...]:
    return (
        *(str(port.port), port.protocol, moment(port.at, form.now, form.zone), port.host),
        *(port.program or "", port.exposure or "", f"{port.hosts:,}"),
    )


def _say_limit(found: Sequence[Any], form: _Form) -> None:
    if len(found) >= _MOST:
        form.say(f"These are the first {_MOST:,}.")


def _say_doubts(known: Sequence[FleetHost], at: int | None, form: _Form) -> None:
    """Say of which hosts it is not known what they have, or had at a moment."""
    for state in _DOUBTFUL:
        names = [host.name for host in known if host.state is state and not _has_told(host, at)]
        if names:
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            form.say(f"Not certain, for they are {state.value}: {', '.join(names[:_NAMED])}{more}.")


def _has_told(host: FleetHost, at: int | None) -> bool:
    """Tell whether a host has shipped what it had at a moment."""
    is_there = at is not None and host.watched_until is not None and host.watched_until >= at
    return is_there and host.state is not HostState.BEHIND


def _time(micros: int | None) -> str | None:
    return None if micros is None else timestamp(micros)
