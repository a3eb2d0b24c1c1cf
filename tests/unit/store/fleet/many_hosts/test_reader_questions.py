"""Questions over many hosts answer as the same ones in their plainest form."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
import pytest

from porteye_core.model import Kind, Protocol
from porteye_core.reach import REACHABLE, Exposure
from porteye_core.store.fleet.many_hosts import activity, first_seen, listeners, newest_events
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import EPHEMERAL, Selection
from tests.kit.fleet import Fleet
from tests.kit.many_hosts import DAY, HOUR, NAMES, many_hosts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

_LIVES = """
SELECT l.host_id, h.name, l.id, l.port, l.protocol, l.address, l.exposure::text, g.title, p.pid,
    coalesce(g."user", l."user"), p.unit, l.opened_at, l.opened_seen, l.closed_at, l.hidden,
    p.container, c.container_name, c.pod, l.interface, l.v6only, g.name, g.cmdline,
    concat_ws('/', c.container_name, c.compose_project, c.compose_service, c.pod)
FROM (SELECT host_id, id, port, protocol, address, exposure, program_id, process_id, opened_at,
        opened_seen, NULL AS closed_at, hidden, interface, v6only, "user" FROM open_listener
    UNION ALL SELECT host_id, id, port, protocol, address, exposure, program_id, process_id,
        opened_at, opened_seen, closed_at, hidden, interface, v6only, "user" FROM life) l
JOIN host h ON h.host_id = l.host_id LEFT JOIN program g ON g.id = l.program_id
LEFT JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
LEFT JOIN container c ON c.host_id = p.host_id AND c.id = p.container_id
"""
_EVENTS = """
SELECT e.at, e.host_id, e.id, h.name, e.kind, e.seen, e.port, e.protocol, e.address,
    e.exposure::text, g.title, e.pid, e.listener_id, e.hidden, g."user", g.name, g.cmdline
FROM event e JOIN host h ON h.host_id = e.host_id LEFT JOIN program g ON g.id = e.program_id
"""
_SOUGHT = ("name", "cmdline", "names")  # in which a text is sought, and which no answer has
SELECTIONS = {
    "everything": Selection(),
    "a host": Selection(hosts=(2,)),
    "two hosts": Selection(hosts=(1, 3)),
    "a port": Selection(ports=((22, 22),)),
    "ports and a range": Selection(ports=((443, 443), (8000, 40_000))),
    "a host and a port": Selection(hosts=(4,), ports=((80, 80),)),
    "UDP": Selection(protocol=Protocol.UDP),
    "a word": Selection(program="NGINX"),
    "a word of a command line": Selection(program="-m http"),
    "a word with other letters": Selection(program="GRÖSSE"),
    "a letter that LIKE knows": Selection(program="%_s"),
    "a word with a backslash": Selection(program="\\"),
    "no program": Selection(program="nothing"),
    "reachable": Selection(exposure=REACHABLE),
    "local, on a port, by a word": Selection(
        exposure=(Exposure.MACHINE,), ports=((0, 9000),), program="ssh"
    ),
    "a user": Selection(user="root"),
    "a user with other letters, reachable": Selection(user="größe", exposure=REACHABLE),
    "no user": Selection(user="roo"),
    "a unit": Selection(home="NGINX.serv"),
    "a unit with other letters": Selection(home="GRÖSSE@"),
    "a container's id": Selection(home="abab"),
    "a container's name": Selection(home="Shop-"),
    "a service of a container": Selection(home="KÄSE"),
    "a unit of a user, by a word": Selection(home=".service", user="www", program="nginx"),
    "no unit": Selection(home="%"),
    "an address": Selection(address="10.0.0.7"),
    "every address": Selection(address="*"),
    "IPv6": Selection(address="::"),
    "an address of an interface": Selection(address="0.0.0.0%eth0", protocol=Protocol.TCP),
    "every address of an interface": Selection(address="*%eth0"),
}


class Asked(NamedTuple):
    """A reader of the fleet, the fleet, and the time at which its histories end."""

    reader: FleetReader
    fleet: Fleet
    now: int

    def lives(self) -> list[dict[str, Any]]:
        """Every life of every host."""
        names = [*listeners.FleetListener.__slots__, *_SOUGHT]
        return [dict(zip(names, row, strict=True)) for row in self.fleet.ask(_LIVES)]

    def events(self) -> list[dict[str, Any]]:
        """Every event of every host, with what only its life tells."""
        names = [*newest_events.FleetEvent.__slots__, "name", "cmdline"]
        lives = {(row["host_id"], row["id"]): row for row in self.lives()}
        rows = [dict(zip(names, row, strict=True)) for row in self.fleet.ask(_EVENTS)]
        for row in rows:
            row["life"] = lives[row["host_id"], row["listener_id"]]
        return rows


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with many_hosts(lives=120) as (running, now):
        running.ask("SELECT retire(host_id) FROM host WHERE name = 'delta'")
        running.ask("UPDATE host SET retired_at = %s WHERE name = 'delta'", now - 10 * DAY)
        running.ask("CREATE ROLE someone LOGIN IN ROLE porteye_reader")
        with open_fleet(running.address.replace("user=porteye", "user=someone")) as reader:
            yield Asked(reader, running, now)


def matches(row: dict[str, Any], wanted: Selection) -> bool:
    """Tell whether a selection has a listener or an event, by its words."""
    life = row.get("life", row)
    texts = [str(row[name] or "").casefold() for name in ("name", "program", "cmdline")]
    homes = [str(life[name] or "").casefold() for name in ("unit", "container", "names")]
    return (
        (not wanted.hosts or row["host_id"] in wanted.hosts)
        and (not wanted.ports or any(low <= row["port"] <= high for low, high in wanted.ports))
        and wanted.protocol in {None, row["protocol"]}
        and (not wanted.exposure or row["exposure"] in wanted.exposure)
        and (not wanted.program or any(wanted.program.casefold() in text for text in texts))
        and wanted.user in {"", row["user"] or life["user"]}
        and (not wanted.home or any(wanted.home.casefold() in text for text in homes))
        and (not wanted.address or _is_at(life, wanted.address))
    )


def _is_at(life: dict[str, Any], address: str) -> bool:
    host, _, interface = address.partition("%")
    if interface not in {"", life["interface"]}:
        return False
    if host == "*":
        return (life["address"], life["v6only"]) == ("::", 0)
    return str(life["address"]) == host


def values(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows without what is only sought in."""
    return [
        tuple(value for name, value in row.items() if name not in {*_SOUGHT, "life"})
        for row in rows
    ]


def of(found: Any) -> tuple[Any, ...]:
    return tuple(getattr(found, name) for name in found.__slots__)


def by_port(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["port"], row["protocol"], row["host"], row["address"], row["id"]


@pytest.mark.parametrize("what", SELECTIONS)
def test_each_selection_has_some_events_and_not_all(asked: Asked, what: str) -> None:
    rows = asked.events()
    found = sum(matches(row, SELECTIONS[what]) for row in rows)
    if what.startswith("no ") or "backslash" in what:
        assert found == 0
    elif what == "everything":
        assert found == len(rows)
    else:
        assert 0 < found < len(rows)


@pytest.mark.parametrize("what", SELECTIONS)
def test_what_is_open_now(asked: Asked, what: str) -> None:
    wanted = SELECTIONS[what]
    plain = [
        row
        for row in asked.lives()
        if row["closed_at"] is None and row["host"] != "delta" and matches(row, wanted)
    ]
    found = listeners.open_now(asked.reader, wanted)
    assert [of(each) for each in found] == values(sorted(plain, key=by_port))
    assert listeners.count_now(asked.reader, wanted) == len(plain)


@pytest.mark.parametrize("what", SELECTIONS)
def test_services_of_many_hosts(asked: Asked, what: str) -> None:
    wanted = SELECTIONS[what]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in asked.lives():
        if row["closed_at"] is None and row["host"] != "delta" and matches(row, wanted):
            key = row["port"], row["protocol"], row["program"] or "", row["exposure"]
            groups.setdefault(key, []).append(row)
    plain = [
        (
            *(*key, len({row["host_id"] for row in rows}), len(rows)),
            min(row["opened_at"] for row in rows),
        )
        for key, rows in groups.items()
    ]
    found = listeners.services(asked.reader, wanted)
    assert [of(each) for each in found] == sorted(plain, key=lambda each: (-each[4], *each[:4]))


def open_then(asked: Asked, at: int) -> list[dict[str, Any]]:
    """What was open on any host, life by life."""
    retired = asked.now - 10 * DAY
    return [
        row
        for row in asked.lives()
        if row["opened_at"] <= at
        and (row["closed_at"] or at + 1) > at
        and (row["host"] != "delta" or row["closed_at"] or at < retired)
    ]


@pytest.mark.parametrize("days", [0, 0.01, 1, 9, 11, 25, 39, 60])
@pytest.mark.parametrize("what", SELECTIONS)
def test_what_was_open_at_a_moment(asked: Asked, what: str, days: float) -> None:
    wanted, at = SELECTIONS[what], asked.now - round(days * DAY)
    plain = sorted((row for row in open_then(asked, at) if matches(row, wanted)), key=by_port)
    found = listeners.open_at(asked.reader, wanted, at)
    assert [of(each) for each in found] == values(plain)
    assert listeners.count_at(asked.reader, wanted, at) == len(plain)


@pytest.mark.parametrize("limit", [1, 3, 8, 20])
@pytest.mark.parametrize("what", ["everything", "two hosts", "ports and a range", "a user", "IPv6"])
def test_the_first_that_were_open_at_a_moment(asked: Asked, what: str, limit: int) -> None:
    """A limit cuts what is sorted, wherever in the fleet it lies."""
    wanted = SELECTIONS[what]
    for days in (0.01, 9, 25, 39):
        at = asked.now - round(days * DAY)
        plain = sorted((row for row in open_then(asked, at) if matches(row, wanted)), key=by_port)
        found = listeners.open_at(asked.reader, wanted, at, limit)
        assert [of(each) for each in found] == values(plain[:limit])


@pytest.mark.parametrize("days", [0, 3, 12, 39])
@pytest.mark.parametrize("what", SELECTIONS)
def test_counts_of_what_was_open_at_a_moment(asked: Asked, what: str, days: float) -> None:
    wanted, at = SELECTIONS[what], asked.now - round(days * DAY)
    plain = [row for row in open_then(asked, at) if matches(row, wanted)]
    ports = Counter((row["port"], row["protocol"]) for row in plain)
    hosts = Counter((row["host_id"], row["host"]) for row in plain)
    found = listeners.ports_at(asked.reader, wanted, at)
    assert {(each.port, each.protocol): each.listeners for each in found} == ports
    assert {(each.port, each.protocol): each.hosts for each in found} == {
        key: len({row["host_id"] for row in plain if (row["port"], row["protocol"]) == key})
        for key in ports
    }
    counted = listeners.hosts_at(asked.reader, wanted, at)
    assert {(each.host_id, each.host): each.listeners for each in counted} == hosts


def test_a_moment_is_answered_the_same_at_the_ends_of_lives(asked: Asked) -> None:
    """A life is open from its opening on, and closed from its closing on."""
    life = next(row for row in asked.lives() if row["closed_at"] is not None)
    for at in (life["opened_at"] - 1, life["opened_at"], life["closed_at"] - 1, life["closed_at"]):
        found = listeners.open_at(asked.reader, Selection(), at)
        assert len(found) == len(open_then(asked, at))


@pytest.mark.parametrize("kind", [None, Kind.OPENED])
@pytest.mark.parametrize("what", SELECTIONS)
def test_the_newest_events(asked: Asked, what: str, kind: Kind | None) -> None:
    wanted = replace(SELECTIONS[what], kind=kind)
    plain = [row for row in asked.events() if matches(row, wanted) and kind in {None, row["kind"]}]
    plain.sort(key=lambda row: (row["at"], row["host_id"], row["id"]), reverse=True)
    found = newest_events.newest_events(asked.reader, wanted, limit=50)
    assert [of(each) for each in found] == values(plain)[:50]
    more = found
    while more:
        more = newest_events.newest_events(asked.reader, wanted, 50, found[-1].place)
        found += more
    assert [of(each) for each in found] == values(plain)
    assert newest_events.count_events(asked.reader, wanted) == len(plain)


@pytest.mark.parametrize("days", [(0, 2), (1, 9), (5, 35), (20, 60)])
def test_the_newest_events_of_a_time(asked: Asked, days: tuple[float, float]) -> None:
    times = sorted(row["at"] for row in asked.events())
    until, since = (
        max(at for at in times if at <= asked.now - each * DAY or at == times[0]) for each in days
    )
    wanted = Selection(since=since, until=until)
    found = newest_events.newest_events(asked.reader, wanted, 10_000)
    assert [each.at for each in reversed(found)] == [at for at in times if since <= at <= until]
    assert newest_events.count_events(asked.reader, wanted) == len(found)
    for kind in Kind:
        for ports in ((), ((22, 22),), ((53, 9000),), ((0, 50_000),)):
            some = replace(wanted, kind=kind, ports=ports)
            found = newest_events.newest_events(asked.reader, some, 10_000)
            assert newest_events.count_events(asked.reader, some) == len(found)


def test_a_clock_of_the_future_is_not_the_newest(asked: Asked) -> None:
    plain = newest_events.newest_events(asked.reader, Selection(), 1)
    asked.fleet.ask("""INSERT INTO event SELECT host_id, 1, at + 80 * 365 * 86400000000, machine,
        kind, seen, listener_id, port, program_id, pid, protocol, hidden, exposure, address
        FROM event ORDER BY at DESC LIMIT 1""")
    try:
        with open_fleet(asked.fleet.address) as reader:
            assert newest_events.newest_events(reader, Selection(), 1) == plain
            ahead = Selection(until=2**62)
            assert newest_events.newest_events(reader, ahead, 1) != plain
    finally:
        asked.fleet.ask("DELETE FROM event WHERE id = 1 AND at > now_us() + 86400000000")


@pytest.mark.parametrize("port", [None, 22, 40_000])
@pytest.mark.parametrize("size", [HOUR, DAY])
def test_activity(asked: Asked, size: int, port: int | None) -> None:
    since, until = asked.now - 30 * DAY, asked.now
    first, end = since - since % size, until + -until % size
    plain = dict[int, list[int]]()
    for row in asked.events():
        if first <= row["at"] < end and port in {None, row["port"]}:
            counts = plain.setdefault(row["at"] - row["at"] % size, [0, 0])
            counts[row["kind"] == "closed"] += 1
    ask = activity.by_hour if size == HOUR else activity.by_day
    found = [
        (each.at, [each.opened, each.closed]) for each in ask(asked.reader, since, until, port)
    ]
    assert found == sorted(plain.items())
    assert len(found) > 1


def test_the_busiest_ports_have_ephemeral_ones_as_one(asked: Asked) -> None:
    since = asked.now - 30 * DAY
    plain = Counter(
        (min(row["port"], EPHEMERAL), row["protocol"])
        for row in asked.events()
        if row["at"] >= since - since % DAY
    )
    found = activity.busiest_ports(asked.reader, since, asked.now, 5)
    counts = [each.opened + each.closed for each in found]
    assert counts == [count for _, count in plain.most_common(5)]
    assert all(plain[each.port, each.protocol] == each.opened + each.closed for each in found)


@pytest.mark.parametrize("spread", [1, 4, 1000])
@pytest.mark.parametrize("limit", [1, 20, 700])
def test_the_busiest_ports_of_many_days_are_not_those_of_each_day(
    asked: Asked, limit: int, spread: int
) -> None:
    """Some days are listed and some are not; a port may be in no list, and busy nevertheless."""
    asked.fleet.ask(
        """WITH n AS (SELECT day, port, 1 + hashint8(day * 7919 + port) & 1023 AS draw
            FROM generate_series(0, 5) day CROSS JOIN generate_series(1, 300) port)
        INSERT INTO fleet_port_turnover SELECT day * 86400000000, port, 'tcp',
            CASE WHEN day < 4 THEN 16 ELSE port %% 16 END, 10 + draw %% %s, draw %% 3 FROM n""",
        spread,
    )
    try:
        days = "SELECT n * 86400000000 FROM generate_series(0, 3) n"
        asked.fleet.ask(f"SELECT list_busiest(ARRAY({days}))")
        plain = asked.fleet.ask(
            """SELECT port, protocol, sum(opened), sum(closed) FROM fleet_port_turnover
            WHERE bucket < 6 * 86400000000 GROUP BY 1, 2
            ORDER BY sum(opened) + sum(closed) DESC, 1, 2 LIMIT %s""",
            limit,
        )
        with open_fleet(asked.fleet.address) as reader:
            found = activity.busiest_ports(reader, 0, 6 * DAY, limit)
        assert [of(each) for each in found] == plain
    finally:
        for table in ("fleet_port_turnover", "fleet_port_most"):
            asked.fleet.ask(f"DELETE FROM {table} WHERE bucket < 6 * 86400000000")


@pytest.mark.parametrize("days", [1, 38, 39.5, 60])
def test_ports_that_are_new_in_the_fleet(asked: Asked, days: float) -> None:
    since = asked.now - round(days * DAY)
    first = dict[tuple[int, str], dict[str, Any]]()
    for row in sorted(asked.events(), key=lambda row: (row["at"], row["host_id"])):
        if row["kind"] == "opened":
            first.setdefault((row["port"], row["protocol"]), row)
    plain = [row for row in first.values() if row["at"] >= since]
    hosts = {
        key: {
            row["host"]
            for row in asked.lives()
            if (row["port"], row["protocol"]) == key and not row["closed_at"]
        }
        - {"delta"}
        for key in first
    }
    found = first_seen.new_ports(asked.reader, since)
    assert [of(each) for each in found.newest] == [
        (
            *(
                row["port"],
                row["protocol"],
                row["at"],
                row["host"],
                row["address"],
                row["exposure"],
            ),
            *(row["program"], len(hosts[row["port"], row["protocol"]])),
        )
        for row in sorted(plain, key=lambda row: (-row["at"], row["port"], row["protocol"]))
        if row["port"] < EPHEMERAL
    ]
    assert found.count + found.ephemeral == len(plain)
    assert found.count == len(found.newest)


def test_the_hosts_have_their_names(asked: Asked) -> None:
    found = listeners.hosts_at(asked.reader, Selection(), asked.now - 20 * DAY)
    assert sorted(each.host for each in found) == sorted(NAMES)


def test_a_reader_writes_nothing(asked: Asked) -> None:
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        open_fleet(asked.fleet.address) as reader,
    ):
        reader.server.execute("DELETE FROM event")
