"""Connections to the server, and its errors as sentences."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from porteye_core.errors import FleetError, FleetRefused, StoreSlow

Server = psycopg.Connection[tuple[Any, ...]]

# A server that cannot be reached is told from a slow one within these many seconds.
_CONNECT_TIMEOUT = 10
# TCP gives up an unanswered packet after so many milliseconds: a cable that was pulled.
_TCP_TIMEOUT = 30_000
# Errors of a database without the schema, or with an older one.
NOT_MADE = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
)
# Of a name of a host: what stands before it, as in user:pass@word@host.
_PASSWORD = re.compile(r"""(["'])[^"']*@""")
ADDRESS_HINT = "Give one like postgresql://porteye_page@db.example/fleet."
_OTHER_WRITER, _NOT_ENROLLED, _OUT_OF_STEP = "PE002", "PE001", "PE003"
_HINTS = {
    _OTHER_WRITER: "Its database is a clone or a restored backup. Enrol this host under a name of"
    " its own, or retire the host and enrol it anew: docs/fleet.md.",
    _NOT_ENROLLED: "Enrol it: porteye fleet enrol HOST.",
    _OUT_OF_STEP: "Update the older of the two, server and host.",
}


def connect(address: str, **options: Any) -> Server:
    """Open a connection; each statement is a transaction outside of `transaction()`.

    Nothing is kept at the server between two transactions, no prepared statement either: PgBouncer
    may give each another connection. Raises FleetError.
    """
    with told("The fleet's server cannot be reached"):
        return psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECT_TIMEOUT,
            tcp_user_timeout=_TCP_TIMEOUT,
            **options,
        )


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn an error of the server into a FleetError that says what could not be done; into a
    FleetRefused if another try would have the same answer."""
    try:
        yield
    except psycopg.Error as err:
        if is_no_address(err):
            raise FleetRefused(f"{what}: the address is none of libpq.", ADDRESS_HINT) from None
        sentence = f"{what}: {reason(err)}."
        if err.sqlstate in _HINTS:
            raise FleetRefused(sentence, _HINTS[err.sqlstate]) from err
        if isinstance(err, (*NOT_MADE, errors.InsufficientPrivilege)):
            raise FleetRefused(sentence, "An administrator runs: porteye fleet init.") from err
        raise FleetError(sentence) from err


@contextmanager
def answered(what: str) -> Iterator[None]:
    """Turn an error as `told` does, and that of a question which was stopped into a StoreSlow."""
    with told(what):
        try:
            yield
        except errors.QueryCanceled as err:
            raise StoreSlow(
                "The question took too long and was stopped.",
                "Ask for fewer hosts, or a shorter time.",
            ) from err


def is_no_address(err: psycopg.Error) -> bool:
    """Tell whether libpq did not understand the address, of which it may say a part of the
    password."""
    return isinstance(err, psycopg.ProgrammingError) and err.sqlstate is None


def reason(err: psycopg.Error) -> str:
    """The first line of what the server or the library says, without a full stop and without a
    part of the password, which a mistake in the address can make of it."""
    said = err.diag.message_primary or str(err).strip().partition("\n")[0]
    return _PASSWORD.sub(r"\1…@", said.rstrip("."))
