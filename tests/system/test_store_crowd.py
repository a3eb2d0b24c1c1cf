"""Many monitors and many readers at one database."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.conftest import PLAN
from tests.kit.churn import lost
from tests.kit.forked import readers, rest, start_writer
from tests.kit.processes import bound
from tests.kit.rights import posix
from tests.kit.service import SERVICE, environment
from tests.kit.values import HOST, SECOND, endpoint, owned
from tests.kit.waiting import until

_LARGEST_LEFT = 64 * 1024**2
_HELD = 3


def start(db: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        bound(sys.executable, str(SERVICE), "--db", str(db), "--source", "portable"),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


@posix
@pytest.mark.long
def test_of_ten_monitors_one_writes_and_the_others_name_it(db: Path) -> None:
    for _ in range(10):
        crowd = [start(db) for _ in range(10)]
        try:
            until(lambda: sum(each.poll() is None for each in crowd) == 1, "one is left")  # noqa: B023
            (winner,) = [each for each in crowd if each.poll() is None]
            holder = lock.holder(db)
            assert holder
            assert holder.pid == winner.pid
            for each in crowd:
                if each is not winner:
                    said = each.stderr.read() if each.stderr else ""
                    assert each.returncode == _HELD, said
                    assert f"pid {winner.pid}" in said
        finally:
            for each in crowd:
                each.send_signal(signal.SIGKILL)
                each.communicate()
        assert lock.holder(db) is None


@posix
def test_thirty_two_readers_and_a_writer_never_fail_each_other(db: Path) -> None:
    with open_writer(db, HOST, 1):
        pass
    with readers(db, 32):
        process, said = start_writer(db, range(1_000, 1_101))
        acknowledged = rest(said)
        process.join()
    assert process.exitcode == 0
    assert len(acknowledged) == 200
    with open_connection(db) as reader:
        assert not lost(reader, acknowledged)


def test_after_a_long_read_the_log_of_writes_is_small_again(db: Path) -> None:
    log = db.with_name(f"{db.name}-wal")
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(1, PLAN)
        at = 1
        with open_connection(db) as reader:
            reader.execute("SELECT count(*) FROM event").fetchone()
            while log.stat().st_size <= _LARGEST_LEFT:
                at += SECOND
                seen = [owned(endpoint(port)) for port in range(1, 3001)]
                born = writer.record_changes(at, [Opening(s, at, Precision.POLL) for s in seen])
                writer.record_changes(at, closed=[Closing(b, at, Precision.POLL) for b in born])
        for _ in range(2):  # the first finds the log written back, the second begins it anew
            at += SECOND
            writer.record_changes(at, [Opening(owned(endpoint(80)), at, Precision.POLL)])
        assert log.stat().st_size <= _LARGEST_LEFT
