"""An export over many hosts, by a real server: its memory, and what ends it."""

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from benchmarks.fleet.seeded_hosts import seed_hosts
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from tests.kit.postgres import cluster, needs_postgres
from tests.kit.processes import bound, end
from tests.kit.service import PROJECT
from tests.kit.waiting import until

pytestmark = [
    needs_postgres,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc"),
]

_MEBIBYTE = 1 << 20
_IN_TRANSACTION = """
SELECT pid FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid != pg_backend_pid()
    AND backend_type = 'client backend'
"""


class Served(NamedTuple):
    """The API's port and process, and the address of the fleet's administrator."""

    port: int
    pid: int
    address: str

    def ask(self, statement: str) -> list[tuple[int]]:
        with psycopg.connect(self.address, autocommit=True) as server:
            return server.execute(statement.encode()).fetchall()

    @contextmanager
    def response(self, path: str) -> Iterator[HTTPResponse]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", path)
            with connection.getresponse() as found:
                assert found.status == 200
                yield found

    def memory(self) -> int:
        """The resident bytes of the API's process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [each for each in status.splitlines() if each.startswith("VmRSS")]
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with cluster() as running:
        with connect(running.address) as server:
            migrate(server)
            seed_hosts(server, 20, 120_000)
        command = bound(sys.executable, "-m", "tests.kit.fleet_api_process", running.address)
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            with process.stdout:
                yield Served(int(process.stdout.readline()), process.pid, running.address)
        finally:
            end(process)


def test_a_long_export_takes_the_memory_of_a_short_one(served: Served) -> None:
    with served.response("/api/history.csv") as found:
        pieces = [found.read(4 * _MEBIBYTE)]
        before = served.memory()
        most = before
        while piece := found.read(4 * _MEBIBYTE):
            pieces.append(piece)
            most = max(most, served.memory())
    # All events with their texts would take some hundred MiB, the file itself thirty.
    assert most - before < 12 * _MEBIBYTE
    text = b"".join(pieces).decode()
    assert len(text) > 24 * _MEBIBYTE
    rows = list(csv.reader(io.StringIO(text)))
    ((events,),) = served.ask("SELECT count(*) FROM fleet.event")
    assert len(rows) - 1 == events
    times = [row[2] for row in rows[1:]]
    assert times == sorted(times, reverse=True)


def test_a_client_that_goes_away_ends_the_cursor(served: Served) -> None:
    with served.response("/api/history.json") as found:
        found.read(1000)
        assert len(served.ask(_IN_TRANSACTION)) == 1
    until(lambda: not served.ask(_IN_TRANSACTION), "the cursor ends")


def test_a_server_that_ends_amid_an_export_leaves_no_whole_file(served: Served) -> None:
    with served.response("/api/history.json") as found:
        found.read(1000)
        ((pid,),) = served.ask(_IN_TRANSACTION)
        served.ask(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(IncompleteRead):
            found.read()
    with served.response("/api/history?limit=1"):
        pass
