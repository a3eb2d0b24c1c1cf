"""`porteye fleet`: the schema and the hosts of a fleet, and questions over all of them."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from porteye_core.command.exits import HELD
from porteye_core.command.fleet_extra import check_extra
from porteye_core.command.new_file import new_file
from porteye_core.command.screen import Screen
from porteye_core.errors import ConfigError
from porteye_core.system.clock import timestamp

if TYPE_CHECKING:  # psycopg takes a tenth of a second, which no other command needs
    from porteye_core.store.fleet.server import Server

_NEEDED = {"enrol": "host", "retire": "host", "reader": "name", "who": "port"}


def fleet(given: Namespace, environ: Mapping[str, str], screen: Screen) -> int:
    """Prepare the server, enrol or retire hosts, or answer a question; returns the exit status."""
    check_extra()
    address = given.server or environ.get("PORTEYE_FLEET", "")
    if not address:
        raise ConfigError("No server is named.", "Give --server postgresql://… or PORTEYE_FLEET.")
    if not given.of and (what := _NEEDED.get(given.action)):
        hint = f"Give it: porteye fleet {given.action} {what.upper()}."
        raise ConfigError(f"No {what} is named.", hint)
    if given.action in {"hosts", "new"}:
        from porteye_core.command.fleet_answers import answer  # noqa: PLC0415 - as above

        return answer(given, address, screen, environ)
    if given.action in {"who", "now", "exposed", "history"}:
        from porteye_core.command.fleet_rows import rows  # noqa: PLC0415 - as above

        return rows(given, address, screen, environ)
    from porteye_core.store.fleet.server import connect  # noqa: PLC0415 - as above

    with connect(address) as server:
        _act(given, server, screen)
    return HELD


def _act(given: Namespace, server: "Server", screen: Screen) -> None:
    from porteye_core.store.fleet.administration import enrolment, migrations, retention  # noqa: PLC0415 - as above

    match given.action:
        case "init":
            screen.write(f"{migrations.migrate(server)} steps of the schema were applied.")
        case "enrol":
            address = _written(
                given,
                lambda: enrolment.enrol(
                    server, given.of, given.reached, by_certificate=given.certificate
                ),
            )
            file = _file(given)
            if enrolment.is_local(address):
                screen.write(f"{file} is the login of {given.of} on the server's own machine.")
                screen.write("For another machine say where that reaches the server: --reached.")
            else:
                screen.write(f"{file} is the login of {given.of}. Move it there, and run:")
                screen.write(f"  porteye ship {file.name}")
            if given.certificate:
                login = enrolment.login_of(address)
                screen.write(f"Its certificate has to have the common name {login}.")
        case "reader":
            _written(given, lambda: enrolment.make_reader(server, given.of, given.reached))
            screen.write(f"{_file(given)} is the login of a page that shows the fleet:")
            screen.write(f"  PORTEYE_FLEET=$(cat {_file(given)}) porteye dashboard")
        case "retire":
            enrolment.retire(server, given.of)
            screen.write(f"{given.of} ships no more. What it has shipped stays.")
        case "tidy":
            swept = retention.tidy(server)
            screen.write(
                f"The fleet keeps what is since {timestamp(swept.kept_from)}."
                f" {swept.orphans:,} rows to which nothing refers were deleted."
            )


def _file(given: Namespace) -> Path:
    """The file of a login."""
    return Path(given.file or f"{given.of}.fleet")


def _written(given: Namespace, make: Callable[[], str]) -> str:
    """The address of a login that is made and written to its file; nothing is made if the file is
    there or cannot be written."""
    file = _file(given)
    if file.exists():
        raise ConfigError(f"{file} exists already.", "Name another one by --file.")
    with new_file(file) as out:
        address = make()
        out.write(f"{address}\n".encode())
    return address
