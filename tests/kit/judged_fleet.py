"""A fleet whose hosts, shippers and clocks the test moves, and what the engine makes of it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from porteye_core.alerts import fleet_engine
from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.fleet_engine import FleetEngine, FleetPlace
from porteye_core.alerts.timers import Rules
from porteye_core.fleet.service import ship_all
from porteye_core.judging import expected_file
from porteye_core.model import Listener, Precision, Tick
from porteye_core.store.alerts import (
    Connection,
    Finding,
    newest_findings,
    open_to_read,
    open_to_write,
)
from porteye_core.store.fleet.many_hosts.reports import Reports, host_reports
from porteye_core.store.fleet.server import Server, connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.fleet import Fleet
from tests.kit.judging import DAY, HOOK, HOUR, MINUTE, NETNS, NOON, PLAN, SECOND, place
from tests.kit.values import HOST, owned, process

__all__ = ["DAY", "HOOK", "HOUR", "MINUTE", "SECOND", "JudgedFleet", "JudgedHost", "judged_fleet"]

FILE = """
[[expected]]
port = 22
reach = "every interface"
program = "sshd"
always = true
[[expected]]
port = 5432
program = "postgres"
hosts = ["db*"]
"""
_DB = "porteye.db"


class JudgedHost:
    """A host with a monitor, and a shipper that the test may cut off; skew: of its clock; behind:
    events that it says to have beside."""

    def __init__(self, of: "JudgedFleet", name: str, db: Path, writer: Writer) -> None:
        self.of, self.name, self.db, self.writer = of, name, db, writer
        self.is_cut_off, self.is_watched, self.skew, self.behind = False, True, 0, 0
        self.listeners: dict[int, Listener] = {}
        self.server: Server | None = None

    @property
    def wall(self) -> int:
        """The time by its own clock."""
        return self.of.wall + self.skew

    def opens(self, port: int, program: str = "nc", address: str = "0.0.0.0") -> None:
        """Let a program listen."""
        by = process(port, port, name=program)
        opening = Opening(owned(place(port, address), by), self.wall, Precision.KERNEL)
        (self.listeners[port],) = self.writer.record_changes(self.wall, [opening])

    def hides(self, port: int) -> None:
        """Let somebody listen who is not known."""
        opening = Opening(owned(place(port, "0.0.0.0")), self.wall, Precision.KERNEL)
        (self.listeners[port],) = self.writer.record_changes(self.wall, [opening])

    def learns(self, port: int, program: str) -> None:
        """Let a scan find the owner of a listener."""
        listener = self.listeners[port]
        by = owned(listener.endpoint, process(port + 1, port, name=program))
        self.writer.record_changes(self.wall, reowned=[(listener, by)])

    def closes(self, port: int) -> None:
        """Let a listener close."""
        closing = Closing(self.listeners.pop(port), self.wall, Precision.KERNEL)
        self.writer.record_changes(self.wall, closed=[closing])

    def watch(self) -> None:
        """Store a tick, if a monitor watches."""
        if self.is_watched:
            self.writer.record_tick(Tick(self.wall, self.of.elapsed, 0, 0, 900, 0), [])

    def ship(self) -> None:
        """Ship all that there is, at the time of the test."""
        if self.is_cut_off:
            return
        if self.server is None:
            self.server = self.of.opened.enter_context(connect(self.of.addresses[self.name]))
        ship_all(Shipper(self.db, self.server))
        self.of.fleet.ask(
            "UPDATE host SET received_at = %s, skew = %s, behind = %s"
            " WHERE name = %s AND retired_at IS NULL",
            self.of.wall,
            self.skew,
            self.behind,
            self.name,
        )


class JudgedFleet:
    """Hosts of a fleet, and the engine that judges them."""

    def __init__(self, fleet: Fleet, folder: Path, opened: ExitStack, rules: Rules) -> None:
        self.fleet, self.folder, self.opened, self.rules = fleet, folder, opened, rules
        self.wall, self.elapsed = NOON, HOUR
        self.hosts: dict[str, JudgedHost] = {}
        self.addresses: dict[str, str] = {}
        self.text = FILE
        self.alerts_db = folder / "porteye-fleet-alerts.db"
        self.connection: Connection = opened.enter_context(open_to_write(self.alerts_db))
        self.started_at = NOON - DAY
        self.is_reachable = True
        self.engine = self.begin()

    @property
    def moment(self) -> Moment:
        return Moment(self.wall, self.elapsed, "boot")

    def reports(self, address: str) -> Reports:
        """The reports of the server, at the time of the test."""
        found = host_reports(address if self.is_reachable else f"{address} port=1")
        return replace(found, now=self.wall, started_at=self.started_at)

    def begin(self) -> FleetEngine:
        """Begin as a process that was just started."""
        address = self.fleet.address.replace("user=porteye", "user=judge")
        self.engine = FleetEngine(self.connection, FleetPlace(address, self.alerts_db), self.moment)
        self.engine.set_rules(self.rules)
        self.expect(self.text)
        self.engine.read_notes(self.moment)
        return self.engine

    def expect(self, text: str) -> None:
        """Put a file of expected ports in force."""
        self.text = text
        self.engine.set_expected(expected_file.parse(text, Path("expected.toml")), self.moment)

    def enrols(self, name: str) -> JudgedHost:
        """Enrol a host on which sshd listens; it has not shipped yet."""
        self.addresses[name] = self.fleet.enrol(name)
        db = self.folder / name / _DB
        if name in self.hosts:  # enrolled anew, with the database that it has
            host = self.hosts[name]
            host.server = None
            return host
        db.parent.mkdir()
        return self._begins(name, db)

    def _begins(self, name: str, db: Path) -> JudgedHost:
        writer = self.opened.enter_context(open_writer(db, replace(HOST, netns=NETNS), NOON - DAY))
        writer.begin_watch(NOON - DAY, PLAN)
        host = self.hosts[name] = JudgedHost(self, name, db, writer)
        host.opens(22, "sshd")
        return host

    def sets_aside(self, name: str) -> JudgedHost:
        """Let a host begin a new database."""
        old = self.hosts[name]
        new = old.db.with_name("new.db")
        host = self._begins(name, new)
        host.skew = old.skew
        return host

    def retires(self, name: str) -> None:
        self.fleet.ask(
            "UPDATE host SET retired_at = %s WHERE name = %s AND retired_at IS NULL",
            self.wall,
            name,
        )
        self.hosts[name].is_cut_off = True

    def tick_by(self, length: int) -> None:
        """Let time pass without a look."""
        self.wall += length
        self.elapsed += length

    def later(self, length: int = 0, step: int = 10 * SECOND) -> "JudgedFleet":
        """Let time pass: hosts watch and ship at each step, and the engine looks."""
        left = length
        while True:
            pause = min(left, step)
            self.tick_by(pause)
            left -= pause
            for host in self.hosts.values():
                host.watch()
                host.ship()
            self.look()
            if left <= 0:
                return self

    def looks(self, length: int, step: int = 10 * SECOND) -> "JudgedFleet":
        """Let time pass in which only the engine does something."""
        for _ in range(length // step):
            self.tick_by(step)
            self.look()
        return self

    def look(self) -> None:
        """Let the engine look."""
        self.engine.look(self.moment)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of the messages to the first receiver, the earliest first."""
        return self._bodies("findings")

    @property
    def digests(self) -> list[dict[str, Any]]:
        return self._bodies("digest")

    def _bodies(self, kind: str) -> list[dict[str, Any]]:
        rows = self.connection.execute(
            "SELECT body FROM message WHERE kind = ? AND receiver = ? ORDER BY rowid",
            (kind, self.rules.receivers[0].name),
        )
        return [json.loads(body) for (body,) in rows]

    @property
    def told(self) -> list[tuple[str, str, int | None, tuple[str, ...]]]:
        """Phase, verdict or kind, port and hosts of all that was told, in its order."""
        return [
            (each["phase"], each["verdict"] or each["kind"], each["port"], tuple(each["hosts"]))
            if "hosts" in each
            else (each["phase"], each["verdict"] or each["kind"], each["port"], ())
            for message in self.messages
            for each in message["data"]["findings"]
        ]

    @property
    def findings(self) -> list[Finding]:
        with open_to_read(self.alerts_db) as connection:
            return newest_findings(connection, 1000)[::-1]


@contextmanager
def judged_fleet(
    fleet: Fleet,
    folder: Path,
    patch: pytest.MonkeyPatch,
    hosts: tuple[str, ...] = ("web1", "web2", "db1"),
    of: type[JudgedFleet] = JudgedFleet,
) -> Iterator[JudgedFleet]:
    """An engine that has begun, on hosts that listen as expected; earlier hosts are retired."""
    fleet.ask("UPDATE host SET retired_at = 1 WHERE retired_at IS NULL")
    rules = Rules(receivers=(HOOK,))
    with ExitStack() as opened:
        made = of(fleet, folder, opened, rules)
        patch.setattr(fleet_engine, "host_reports", made.reports)
        for name in hosts:
            made.enrols(name)
        made.later()
        made.later(10 * SECOND)
        yield made
