"""Hosts of a fleet: a login for each, which can write its own rows and nothing else."""

import secrets

from psycopg import sql
from psycopg.conninfo import make_conninfo

from porteye_core.errors import FleetRefused
from porteye_core.store.fleet.server import Server, told


def enrol(server: Server, name: str, reached: str = "") -> str:
    """Enrol a host and make its login; return the address with which it ships.

    reached: where hosts reach the server, if not as this connection does, such as
    "host=db.example sslmode=verify-full". The address has the only copy of the login's password.
    Raises FleetRefused if a host of this name is enrolled, FleetError.
    """
    password = secrets.token_urlsafe(24)
    with told(f"The host {name} could not be enrolled"), server.transaction():
        server.execute("SET LOCAL search_path = fleet, pg_temp")
        known = server.execute(
            "SELECT 1 FROM host WHERE name = %s AND retired_at IS NULL", (name,)
        ).fetchone()
        if known:
            raise FleetRefused(
                f"A host {name} is enrolled already.",
                f"Retire it first, or choose another name: porteye fleet retire {name}.",
            )
        made = server.execute(
            "INSERT INTO host (name, role, enrolled_at) VALUES (%s, '', now_us())"
            " RETURNING host_id",
            (name,),
        ).fetchone()
        assert made is not None
        role = f"agent_{made[0]}"
        server.execute("UPDATE host SET role = %s WHERE host_id = %s", (role, made[0]))
        server.execute("SET LOCAL password_encryption = 'scram-sha-256'")
        server.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT 4 IN ROLE porteye_agent"
            ).format(sql.Identifier(role), password)
        )
        for setting in (
            "statement_timeout = '30s'",
            "idle_in_transaction_session_timeout = '30s'",
            "lock_timeout = '20s'",
            # A host that lost its power leaves no connection for hours: it may have four.
            "tcp_keepalives_idle = 15",
            "tcp_keepalives_interval = 5",
            "tcp_keepalives_count = 3",
        ):
            server.execute(
                sql.SQL("ALTER ROLE {} SET {}").format(sql.Identifier(role), sql.SQL(setting))
            )
    given = server.info
    where = reached or make_conninfo(host=given.host, port=given.port)
    return make_conninfo(where, dbname=given.dbname, user=role, password=password)


def retire(server: Server, name: str) -> None:
    """Take a host's login away; its rows stay for as long as the fleet keeps them.

    Raises FleetRefused if no such host is enrolled, FleetError.
    """
    with told(f"The host {name} could not be retired"), server.transaction():
        server.execute("SET LOCAL search_path = fleet, pg_temp")
        found = server.execute(
            "SELECT role, retire(host_id) FROM host WHERE name = %s AND retired_at IS NULL", (name,)
        ).fetchone()
        if found is None:
            raise FleetRefused(f"No host {name} is enrolled.", "See: porteye fleet hosts.")
        role = sql.Identifier(found[0])
        server.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(role))
        server.execute(sql.SQL("REVOKE porteye_agent FROM {}").format(role))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (found[0],)
        )
