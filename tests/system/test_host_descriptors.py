"""The real monitor when the system gives it no more descriptors, and when it does again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.kit.opener import Opener
from tests.kit.service import monitor, rows
from tests.kit.tracing import needs_tracing
from tests.kit.waiting import until

if sys.platform != "linux":
    pytest.skip("prlimit is Linux's", allow_module_level=True)

import resource

pytestmark = pytest.mark.host

EVENTS = "SELECT kind, seen FROM event WHERE port = ? ORDER BY id"
OWNER = (
    "SELECT p.pid, g.cmdline != '', l.hidden FROM listener l JOIN process p ON p.id = l.process_id"
    " JOIN program g ON g.id = l.program_id WHERE port = ?"
)


@contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """A limit of the process at its lowest free descriptor: what it has stays, it gets no more."""
    seen = [{int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()} for _ in range(50)]
    lowest = min(n for n in range(1024) if any(n not in used for used in seen))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def turns(pid: int) -> int:
    """How often the process has gone to wait."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def said_by(process: "subprocess.Popen[str]", words: str) -> str:
    """What its log says up to these words."""
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    said: list[bytes] = []

    def says_it() -> bool:
        with suppress(BlockingIOError):
            said.append(os.read(process.stderr.fileno(), 1 << 16))  # type: ignore[union-attr]
        return words in b"".join(said).decode()

    until(says_it, f"the monitor says {words!r}")
    return b"".join(said).decode()


@pytest.mark.parametrize("sample_interval", ["0.4", "60"], ids=["at a tick", "between ticks"])
@pytest.mark.parametrize(
    "source", ["portable", "sock_diag", pytest.param("tracepoint", marks=needs_tracing)]
)
def test_without_descriptors_nothing_closes_and_with_them_it_goes_on(
    db: Path, source: str, sample_interval: str
) -> None:
    flags = ("--source", source, "--sample-interval", sample_interval)
    with Opener() as opener, Opener() as other, monitor(db, *flags) as process:
        stays, goes = opener.listen(), opener.listen()
        until(lambda: rows(db, OWNER, stays) and rows(db, OWNER, goes), "both are seen")
        with without_descriptors(process.pid):
            comes = other.listen()
            said = said_by(process, "Nothing is recorded")
            opener.close(goes)
            failed_at = turns(process.pid)
            until(lambda: turns(process.pid) >= failed_at + 10, "ten more scans have failed")
            assert rows(db, "SELECT 1 FROM event WHERE kind = 'closed' AND port = ?", stays) == []
        until(lambda: len(rows(db, EVENTS, goes)) == 2, "the closing is seen")
        until(lambda: rows(db, OWNER, comes) == [(other.pid, 1, None)], "the owner is seen")
        until(lambda: rows(db, "SELECT 1 FROM tick WHERE gap > 0"), "the gap is recorded")
        assert len(rows(db, EVENTS, stays)) == 1
        process.terminate()
        _, log = process.communicate(timeout=120)
    assert "Too many open files" in said
    assert "Too many open files" not in log
    assert "Traceback" not in log
    assert process.returncode == 0
