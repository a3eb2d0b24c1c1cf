"""Ten minutes of yesterday, in the middle of which the monitor was stopped for one."""

from pathlib import Path

from porteye_core.model import Precision, Tick, WatchPlan
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.seeding import MINUTE
from tests.kit.values import HOST, SECOND, endpoint, owned, process

BEGUN = 1_790_000_000 * SECOND
STOPPED = BEGUN + 5 * MINUTE
_PLAN = WatchPlan("sock_diag", 2 * SECOND, 10 * SECOND)
_END = BEGUN + 10 * MINUTE


def stopped_for_a_minute(db: Path) -> None:
    """postgres goes on, python3 is gone when the monitor comes back, node closes in its sight."""
    with open_writer(db, HOST, BEGUN) as writer:
        writer.begin_watch(BEGUN, _PLAN)
        seen = [
            owned(endpoint(port), process(port, name=name))
            for port, name in ((5432, "postgres"), (8000, "python3"), (3000, "node"))
        ]
        opened = BEGUN + 10 * SECOND
        born = writer.record_changes(
            opened, [Opening(each, opened, Precision.KERNEL) for each in seen]
        )
        writer.end_watch(STOPPED)
        back = STOPPED + MINUTE
        writer.begin_watch(back, _PLAN)
        writer.record_changes(back, closed=[Closing(born[1], back, Precision.GAP)])
        later = back + MINUTE
        writer.record_changes(later, closed=[Closing(born[2], later, Precision.KERNEL)])
        writer.record_tick(Tick(_END, 1, listeners=1, clients=0, scan_us=1, hidden=0), [])
        writer.end_watch(_END)
