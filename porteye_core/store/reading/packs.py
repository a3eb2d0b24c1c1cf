"""Packs, read as arrays: the activity of buckets that are over, of what filters let through.

The monitor packs a bucket some minutes after its end (see retention.packing). What is not packed
yet is left to the rows of activity, and to single events.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from porteye_core.errors import StoreDamaged
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import process_condition
from porteye_core.store.tables.pack_table import RESOLUTIONS

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SECOND, _HOUR = 1_000_000, 3600
_PORTS = 65536
_DTYPES = {width: np.dtype(f"<u{width}") for width in (1, 2, 4)}
# Of so few ports activity has the rows side by side, and to seek them takes less time than to read
# a pack of every port.
_FEW_PORTS = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """From `since` up to but not including `until`; in buckets of `resolution` seconds, or in
    single events where that is 0."""

    resolution: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Pack:
    """The activity of one protocol in a bucket that begins at a time: four columns, in the order of
    port and program; only their `rows` count, or all of them."""

    at: int
    protocol: str
    columns: tuple[Numbers, ...]
    rows: Numbers | None = None

    @property
    def ports(self) -> Numbers:
        """The port of each row."""
        return self._column(0)

    @property
    def programs(self) -> Numbers:
        """The id of the program of each row, 0 where it is not known."""
        return self._column(1)

    @property
    def opened(self) -> Numbers:
        """The openings of each row."""
        return self._column(2)

    @property
    def closed(self) -> Numbers:
        """The closings of each row."""
        return self._column(3)

    def _column(self, place: int) -> Numbers:
        column = self.columns[place]
        return column if self.rows is None else column[self.rows]


class PackFilter:
    """The filters of one question, as packs are narrowed by them."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._programs: Mask | None = None
        self._ports = _ports(filters)
        self._is_narrow = sum(high - low + 1 for low, high in filters.ports) <= _FEW_PORTS

    def of(self, connection: engine.Connection, piece: Piece) -> tuple[Iterator[Pack], list[Piece]]:
        """The packs of a piece, each as far as the filters let through, and the pieces of it that
        have none."""
        packed, missing = self._parted(connection, piece)
        return chain.from_iterable(self._read(connection, each) for each in packed), missing

    def _parted(
        self, connection: engine.Connection, piece: Piece
    ) -> tuple[list[Piece], list[Piece]]:
        """The pieces in which buckets are packed, and those in which none is: what has packs of
        shorter buckets alone, as the present hour, is a piece of these."""
        if piece.resolution == 0 or self._is_sought(piece):
            return [], [piece]
        is_any, unpacked = _buckets(connection, piece)
        packed, missing = ([piece] if is_any else []), list[Piece]()
        for each in unpacked:
            shorter = [length for length in RESOLUTIONS if length < each.resolution]
            found, rest = list[Piece](), [each]
            if shorter:
                finer = replace(each, resolution=max(shorter))
                found, rest = self._parted(connection, finer)
            packed += found
            missing += rest if found else [each]
        return packed, missing

    def _is_sought(self, piece: Piece) -> bool:
        return bool(self._filters.ports) and self._is_narrow and piece.resolution >= _HOUR

    def _read(self, connection: engine.Connection, piece: Piece) -> Iterator[Pack]:
        protocol = self._filters.protocol
        found = connection.execute(
            "SELECT bucket, protocol, ports, programs, opened, closed FROM pack"
            " WHERE resolution = ? AND bucket >= ? AND bucket < ? AND ports IS NOT NULL"
            f" {'AND protocol = ?' if protocol else ''} ORDER BY bucket",
            (piece.resolution, piece.since, piece.until, *([protocol] if protocol else [])),
        )
        programs = self._matching(connection)
        for at, of, *blobs in found:
            length = len(blobs[0]) // 2
            columns = tuple([_array(blob, length) for blob in blobs])
            yield Pack(at, of, columns, _rows(columns, self._ports, programs))

    def _matching(self, connection: engine.Connection) -> Mask | None:
        """By the id of a program, True for those that match; None: all do."""
        if self._filters.process and self._programs is None:
            where = process_condition(self._filters.process)
            found = connection.execute(
                f"SELECT id FROM program WHERE {where.sql}", where.parameters
            )
            ids = np.array([program_id for (program_id,) in found], dtype="int64")
            highest = connection.execute("SELECT coalesce(max(id), 0) FROM program").fetchone()[0]
            self._programs = np.zeros(highest + 1, dtype=np.bool_)
            self._programs[ids] = True
        return self._programs


def _ports(filters: Filters) -> Mask | None:
    """By the number of a port, True for those that match; None: all do."""
    if not filters.ports:
        return None
    ports = np.zeros(_PORTS, dtype=np.bool_)
    for low, high in filters.ports:
        ports[low : high + 1] = True
    return ports


def _buckets(connection: engine.Connection, piece: Piece) -> tuple[bool, list[Piece]]:
    """Tell whether any bucket of a piece is packed, and which pieces of it are not; a bucket
    without events is neither."""
    length = piece.resolution * _SECOND
    missing: list[Piece] = []
    is_any, was_packed = False, True
    for at, is_packed in connection.execute(
        "SELECT t.bucket, EXISTS (SELECT 1 FROM pack p WHERE p.resolution = t.resolution"
        " AND p.bucket = t.bucket AND p.ports IS NOT NULL) AS is_packed FROM turnover t"
        " WHERE t.resolution = ? AND t.bucket >= ? AND t.bucket < ? ORDER BY t.bucket",
        (piece.resolution, piece.since, piece.until),
    ):
        is_any |= bool(is_packed)
        if not is_packed:
            since = at if was_packed else missing.pop().since
            missing.append(Piece(piece.resolution, since, at + length))
        was_packed = bool(is_packed)
    return is_any, missing


def _array(blob: bytes, length: int) -> Numbers:
    return np.frombuffer(blob, dtype=_DTYPES[len(blob) // length], count=length)


def _rows(
    columns: tuple[Numbers, ...], ports: Mask | None, programs: Mask | None
) -> Numbers | None:
    """The rows that match, None for all."""
    try:
        masks = [
            mask[column]
            for mask, column in ((ports, columns[0]), (programs, columns[1]))
            if mask is not None
        ]
    except IndexError as err:
        raise StoreDamaged("A row of pack has a program that there is not.") from err
    if not masks:
        return None
    return (masks[0] if len(masks) == 1 else masks[0] & masks[1]).nonzero()[0]


NOBODY = 2**62  # above every number of a program
_NO_PROGRAM = 2**32 - 1
Summed = Callable[[Iterable[Pack]], Numbers]
"""The sum of packs: the rows that SQL would answer."""


def total(kind: Kind | None) -> Summed:
    """All events of a kind, or of both, in one row."""

    def summed(packs: Iterable[Pack]) -> Numbers:
        count = 0
        for pack in packs:
            columns = {Kind.OPENED: pack.opened, Kind.CLOSED: pack.closed}
            count += sum(int(columns[each].sum()) for each in Kind if kind in (None, each))
        return np.array([[count]])

    return summed


def by_time(origin: int, grain: int) -> Summed:
    """For each pack: its place in grains from `origin`, and its openings and closings."""

    def summed(packs: Iterable[Pack]) -> Numbers:
        found = [
            ((each.at - origin) // grain, each.opened.sum(), each.closed.sum()) for each in packs
        ]
        return np.array(found, dtype="int64").reshape(-1, 3)

    return summed


def by_place(ports: Iterable[int], origin: int, grain: int) -> Summed:
    """For each row on one of these ports: port, 1 for UDP, place, openings and closings."""
    wanted = np.zeros(_PORTS, dtype=np.bool_)
    wanted[list(ports)] = True

    def summed(packs: Iterable[Pack]) -> Numbers:
        found = [np.empty((0, 5), dtype="int64")]
        for pack in packs:
            ports = pack.ports
            rows = np.flatnonzero(wanted[ports])
            part = np.empty((len(rows), 5), dtype="int64")
            for place, column in ((0, ports), (3, pack.opened), (4, pack.closed)):
                part[:, place] = column[rows]
            part[:, 1] = pack.protocol == Protocol.UDP
            part[:, 2] = (pack.at - origin) // grain
            found.append(part)
        return np.concatenate(found)

    return summed


def by_port(packs: Iterable[Pack]) -> Numbers:
    """For each port: port, 1 for UDP, openings, closings, the lowest number of a program that is
    known (NOBODY where none is) and the highest (0 where none is)."""
    sums = {each.value: _PortSums() for each in Protocol}
    for pack in packs:
        sums[pack.protocol].add(pack)
    return np.concatenate([each.rows(of == Protocol.UDP) for of, each in sums.items()])


class _PortSums:
    """Sums of one protocol by the number of a port. 32 bits, for twice as many ports fit into the
    processor's cache."""

    def __init__(self) -> None:
        self._opened, self._closed, self._highest = np.zeros((3, _PORTS), dtype="uint32")
        self._lowest = np.full(_PORTS, _NO_PROGRAM, dtype="uint32")  # less one

    def add(self, pack: Pack) -> None:
        """Add a pack. The rows of a port are neighbours, by program: the first and the last have
        the bounds of the programs."""
        all_ports, programs = pack.ports, pack.programs
        if not len(all_ports):
            return
        is_edge = np.ones(len(all_ports) + 1, dtype=np.bool_)
        np.not_equal(all_ports[1:], all_ports[:-1], out=is_edge[1:-1])
        edges = np.flatnonzero(is_edge)
        first, last = edges[:-1], edges[1:] - 1
        ports = all_ports[first].astype("int64")  # an index that needs no conversion
        before = np.zeros(len(all_ports) + 1, dtype="uint32")
        for sums, counts in ((self._opened, pack.opened), (self._closed, pack.closed)):
            np.cumsum(counts, dtype="uint32", out=before[1:])
            sums[ports] += np.diff(before[edges])
        # Not known is 0, which comes first, and less one is _NO_PROGRAM.
        least = programs[np.minimum(first + (programs[first] == 0), last)].astype("uint32") - 1
        self._lowest[ports] = np.minimum(self._lowest[ports], least)
        self._highest[ports] = np.maximum(self._highest[ports], programs[last])

    def rows(self, is_udp: bool) -> Numbers:  # noqa: FBT001 - a value, no choice of behaviour
        """The rows of the ports that have events."""
        ports = np.flatnonzero(self._opened | self._closed)
        found = np.empty((len(ports), 6), dtype="int64")
        columns = (ports, is_udp, self._opened[ports], self._closed[ports])
        for place, column in enumerate((*columns, self._lowest[ports], self._highest[ports])):
            found[:, place] = column
        found[:, 4] = np.where(found[:, 4] == _NO_PROGRAM, NOBODY, found[:, 4] + 1)
        return found
