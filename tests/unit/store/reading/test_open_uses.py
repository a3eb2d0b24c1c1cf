"""Open listeners under names that survive a restart."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.exposure import Exposure
from porteye_core.model import Precision, Process, Program, Sample, Tick
from porteye_core.store.reading import OpenUse, open_row_reader
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.values import endpoint, owned, process


def stored(db: Path, writer: Writer, owner: Process | None) -> OpenUse:
    """The use of a listener of this owner."""
    now = time.time_ns() // 1000
    (born,) = writer.record_changes(
        now, [Opening(owned(endpoint(8080, address="0.0.0.0"), owner), now, Precision.POLL)]
    )
    writer.record_tick(Tick(now, now, 1, 3, 900, 0), [Sample(born.id, 150, 4096, 3, 1, 128)])
    with open_row_reader(db) as reader:
        (use,) = reader.open_uses(now)
    return use


def test_a_listener_has_its_newest_sample(db: Path, writer: Writer) -> None:
    unit = replace(process(), unit="nginx.service")
    use = stored(db, writer, unit)
    assert use[:5] == ("tcp", 8080, Exposure.EVERYWHERE, "nginx", "nginx.service")
    assert use[6:] == (150, 4096, 3, 1, 128)
    assert use.process is not None


def test_an_owner_that_is_not_known_has_no_name(db: Path, writer: Writer) -> None:
    use = stored(db, writer, None)
    assert (use.program, use.unit, use.process) == ("", "", None)


@pytest.mark.parametrize(
    "unit",
    [
        *("session-4.scope", "run-u17.service", "user@1000.service"),
        "docker-0123456789abcdef0123456789abcdef.scope",
    ],
)
def test_a_unit_with_another_name_at_each_start_is_none(
    db: Path, writer: Writer, unit: str
) -> None:
    assert stored(db, writer, replace(process(), unit=unit)).unit == ""


@pytest.mark.parametrize(
    ("name", "exe", "cmdline", "program"),
    [
        ("nginx", "/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx -c /x", "nginx"),
        ("node", "/usr/bin/node", "node /srv/shop/server.js --secret=x", "server.js (node)"),
        ("python3", "/usr/bin/python3", "python3 -m http.server 8000", "http.server (python)"),
        ("postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres -D /data", "postgres"),
        ("sshd", "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener]", "sshd"),
        ("ruby", "/usr/bin/ruby", "'puma 6.0 (tcp://0.0.0.0:3000) [shop]'", "puma"),
        ("worker-48213", "/srv/worker", "worker --id 48213", "worker-#"),
        ("python3", "/usr/bin/python3", "python3 /tmp/job-1795417380.py", "job-#.py (python)"),
        ("3d-print", "/usr/bin/x", "3d-print", "3d-print"),
    ],
)
def test_a_program_has_a_name_without_what_a_restart_changes(
    db: Path, writer: Writer, name: str, exe: str, cmdline: str, program: str
) -> None:
    owner = replace(process(), program=Program(name, exe, "www", cmdline))
    assert stored(db, writer, owner).program == program
