"""`porteye ship`: ship the history of this host to the server of its fleet."""

import logging
import os
import stat
import sys
from argparse import Namespace
from pathlib import Path

from porteye_core.command.exits import HELD
from porteye_core.command.fleet_extra import check_extra
from porteye_core.command.question import Question
from porteye_core.config import LONGEST_INTERVAL, SHORTEST_INTERVAL
from porteye_core.errors import ConfigError

# Group and others, who would have the password.
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def ship(given: Namespace, question: Question) -> int:
    """Ship for ever, or once; returns the exit status."""
    check_extra()
    # psycopg takes a tenth of a second, which no other command needs.
    from porteye_core.fleet import service  # noqa: PLC0415
    from porteye_core.store.fleet.server import connect  # noqa: PLC0415
    from porteye_core.store.fleet.shipping.shipper import Shipper  # noqa: PLC0415

    for name, seconds in (("interval", given.interval), ("beat", given.beat)):
        if not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
            hint = f"Give a number of seconds from {SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g}."
            raise ConfigError(f"--{name} {seconds:g} is not possible.", hint)
    address = _address(Path(given.file))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    if given.once:
        with connect(address) as server:
            service.ship_all(Shipper(question.db, server))
        return HELD
    service.run(service.Plan(question.db, address, given.interval, given.beat))
    return HELD


def _address(file: Path) -> str:
    """The address in the file that `porteye fleet enrol` wrote; raises ConfigError."""
    try:
        with file.open() as lines:
            if not _is_credential(file) and stat.S_IMODE(file.stat().st_mode) & _OTHERS:
                raise ConfigError(
                    f"{file} has a password, and others may read it.", f"Run: chmod 600 {file}"
                )
            return lines.read(10_000).strip()
    except (OSError, UnicodeError) as err:
        raise ConfigError(
            f"{file} cannot be read: {err}.", "It is made by: porteye fleet enrol HOST."
        ) from err


def _is_credential(file: Path) -> bool:
    """Tell whether systemd gave this file to this service alone. It may do so by an access list,
    whose mask looks like a right of the group."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and file.parent == Path(folder)
