"""A selection of listeners or events of many hosts, and the conditions that it means in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from porteye_core.model import Filters, Kind, Protocol
from porteye_core.reach import Exposure
from porteye_core.store.fleet.many_hosts.reader import FleetReader

# ASCII texts by the index of their trigrams, those with other letters one by one.
_PROGRAMS = r"""
SELECT id FROM program
WHERE lower((name || E'\n' || title || E'\n' || cmdline) COLLATE "C") LIKE %(pattern)s
UNION
SELECT id FROM program
WHERE octet_length(name || title || cmdline) != length(name || title || cmdline)
    AND one_host.casefold(name || E'\n' || title || E'\n' || cmdline) LIKE %(pattern)s
ORDER BY id
"""
_OF_USER = 'SELECT id FROM program WHERE "user" = %(user)s ORDER BY id'
# As porteye_core.store.reading.listener_rows.FOUND_BY.
_NAMES = (
    "c.container_name || ' / ' || c.compose_project || ' / ' || c.compose_service || ' / ' || c.pod"
)
# Every column of a listener that an event has not; few events need it.
_LIVES = (
    '(SELECT host_id, id, program_id, "user", interface, v6only FROM open_listener'
    ' UNION ALL SELECT host_id, id, program_id, "user", interface, v6only FROM life)'
)
_FEW = 50  # hosts
# From here on the kernel gives ports to those who ask for none.
EPHEMERAL = 32_768


@dataclass(frozen=True, slots=True)
class Selection:
    """The wanted listeners or events; empty or None: all of them.

    hosts: their numbers. ports: inclusive ranges. program: part of a name, title or command line,
    in any case. kind, since, until: of events alone. user: a whole name. home: part of a unit's or
    a container's name, in any case. address: whole, as the page of a host shows it.
    """

    hosts: tuple[int, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    program: str = ""
    protocol: Protocol | None = None
    exposure: tuple[Exposure, ...] = ()
    kind: Kind | None = None
    since: int | None = None
    until: int | None = None
    user: str = ""
    home: str = ""
    address: str = ""

    @classmethod
    def of(cls, filters: Filters, hosts: Sequence[int]) -> Self:
        """The selection of these filters on these hosts; of all if there is none."""
        return cls(
            hosts=tuple(hosts),
            ports=tuple(filters.ports),
            program=filters.process,
            protocol=filters.protocol,
            exposure=filters.exposure,
            kind=filters.kind,
            since=filters.since,
            until=filters.until,
            user=filters.user,
            home=filters.home,
            address=filters.address,
        )

    @property
    def is_counted(self) -> bool:
        """True if port, protocol and exposure alone choose: what is open is counted by these."""
        return not (self.hosts or self.program or self.user or self.home or self.address)

    @property
    def is_summed(self) -> bool:
        """True if kind, time and ports below the ephemeral ones alone choose: the events of these
        are counted by the hour or day."""
        is_counted = self.is_counted and not self.exposure
        return is_counted and (
            all(high < EPHEMERAL for _, high in self.ports) if self.ports else not self.protocol
        )


@dataclass(slots=True)
class Conditions:
    """Conditions, all of which hold, with their parameters."""

    sql: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def add(self, condition: str, **parameters: Any) -> None:
        """Add one more."""
        self.sql.append(condition)
        self.parameters.update(parameters)

    def __str__(self) -> str:
        return " AND ".join(self.sql) or "TRUE"


def together(*parts: Conditions) -> Conditions:
    """The conditions of all parts."""
    found = Conditions()
    for part in parts:
        found.sql += part.sql
        found.parameters |= part.parameters
    return found


def key_conditions(wanted: Selection, of: str) -> Conditions:
    """The conditions on host, port and protocol, for the rows that the statement calls `of`."""
    found = Conditions()
    if len(wanted.hosts) == 1:
        found.add(f"{of}.host_id = %(host)s", host=wanted.hosts[0])
    elif wanted.hosts:
        found.add(f"{of}.host_id = ANY (%(hosts)s)", hosts=list(wanted.hosts))
    if wanted.ports:
        found.add(f"({' OR '.join(_ranges(wanted, of, found))})")
    if wanted.protocol is not None:
        found.add(f"{of}.protocol = %(protocol)s", protocol=wanted.protocol.value)
    return found


def _ranges(wanted: Selection, of: str, found: Conditions) -> Iterator[str]:
    for place, (low, high) in enumerate(wanted.ports):
        found.parameters |= {f"low{place}": low, f"high{place}": high}
        if low == high:
            yield f"{of}.port = %(low{place})s"
        else:
            yield f"{of}.port BETWEEN %(low{place})s AND %(high{place})s"


def listener_conditions(reader: FleetReader, wanted: Selection, of: str) -> Conditions:
    """The conditions on what a listener is beside its key."""
    found = _common_conditions(reader, wanted, of)
    if wanted.user:
        found.add(
            f"({of}.program_id = ANY (%(of_user)s)"
            f' OR ({of}.program_id IS NULL AND {of}."user" = %(user)s))'
        )
    if wanted.address:
        found.add(" AND ".join(f"{of}.{each}" for each in _bound_to(wanted, found)))
    if wanted.home:
        homes = _homes(wanted.home, found)
        found.add(
            _is_among(f"{of}.host_id, {of}.process_id", f"SELECT host_id, id FROM ({homes}) p")
        )
    return found


def event_conditions(reader: FleetReader, wanted: Selection, of: str) -> Conditions:
    """The conditions on what an event is beside its key."""
    found = _common_conditions(reader, wanted, of)
    if wanted.user:
        found.add(
            f"({of}.program_id = ANY (%(of_user)s) OR ({of}.program_id IS NULL"
            f" AND ({of}.host_id, {of}.listener_id) IN (SELECT host_id, id FROM {_LIVES} l"
            ' WHERE program_id IS NULL AND "user" = %(user)s)))'
        )
    if wanted.address:
        address, *others = _bound_to(wanted, found)
        found.add(f"{of}.{address}")
        _narrow(reader, found, of, f"SELECT host_id FROM host_address WHERE {address}")
        if others:
            found.add(
                f"EXISTS (SELECT FROM {_LIVES} l WHERE l.host_id = {of}.host_id"
                f" AND l.id = {of}.listener_id AND {' AND '.join(others)})"
            )
    if wanted.home:
        homes = _homes(wanted.home, found)
        _narrow(reader, found, of, f"SELECT host_id FROM ({homes}) p")
        found.add(_is_among(f"{of}.host_id, {of}.pid", f"SELECT host_id, pid FROM ({homes}) p"))
        # The process that had the pid then: an event has no other number of it.
        had_pid = (
            f"(SELECT p.id FROM process p WHERE p.host_id = {of}.host_id AND p.pid = {of}.pid"
            f" AND p.started_at <= {of}.at ORDER BY p.started_at DESC LIMIT 1)"
        )
        found.add(_is_among(f"{of}.host_id, {had_pid}", f"SELECT host_id, id FROM ({homes}) p"))
    return found


def _is_among(values: str, rows: str) -> str:
    """The condition that values are a row of these, which are read once and hashed: the planner
    makes no join of it, in which it would read them for each event."""
    return f"(({values}) IN ({rows})) IS TRUE"


def _narrow(reader: FleetReader, found: Conditions, of: str, hosts: str) -> None:
    """Add that only these hosts can have such events, if they are few: an index finds theirs."""
    some = _column(
        reader, f"SELECT DISTINCT host_id FROM ({hosts}) h LIMIT {_FEW + 1}", found.parameters
    )
    if len(some) <= _FEW:
        place = f"narrow{len(found.sql)}"
        found.add(f"{of}.host_id = ANY (%({place})s)", **{place: some})


def _common_conditions(reader: FleetReader, wanted: Selection, of: str) -> Conditions:
    """The conditions on the program and the exposure, and the parameters of a user."""
    found = Conditions()
    if wanted.program:
        found.add(
            f"{of}.program_id = ANY (%(programs)s)", programs=programs(reader, wanted.program)
        )
    if wanted.user:
        found.parameters["user"] = wanted.user
        found.parameters["of_user"] = _column(reader, _OF_USER, found.parameters)
    if wanted.exposure:
        found.add(
            f"{of}.exposure = ANY (%(exposure)s::exposure[])",
            exposure=[each.value for each in wanted.exposure],
        )
    return found


def _bound_to(wanted: Selection, found: Conditions) -> Iterator[str]:
    """The conditions of an address: `*` is what accepts IPv6 and IPv4, an interface after `%`
    counts only where it is given."""
    host, at, interface = wanted.address.partition("%")
    found.parameters |= {"address": "::" if host == "*" else host, "interface": interface}
    yield "address = %(address)s"
    if host == "*":
        yield "v6only = 0"
    if at:
        yield "interface = %(interface)s"


def _homes(text: str, found: Conditions) -> str:
    """The processes whose unit or container has the text in its names, in any case."""
    found.parameters["home"] = _pattern(text)
    fold = 'lower(({}) COLLATE "C")' if text.isascii() else "one_host.casefold({})"
    of_process = fold.format("unit || E'\\n' || container")
    of_container = fold.format(_NAMES)
    return (
        f"SELECT host_id, id, pid FROM process WHERE {of_process} LIKE %(home)s UNION ALL"
        " SELECT p.host_id, p.id, p.pid FROM container c JOIN process p ON p.host_id = c.host_id"
        f" AND p.container_id = c.id WHERE {of_container} LIKE %(home)s"
    )


def programs(reader: FleetReader, text: str) -> list[int]:
    """The programs whose name, title or command line has this text, in any case."""
    return _column(reader, _PROGRAMS, {"pattern": _pattern(text)})


def _pattern(text: str) -> str:
    """The pattern of LIKE that finds this text anywhere, folded."""
    folded = text.casefold()
    for letter in "\\%_":
        folded = folded.replace(letter, f"\\{letter}")
    return f"%{folded}%"


def _column(reader: FleetReader, statement: str, parameters: Mapping[str, Any]) -> list[int]:
    return [row[0] for row in reader.rows(statement, parameters)]
