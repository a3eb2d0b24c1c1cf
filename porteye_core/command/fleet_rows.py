"""`porteye fleet who`, `now`, `exposed` and `history`: rows of many hosts, by filters."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from porteye_core import filters, host_patterns
from porteye_core.command.exits import HELD, NOBODY
from porteye_core.command.fleet_form import FleetForm
from porteye_core.command.present import CannotSay
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.errors import FilterError
from porteye_core.hidden_owners import reason
from porteye_core.model import Filters
from porteye_core.reach import reachable_of
from porteye_core.spoken_times import clock, dated, moment
from porteye_core.store.fleet.many_hosts import row_batches
from porteye_core.store.fleet.many_hosts.doubts import doubts
from porteye_core.store.fleet.many_hosts.fleet_records import (
    FLEET_EVENT,
    FLEET_MOMENT,
    FLEET_PORT,
    SERVICE,
)
from porteye_core.store.fleet.many_hosts.full_rows import Row, place_of
from porteye_core.store.fleet.many_hosts.known_hosts import Known, known_hosts
from porteye_core.store.fleet.many_hosts.listeners import services
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.newest_events import EventPlace
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_for_file
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.reading import Field, Form, file_pieces, record
from porteye_core.system.plain_text import clean

_ALL = 2**31 - 1
_MOST = 10_000  # rows of a table, which is as wide as its widest

Batches = Iterator[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a table, the cells of a row, and what stands in place of none."""

    columns: Sequence[Column]
    cells: Callable[[Row, FleetForm], tuple[str, ...]]
    nothing: str


def rows(given: Namespace, address: str, screen: Screen, environ: Mapping[str, str]) -> int:
    """Write the rows of a question over many hosts; returns the exit status."""
    form = FleetForm.of(given, screen, environ)
    which = form.question.filters(given)
    patterns = host_patterns.parse(given.host, "host")
    if given.all and form.is_table:
        raise FilterError("all", "A table has no end.", "Add --csv or --json.")
    with open_for_file(address) as reader:
        known = known_hosts(reader, patterns)
        match given.action:
            case "who":
                return _who(reader, which, known, given, form)
            case "now":
                batches = row_batches.open_batches(reader, Selection.of(which, known.numbers))
                _write(batches, FLEET_PORT, _PORT_TABLE, form)
            case "exposed":
                _write(_exposed(reader, which, known), SERVICE, _SERVICE_TABLE, form)
            case _:
                _history(reader, Selection.of(which, known.numbers), given, form)
    at = which.until if given.action == "history" else None
    form.say_doubts(doubts(known.hosts, at))
    return HELD


def _who(
    reader: FleetReader, which: Filters, known: Known, given: Namespace, form: FleetForm
) -> int:
    """Write who listens on a port, or listened there at a moment; returns the exit status."""
    ports, protocol = filters.ports_and_protocol(given.of, which.protocol)
    wanted = replace(Selection.of(which, known.numbers), ports=ports, protocol=protocol)
    if not given.at:
        count = _write(row_batches.open_batches(reader, wanted), FLEET_PORT, _WHO_TABLE, form)
        form.say_doubts(doubts(known.hosts))
        return HELD if count else NOBODY
    at = form.question.moment("at", given.at)
    if at < reader.kept_from:
        since = dated(reader.kept_from, form.now, form.zone)
        raise CannotSay(f"The fleet keeps what was since {since}.", "Ask for a later time.")
    form.say(f"At {dated(at, form.now, form.zone)}:", Style.STRONG)
    covered = coverages(reader, known.hosts, at)
    batches = row_batches.moment_batches(reader, wanted, at, covered)
    count = _write(batches, FLEET_MOMENT, _WHO_THEN_TABLE, form)
    form.say_doubts(doubts(known.hosts, at, covered))
    return HELD if count else NOBODY


def _exposed(reader: FleetReader, which: Filters, known: Known) -> Batches:
    reached = reachable_of(which.exposure)
    if not reached:
        raise FilterError("exposure", "No other machine reaches these.", "Ask porteye fleet now.")
    wanted = Selection.of(replace(which, exposure=reached), known.numbers)
    found = services(reader, wanted, _ALL)
    yield [{name: getattr(each, name) for name in each.__slots__} for each in found]


def _history(reader: FleetReader, wanted: Selection, given: Namespace, form: FleetForm) -> None:
    before = EventPlace.of(given.before) if given.before else None
    if given.all:
        _write(row_batches.event_batches(reader, wanted, before), FLEET_EVENT, _EVENT_TABLE, form)
        return
    found = row_batches.newest_rows(reader, wanted, given.limit, before)
    _write(iter([found]), FLEET_EVENT, _EVENT_TABLE, form)
    if len(found) == given.limit:
        last = place_of(found[-1])
        form.say(f"Older ones: --before {last}, or all by --all with --csv or --json.", Style.FAINT)


def _write(batches: Batches, fields: Mapping[str, Field], table: _Table, form: FleetForm) -> int:
    """Write the rows; returns how many there were, of a table one more than it shows at most."""
    if form.is_table:
        return _show(batches, table, form)
    counted = _Counted(batches)
    if form.is_csv or form.is_json:
        for piece in file_pieces(Form.CSV if form.is_csv else Form.JSON, fields, counted):
            form.screen.out.write(_cleaned(piece) if form.screen.is_terminal else piece)
        return counted.count
    for at, row in enumerate(row for found in counted for row in found):
        if at == 0:
            form.screen.write_tabs(fields)
        form.screen.write_tabs(record(fields, row).values())
    return counted.count


def _show(batches: Batches, table: _Table, form: FleetForm) -> int:
    """Write the first rows as a table, and say if there are more."""
    found = list(islice((row for some in batches for row in some), _MOST + 1))
    if not found:
        form.screen.write(table.nothing)
        return 0
    form.screen.write_table(table.columns, [table.cells(row, form) for row in found[:_MOST]])
    if len(found) > _MOST:
        form.say(f"These are the first {_MOST:,}.")
    return len(found)


class _Counted:
    """Batches, with the number of rows that were read."""

    def __init__(self, batches: Batches) -> None:
        self.count = 0
        self._batches = batches

    def __iter__(self) -> Iterator[Sequence[Row]]:
        return self

    def __next__(self) -> Sequence[Row]:
        found = next(self._batches)
        self.count += len(found)
        return found


def _cleaned(piece: str) -> str:
    """The lines without what a terminal would obey in a name."""
    return "\n".join(clean(line.removesuffix("\r")) for line in piece.split("\n"))


def _port_cells(row: Row, form: FleetForm) -> tuple[str, ...]:
    since = moment(row["opened_at"], form.now, form.zone)
    return (
        *(row["host"], str(row["port"]), row["protocol"], row["address"]),
        *_owner_cells(row),
        f"{since} at least" if row["opened_seen"] == "gap" else since,
    )


def _service_cells(row: Row, form: FleetForm) -> tuple[str, ...]:
    return (
        *(str(row["port"]), row["protocol"], row["program"], row["exposure"]),
        *(f"{row['hosts']:,}", f"{row['listeners']:,}"),
        moment(row["since"], form.now, form.zone),
    )


def _event_cells(row: Row, form: FleetForm) -> tuple[str, ...]:
    return (
        f"{clock(row['at'], form.zone):%Y-%m-%d %H:%M:%S}",
        *(row["host"], row["kind"], str(row["port"]), row["protocol"], row["address"]),
        *_owner_cells(row),
    )


def _owner_cells(row: Row) -> tuple[str, ...]:
    why = reason(row["hidden"], row["title"])
    pid = "" if row["pid"] is None else str(row["pid"])
    owner = row["title"] or (why.long if why else "")
    return owner, pid, row["user"] or "", row["exposure"]


_PORT_TABLE = _Table(
    (
        Column("HOST"),
        Column("PORT", 1, is_number=True),
        Column("PROTOCOL", 4),
        Column("ADDRESS", 5),
        Column("PROGRAM", is_cut=True),
        Column("PID", 4, is_number=True),
        Column("USER", 3),
        Column("REACHABLE FROM", 2),
        Column("SINCE", 6),
    ),
    _port_cells,
    "Nothing listens on any host that the filters let through.",
)
_WHO_TABLE = replace(_PORT_TABLE, nothing="No host listens there.")
_WHO_THEN_TABLE = replace(_PORT_TABLE, nothing="No host listened there.")
_SERVICE_TABLE = _Table(
    (
        Column("PORT", is_number=True),
        Column("PROTOCOL", 3),
        Column("PROGRAM", is_cut=True),
        Column("REACHABLE FROM", 1),
        Column("HOSTS", is_number=True),
        Column("LISTENERS", 4, is_number=True),
        Column("SINCE", 2),
    ),
    _service_cells,
    "No other machine reaches anything that the filters let through.",
)
_EVENT_TABLE = _Table(
    (
        Column("TIME"),
        Column("HOST"),
        Column("EVENT"),
        Column("PORT", is_number=True),
        Column("PROTOCOL", 4),
        Column("ADDRESS", 5),
        Column("PROGRAM", is_cut=True),
        Column("PID", 1, is_number=True),
        Column("USER", 3),
        Column("REACHABLE FROM", 2),
    ),
    _event_cells,
    "Nothing opened or closed on any host that the filters let through.",
)
