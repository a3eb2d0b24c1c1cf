"""Hosts that ship their histories at the same time, each from a process of its own."""

import shutil
import sqlite3
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from porteye_core.errors import StoreSlow
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper


def ship_at_once(db: Path, address: str, hosts: int) -> tuple[int, float]:
    """Ship copies of a history as so many hosts; return the events of all, and the seconds.

    address: of the server's administrator.
    """
    with TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        with connect(address) as server:
            logins = [enrol(server, f"at-once-{number}") for number in range(hosts)]
        copies = [_copy(db, Path(folder) / f"{number}.db") for number in range(hosts)]
        with ProcessPoolExecutor(hosts, get_context("spawn")) as pool:
            list(pool.map(_connect, logins))  # each process has started
            began = time.perf_counter()
            events = sum(pool.map(_ship, copies, logins))
            return events, time.perf_counter() - began


def _copy(db: Path, to: Path) -> Path:
    """A copy that is a history of its own."""
    shutil.copy(db, to)
    with closing(sqlite3.connect(to)) as connection, connection:
        connection.execute("UPDATE origin SET uuid = ?", (str(uuid.uuid4()),))
    return to


def _connect(login: str) -> None:
    connect(login).close()


def _ship(db: Path, login: str) -> int:
    events = 0
    # A file that no monitor holds would be checked for damage after each change.
    with WriterLock(db, 0), connect(login) as agent:
        shipper = Shipper(db, agent)
        while True:
            try:
                shipped = shipper.ship()
            except StoreSlow:  # on a machine that is too busy; it is tried again, as by the service
                continue
            events += shipped.events
            if shipped.is_last:
                return events
