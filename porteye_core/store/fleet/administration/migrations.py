"""Steps of the fleet's schema: files of the folder schema, which never change once released."""

from pathlib import Path

from psycopg import sql

from porteye_core.errors import FleetRefused
from porteye_core.store.fleet.server import Server, told

STEPS = tuple(sorted(Path(__file__).with_name("schema").glob("[0-9]*.sql")))
ROLES = ("porteye_owner", "porteye_agent", "porteye_reader")
_OLDEST_SERVER = 150_000
# Microseconds of partitions that are made for the past: as much as is kept at first.
_PAST = 90 * 86_400 * 1_000_000
_PREPARE = """
CREATE SCHEMA IF NOT EXISTS fleet AUTHORIZATION porteye_owner;
CREATE SCHEMA IF NOT EXISTS one_host AUTHORIZATION porteye_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE TABLE IF NOT EXISTS fleet.step (number integer PRIMARY KEY, applied_at timestamptz NOT NULL
    DEFAULT now());
ALTER TABLE fleet.step OWNER TO porteye_owner;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
"""


def migrate(server: Server) -> int:
    """Make the roles and apply the missing steps, all in one transaction; return their number.

    Raises FleetRefused if a later PortEye made the schema or the server is too old, FleetError.
    """
    if server.info.server_version < _OLDEST_SERVER:
        raise FleetRefused("The server is older than PostgreSQL 15.", "Update it.")
    with told("The fleet's schema could not be made"), server.transaction():
        server.execute("SELECT pg_advisory_xact_lock(hashtext('porteye fleet init'))")
        _make_roles(server)
        server.execute(_PREPARE)
        found = server.execute("SELECT coalesce(max(number), 0) FROM fleet.step").fetchone()
        assert found is not None
        done = int(found[0])
        if done > len(STEPS):
            raise FleetRefused(
                f"The fleet has schema {done}, and this program knows {len(STEPS)}.",
                "Update PortEye.",
            )
        server.execute("SET LOCAL ROLE porteye_owner")
        server.execute("SET LOCAL search_path = fleet, pg_temp")
        for number, step in enumerate(STEPS[done:], done + 1):
            server.execute(step.read_bytes())
            server.execute("INSERT INTO step (number) VALUES (%s)", (number,))
        if done == 0:
            _fill(server)
        return len(STEPS) - done


def _make_roles(server: Server) -> None:
    """Make the roles of the server that are missing, and say what each may do in this database."""
    for role in ROLES:
        known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if not known:
            server.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    # An administrator who is no superuser takes the owner's role.
    server.execute("GRANT porteye_owner TO CURRENT_USER")
    database = sql.Identifier(server.info.dbname)
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    server.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO porteye_agent, porteye_reader").format(database)
    )


def _fill(server: Server) -> None:
    with server.cursor().copy("COPY fold FROM STDIN") as rows:
        for letter in map(chr, range(128, 0x110000)):
            if letter != letter.casefold():
                rows.write_row((letter, letter.casefold()))
    server.execute("SELECT make_partitions(now_us() - %s, now_us()), tidy()", (_PAST,))
