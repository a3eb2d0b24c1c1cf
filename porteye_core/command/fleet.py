"""`porteye fleet`: the schema and the hosts of a fleet; for the fleet's administrator."""

import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from porteye_core.command.exits import HELD
from porteye_core.command.fleet_extra import check_extra
from porteye_core.command.new_file import new_file
from porteye_core.command.screen import Column, Screen
from porteye_core.errors import ConfigError
from porteye_core.spoken_times import ago
from porteye_core.system.clock import timestamp

if TYPE_CHECKING:  # psycopg takes a tenth of a second, which no other command needs
    from porteye_core.store.fleet.enrolment import EnrolledHost
    from porteye_core.store.fleet.server import Server

_COLUMNS = (
    Column("HOST"),
    Column("SINCE", 2),
    Column("LATEST"),
    Column("LISTENERS", 1, is_number=True),
    Column("EVENTS", 1, is_number=True),
    Column("BEHIND", is_number=True),
    Column("DROPPED", 3, is_number=True),
    Column("CLOCK", 3, is_number=True),
    Column("VERSION", 4),
)


def fleet(given: Namespace, environ: Mapping[str, str], screen: Screen) -> int:
    """Prepare the server, enrol, retire or list hosts; returns the exit status."""
    check_extra()
    from porteye_core.store.fleet.server import connect  # noqa: PLC0415 - as above

    address = given.server or environ.get("PORTEYE_FLEET", "")
    if not address:
        raise ConfigError("No server is named.", "Give --server postgresql://… or PORTEYE_FLEET.")
    if given.action in {"enrol", "retire"} and not given.host:
        raise ConfigError("No host is named.", f"Give its name: porteye fleet {given.action} HOST.")
    with connect(address) as server:
        _act(given, server, screen)
    return HELD


def _act(given: Namespace, server: "Server", screen: Screen) -> None:
    from porteye_core.store.fleet import enrolment, migrations, retention  # noqa: PLC0415 - as above

    match given.action:
        case "init":
            screen.write(f"{migrations.migrate(server)} steps of the schema were applied.")
        case "enrol":
            file = Path(given.file or f"{given.host}.fleet")
            if file.exists():
                raise ConfigError(f"{file} exists already.", "Name another one by --file.")
            with new_file(file) as out:
                out.write(f"{enrolment.enrol(server, given.host, given.reached)}\n".encode())
            screen.write(f"{file} is the login of {given.host}. Move it there, and run:")
            screen.write(f"  porteye ship {file.name}")
        case "retire":
            enrolment.retire(server, given.host)
            screen.write(f"{given.host} ships no more. What it has shipped stays.")
        case "tidy":
            swept = retention.tidy(server)
            screen.write(
                f"The fleet keeps what is since {timestamp(swept.kept_from)}."
                f" {swept.orphans:,} rows to which nothing refers were deleted."
            )
        case "hosts":
            _list(enrolment.hosts(server), screen)


def _list(hosts: "list[EnrolledHost]", screen: Screen) -> None:
    now = time.time_ns() // 1000
    rows = [
        (
            each.name if each.retired_at is None else f"{each.name} (retired)",
            timestamp(each.enrolled_at),
            "never" if each.received_at is None else ago(each.received_at, now),
            f"{each.listeners:,}",
            f"{each.events:,}",
            f"{each.behind:,}",
            f"{each.dropped:,}",
            "" if each.skew is None else f"{each.skew / 1e6:+.1f} s",
            each.version,
        )
        for each in hosts
    ]
    screen.write_table(_COLUMNS, rows)
