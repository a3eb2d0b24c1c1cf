"""Hosts of a fleet: a login for each, which can write its own rows and nothing else."""

import secrets
from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from porteye_core.errors import FleetRefused
from porteye_core.store.fleet.server import Server, told

# By SCRAM the server proves that it knows the password, too, and channel binding ties that to the
# certificate of the connection: nobody can stand between, and no authority is needed. By libpq's
# default a login would do without TLS, and send the password to whoever asks for it.
_PROVEN = {"sslmode": "require", "channel_binding": "require"}

# A comma separates names, others make a pattern, and after ~ stands the number of a host that was
# retired, as hosts.addresses says.
_NOT_IN_NAMES = frozenset(",*?[~")

_OF_A_LOGIN: tuple[LiteralString, ...] = (
    "statement_timeout = '30s'",
    "idle_in_transaction_session_timeout = '30s'",
    "lock_timeout = '20s'",
    # A host that lost its power leaves no connection for hours: it may have four.
    "tcp_keepalives_idle = 15",
    "tcp_keepalives_interval = 5",
    "tcp_keepalives_count = 3",
    "tcp_user_timeout = 30000",  # of an answer that was under way
)


def _check_name(name: str) -> None:
    """Raise FleetRefused for a name by which a filter or an address could not mean this host."""
    if not name.isprintable() or name != name.strip() or set(name) & _NOT_IN_NAMES:
        raise FleetRefused(
            f"“{name[:40]}” is no name of a host.",
            "Use no space at its ends, no control character, and none of , * ? [ and ~.",
        )


def enrol(server: Server, name: str, reached: str = "", *, by_certificate: bool = False) -> str:
    """Enrol a host and make its login; return the address with which it ships.

    reached: where hosts reach the server, if not as this connection does, such as
    "host=db.example sslmode=verify-full". The address has the only copy of the login's password;
    by_certificate: it has none, for a certificate whose common name is the login.
    Raises FleetRefused if a host of this name is enrolled or nobody could ask for it, FleetError.
    """
    _check_name(name)
    with told(f"The host {name} could not be enrolled"):
        where = _where(server, reached)
    password = None if by_certificate else secrets.token_urlsafe(24)
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
        role = _free_role(server, f"agent_{made[0]}")
        server.execute("UPDATE host SET role = %s WHERE host_id = %s", (role, made[0]))
        _make_login(server, role, password, "CONNECTION LIMIT 4 IN ROLE porteye_agent")
        for setting in _OF_A_LOGIN:
            server.execute(
                sql.SQL("ALTER ROLE {} SET {}").format(sql.Identifier(role), sql.SQL(setting))
            )
    secret = {} if password is None else {"password": password}
    return make_conninfo(**where, dbname=server.info.dbname, user=role, **secret)


def make_reader(server: Server, name: str, reached: str = "") -> str:
    """Make a login that reads the fleet, as a page needs it; return its address, as `enrol` does.

    Raises FleetRefused if the server has a role of this name, FleetError.
    """
    password = secrets.token_urlsafe(24)
    with told(f"The reader {name} could not be made"), server.transaction():
        where = _where(server, reached)
        if server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
            raise FleetRefused(f"The server has a role {name} already.", "Choose another name.")
        _make_login(server, name, password, "IN ROLE porteye_reader")
    return make_conninfo(**where, dbname=server.info.dbname, user=name, password=password)


def _make_login(server: Server, role: str, password: str | None, of: LiteralString) -> None:
    # The server gets what it keeps: its log may have the statement.
    kept = password and server.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode("ascii")
    server.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}").format(  # NULL: none
            sql.Identifier(role), kept, sql.SQL(of)
        )
    )


def _free_role(server: Server, role: str) -> str:
    """The name, or one with the number of the database if another fleet of this server has it: all
    of them share its roles."""
    taken, database = server.execute(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s), oid FROM pg_database"
        " WHERE datname = current_database()",
        (role,),
    ).fetchone() or (False, 0)
    return f"{role}_{database}" if taken else role


def login_of(address: str) -> str:
    """The role as which a host ships that has this address."""
    return str(conninfo_to_dict(address)["user"])


def is_local(address: str) -> bool:
    """Tell whether an address reaches the server on the server's own machine alone."""
    return _is_local(conninfo_to_dict(address))


def _where(server: Server, reached: str) -> dict[str, Any]:
    """The part of an address that tells where the server is, and how it proves who it is."""
    given = server.info
    where = conninfo_to_dict(reached) if reached else {"host": given.host, "port": given.port}
    for name in ("dbname", "user", "password"):
        where.pop(name, None)
    is_told = _is_local(where) or where.keys() & _PROVEN.keys()
    return where if is_told else {**where, **_PROVEN}


def _is_local(where: Mapping[str, Any]) -> bool:
    return str(where.get("host", "/")).startswith(("/", "@")) and "hostaddr" not in where


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
