"""A real PgBouncer before a server of a test."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from benchmarks.postgres_server import unprivileged
from tests.kit.processes import end
from tests.kit.waiting import until

_PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(_PROGRAM is None, reason="there is no pgbouncer here")

PORT = 6432
# What docs/fleet-server.md tells to set; the database, addresses and files are those of the test.
_SETTINGS = """
[databases]
* = host={address} port=5432 auth_user=pgbouncer

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
auth_query = SELECT name, secret FROM public.pgbouncer_secret($1)
pool_mode = {mode}
max_client_conn = 5000
default_pool_size = 2
max_db_connections = {most}
server_idle_timeout = 30
"""
# PgBouncer asks for the secret of whoever logs in, and proves itself to the server by the same.
_ASKS = """
CREATE ROLE pgbouncer LOGIN PASSWORD 'asks';
GRANT CONNECT ON DATABASE {database} TO pgbouncer;
CREATE FUNCTION public.pgbouncer_secret(INOUT name text, OUT secret text) STABLE SECURITY DEFINER
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin AND NOT rolsuper
    AND (pg_has_role(oid, 'porteye_agent', 'MEMBER')
        OR pg_has_role(oid, 'porteye_reader', 'MEMBER')) $$;
REVOKE EXECUTE ON FUNCTION public.pgbouncer_secret(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.pgbouncer_secret(text) TO pgbouncer;
"""


@contextmanager
def pgbouncer(administrator: str, address: str, mode: str, most: int) -> Iterator[None]:
    """A PgBouncer at this address of its server, with at most so many connections to it."""
    assert _PROGRAM is not None
    with psycopg.connect(administrator, autocommit=True) as server:
        server.execute(_ASKS.format(database=server.info.dbname).encode())
    with TemporaryDirectory(prefix="porteye-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "users").write_text('"pgbouncer" "asks"\n')
        settings = _SETTINGS.format(address=address, port=PORT, folder=folder, mode=mode, most=most)
        (folder / "pgbouncer.ini").write_text(settings)
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                unprivileged("--pdeathsig", "INT", _PROGRAM, str(folder / "pgbouncer.ini")),
                stdout=out,
                stderr=out,
            )
        try:
            until(lambda: process.poll() is not None or _answers(address), "PgBouncer answers")
            assert process.poll() is None, log.read_text()
            yield
        except BaseException:
            print(log.read_text())
            raise
        finally:
            end(process)


def _answers(address: str) -> bool:
    with suppress(psycopg.OperationalError):
        login = f"host={address} port={PORT} user=pgbouncer password=asks dbname=postgres"
        psycopg.connect(login).close()
        return True
    return False
