"""The open listeners under names that survive a restart, with what each uses."""

from collections.abc import Iterator
from typing import NamedTuple

from porteye_core.exposure import Bound, Exposure, exposure
from porteye_core.model import Filters
from porteye_core.programs import lasting_name, lasting_unit
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import bound, select_columns
from porteye_core.store.reading.open_listeners import MEASURED, open_now_question

_COLUMNS = select_columns(
    *("protocol", "port", *Bound._fields, "process", "exe", "cmdline", "unit"),
    process_id="l.process_id",
)
_MEASURED = len(MEASURED)


class OpenUse(NamedTuple):
    """An open listener with its newest sample, of which None is what is not known.

    process: the id of its row, by which listeners of one process are known; cpu: hundredths of a
    percent of one core; rss: bytes.
    """

    protocol: str
    port: int
    exposure: Exposure
    program: str
    unit: str
    process: int | None
    cpu: int | None
    rss: int | None
    clients: int | None
    queue: int | None
    backlog: int | None


def open_uses(connection: engine.Connection, now: int) -> Iterator[OpenUse]:
    """Every open listener, by port."""
    for row in connection.execute(*open_now_question(Filters(), now, columns=_COLUMNS)):
        protocol, port, *where, name, exe, cmdline, unit, process = row[:-_MEASURED]
        yield OpenUse(
            protocol,
            port,
            exposure(bound(*where)),
            "" if name is None else lasting_name(name, exe, cmdline),
            lasting_unit(unit or ""),
            process,
            *row[-_MEASURED:],
        )
