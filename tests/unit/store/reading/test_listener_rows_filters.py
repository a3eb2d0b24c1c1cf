"""Every question lets through what Python lets through, whatever the filters."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porteye_core import filters as texts
from porteye_core.exposure import Bound, Namespace, exposure
from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Filters,
    Interface,
    Kind,
    Listener,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
)
from porteye_core.reach import LOCAL, REACHABLE, Exposure, InterfaceKind
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Reader, busy_ports, event_counts, open_reader
from porteye_core.store.reading.export import Form
from porteye_core.store.reading.status import status
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.tables.host_row import Host
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.seeding import Instant
from tests.kit.timelines import timeline_of
from tests.kit.values import SECOND

_T = TypeVar("_T")
HOUR, DAY = 3600 * SECOND, 86400 * SECOND
OWN, OTHER = 4026531840, 4026532999
HOST = Host("here", "m1", "Linux", 8_000_000_000, netns=OWN)
BEGIN = 20_000 * DAY
NOW = BEGIN + 3 * DAY + 5 * HOUR
UTC = ZoneInfo("UTC")
ADDRESSES = ["0.0.0.0", "127.0.0.1", "127.0.0.53", "192.168.1.20", "::", "::1", "fe80::1"]
ADDRESSES += ["::ffff:127.0.0.1", "ff02::fb"]
INTERFACES = [
    None,
    Interface(),
    Interface("eth0", InterfaceKind.NETWORK),
    Interface("lo", InterfaceKind.MACHINE),
    Interface("docker0", InterfaceKind.CONTAINERS),
    Interface("if7", InterfaceKind.GONE),
]
USERS = ["root", "dev", "devops", "ärzte", ""]
UNITS = ["", "nginx.service", "Größe.service", "session-3.scope"]
CONTAINERS = ["", "", "docker:0123456789ab", "containerd:shop pod:Web_1"]
NAMES = ["nginx", "node", "python3"]


@dataclass(frozen=True)
class Life:
    """A life of the random history; without a name its owner is not known."""

    port: int
    bound: Bound
    protocol: Protocol
    name: str
    user: str
    unit: str
    container: str
    opened: int
    closed: int | None

    @cached_property
    def exposure(self) -> Exposure:
        return exposure(self.bound)

    def passes(self, wanted: Filters) -> bool:
        return (
            (not wanted.ports or any(low <= self.port <= high for low, high in wanted.ports))
            and wanted.process in self.name
            and wanted.protocol in (None, self.protocol)
            and (not wanted.exposure or self.exposure in wanted.exposure)
            and wanted.user in ("", self.user)
            and self.is_at_home(wanted.home.casefold())
            and self.has(wanted.address)
        )

    def is_at_home(self, text: str) -> bool:
        return any(text in each.casefold() for each in (self.unit, self.container))

    def has(self, address: str) -> bool:
        host, _, interface = address.partition("%")
        is_host = self.bound.is_dual if host == "*" else host in ("", self.bound.address)
        return is_host and interface in ("", self.bound.interface)

    def is_open(self, moment: int) -> bool:
        return self.opened <= moment and (self.closed is None or self.closed > moment)

    @property
    def key(self) -> tuple[int, int]:
        return self.port, self.opened


def lives() -> list[Life]:
    dice = random.Random(3)
    made = []
    for _ in range(250):
        address, interface = dice.choice(ADDRESSES), dice.choice(INTERFACES)
        v6only = dice.choice([True, False, None]) if ":" in address else None
        namespace = dice.choice([Namespace.OWN, Namespace.OWN, Namespace.OTHER, Namespace.UNKNOWN])
        bound = Bound(
            address,
            interface.name if interface else None,
            interface.kind if interface else None,
            v6only,
            namespace,
        )
        name = dice.choice([*NAMES, ""])
        opened = BEGIN + dice.randrange(NOW - BEGIN - HOUR)
        opened -= opened % dice.choice([1, 1, HOUR])
        closed = dice.choice([None, opened, opened + dice.randrange(DAY)])
        made.append(
            Life(
                *(dice.choice([80, 443, 3000, 8000, 8001]), bound, dice.choice(list(Protocol))),
                *(name, dice.choice(USERS), dice.choice(UNITS) if name else ""),
                *(dice.choice(CONTAINERS) if name else "", opened),
                None if closed is None or closed >= NOW else closed,
            )
        )
    return sorted(made, key=lambda life: life.opened)


LIVES = lives()
NETNS = {Namespace.OWN: OWN, Namespace.OTHER: OTHER, Namespace.UNKNOWN: None}


def attributed(number: int, life: Life) -> AttributedSocket:
    bound, interface = life.bound, None
    if bound.interface is not None:
        interface = Interface(bound.interface, bound.interface_kind)
    endpoint = Endpoint(
        life.protocol,
        Family.IPV6 if ":" in bound.address else Family.IPV4,
        *(bound.address, life.port, NETNS[bound.namespace]),
    )
    socket = Socket(endpoint, number, interface=interface, v6only=bound.v6only)
    if not life.name:
        return AttributedSocket(socket, user=life.user)
    owner = Process(
        ProcessKey(1000 + number, 5),
        Program(life.name, f"/usr/bin/{life.name}", life.user, life.name),
        unit=life.unit,
        container=life.container,
    )
    # The user of the socket is another one: the owner's counts.
    return AttributedSocket(socket, owner, (owner,), user="nobody")


def write(writer: Writer) -> None:
    """Write the events in the order of their times, as a monitor does."""
    steps = [(life.opened, 0, number) for number, life in enumerate(LIVES)]
    steps += [(life.closed, 1, number) for number, life in enumerate(LIVES) if life.closed]
    born: dict[int, Listener] = {}
    for at, closes, number in sorted(steps):
        if closes:
            gone = Closing(born[number], at, Precision.KERNEL)
            writer.record_changes(at, closed=[gone])
        else:
            found = attributed(number + 1, LIVES[number])
            (born[number],) = writer.record_changes(at, [Opening(found, at, Precision.KERNEL)])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    db: Path = tmp_path_factory.mktemp("filters") / "porteye.db"
    with open_writer(db, HOST, BEGIN - DAY) as writer:
        writer.begin_watch(BEGIN - DAY, PLAN)
        write(writer)
    with open_connection(db) as connection:
        yield Reader(connection, partial(status, connection, db))


def some(*values: _T) -> st.SearchStrategy[_T]:
    """None of these half of the time."""
    return st.just(values[0]) | st.sampled_from(values)


@st.composite
def any_filters(draw: st.DrawFn) -> Filters:
    since, until = sorted(draw(st.tuples(*[st.integers(BEGIN - HOUR, NOW)] * 2)))
    return Filters(
        ports=draw(some((), ((80, 80),), ((3000, 8000),), ((1, 2),))),
        process=draw(some("", "n", "node", "zzz")),
        protocol=draw(some(None, *Protocol)),
        limit=1000,
        since=draw(st.sampled_from([since, BEGIN, None])),
        until=draw(st.sampled_from([until, NOW, None])),
        exposure=draw(some((), REACHABLE, LOCAL, *((each,) for each in Exposure))),
        user=draw(some("", *USERS, "nobody")),
        home=draw(some("", "NGINX", "größe", "GRÖSSE", "docker", "web_1", "zzz")),
        address=draw(some("", *ADDRESSES, "*", "::%lo", "0.0.0.0%eth0", "10.0.0.1")),
        kind=draw(some(None, *Kind)),
    )


def passing(wanted: Filters) -> list[Life]:
    return [life for life in LIVES if life.passes(wanted)]


def events(wanted: Filters) -> list[tuple[int, str, Life]]:
    """Time, kind and life of each event that the filters let through, in any order."""
    since = BEGIN - DAY if wanted.since is None else wanted.since
    until = NOW if wanted.until is None else wanted.until
    return [
        (at, kind.value, life)
        for life in passing(wanted)
        for at, kind in ((life.opened, Kind.OPENED), (life.closed, Kind.CLOSED))
        if at is not None and since <= at <= until and wanted.kind in (None, kind)
    ]


every_filter = given(any_filters())
often = settings(max_examples=150)


@often
@every_filter
def test_the_history_and_its_count_have_these_events(reader: Reader, wanted: Filters) -> None:
    expected = Counter((kind, life.port, life.bound.address) for _, kind, life in events(wanted))
    found = reader.event_records(wanted)
    assert Counter((row["status"], row["port"], row["address"]) for row in found) == expected
    assert reader.event_count(wanted) == expected.total()
    exported = "".join(reader.export_history(Form.CSV, wanted)).splitlines()
    assert len(exported) - 1 == expected.total()


@often
@every_filter
def test_now_and_then_have_these_listeners(reader: Reader, wanted: Filters) -> None:
    now = reader.open_now(wanted, NOW)
    expected = sorted(life.key for life in passing(wanted) if life.closed is None)
    assert sorted(zip(now["port"], now["since"].astype("int64"), strict=True)) == expected
    moment = wanted.until or NOW
    then = reader.open_at(wanted, moment, reader.coverage_at(moment, watching=True))
    expected = sorted(life.key for life in passing(wanted) if life.is_open(moment))
    assert sorted(zip(then["port"], then["since"].astype("int64"), strict=True)) == expected


@often
@every_filter
def test_the_timeline_counts_these_events(reader: Reader, wanted: Filters) -> None:
    since, until = wanted.since or BEGIN, wanted.until or NOW
    found = timeline_of(reader, wanted, since, until)
    there = [
        life
        for life in passing(wanted)
        if life.opened <= until and (life.closed is None or life.closed >= since)
    ]
    if found is None:
        assert not there
        return
    within = replace(wanted, since=since, until=until)
    expected = Counter(kind for _, kind, _ in events(within))
    assert {kind: found.turnover[kind].sum() for kind in Kind} == {
        kind: expected[kind] for kind in Kind
    }
    assert found.turnover["open"].iloc[-1] == sum(life.is_open(until) for life in there)
    assert found.rows.lives == len(there) == len(found.lives)
    assert {row.place for row in found.rows.rows} == {(life.port, life.protocol) for life in there}
    counts = found.rows.busiest
    assert sum(each.sum() for each in counts.values()) == len(list(events(within)))
    assert set(counts) == {(life.port, life.protocol) for _, _, life in events(within)}


@often
@every_filter
def test_counts_by_port_and_hour_are_those_of_the_events(reader: Reader, wanted: Filters) -> None:
    edges = buckets(BEGIN, NOW, UTC, by_port=True).edges
    month = replace(wanted, since=BEGIN, until=NOW, kind=None)
    ports = sorted({(life.port, life.protocol.value) for life in LIVES})
    cells = event_counts.by_port(reader._connection, month, ports, edges)
    expected = Counter[tuple[int, int, str]]()
    for at, kind, life in events(month):
        place = next(place for place, edge in enumerate(edges[1:]) if at < edge)
        expected[place, life.port, kind] += 1
    found = Counter[tuple[int, int, str]]()
    for cell in cells.to_dict("records"):
        for each in Kind:
            if cell[each.value]:
                found[cell["bucket"], cell["port"], each.value] += cell[each.value]
    assert found == expected


@pytest.mark.parametrize("sought", [REACHABLE, LOCAL])
def test_no_sum_stands_in_for_what_only_a_listener_knows(
    reader: Reader, sought: tuple[Exposure, ...]
) -> None:
    """The same range with and without exposure: were it ignored, both counts were equal."""
    month = Filters(since=BEGIN, until=NOW)
    narrowed = Filters(since=BEGIN, until=NOW, exposure=sought)
    assert 0 < reader.event_count(narrowed) < reader.event_count(month)
    parts = busy_ports.busiest(reader._connection, narrowed, BEGIN, NOW)
    assert parts["opened"].sum() + parts["closed"].sum() == reader.event_count(narrowed)


def test_every_exposure_and_user_occurs_in_the_history() -> None:
    assert {life.exposure for life in LIVES} == set(Exposure)
    assert {life.user for life in LIVES} == set(USERS)
    assert {texts.exposure(texts.exposure_words((each,))) for each in Exposure} == {
        (each,) for each in Exposure
    }


def test_what_was_there_already_is_no_closing(seeded: Instant) -> None:
    with open_reader(seeded.db) as opened:
        for kind, count in ((None, 3), (Kind.OPENED, 3), (Kind.CLOSED, 0)):
            since, wanted = seeded.now - 2 * HOUR, Filters(kind=kind)
            found = timeline_of(opened, wanted, since, seeded.now)
            assert found is not None
            assert found.turnover["already"].sum() == count
