"""The real monitor service and the real dashboard, as processes."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from porteye_core.store.file import lock
from tests.kit.processes import bound, end
from tests.kit.waiting import until

PROJECT = Path(__file__).resolve().parent.parent.parent
SERVICE = PROJECT / "monitor_service.py"


def environment(**variables: str) -> dict[str, str]:
    """This environment without PortEye's variables, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTEYE_")}
    return {**kept, **variables}


def run_service(
    *flags: str, variables: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run the service to its end."""
    return subprocess.run(
        bound(sys.executable, str(SERVICE), *flags),
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def monitor(
    db: Path, *flags: str, within: Callable[..., list[str]] = lambda *command: [*command]
) -> Iterator[subprocess.Popen[str]]:
    """A monitor that has begun to watch; ended at the end if the test has not done so.

    `within` puts its command line into another, which becomes it.
    """
    process = subprocess.Popen(
        bound(*within(sys.executable, str(SERVICE), "--db", str(db), "--interval", "0.2", *flags)),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: _has_begun(db, process), "the monitor watches")
        yield process
    finally:
        end(process)


def _has_begun(db: Path, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, process.stderr and process.stderr.read()
    holder = lock.holder(db)
    if holder is None or holder.pid != process.pid:
        return False
    try:
        return bool(rows(db, "SELECT 1 FROM watch WHERE started_at >= ?", holder.since))
    # Damaged, until the monitor has set the file aside; then no text need be in the error either.
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False


def rows(db: Path, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """The answer of the database, empty while it is not there or being made."""
    try:
        connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return []
    try:
        return connection.execute(statement, parameters).fetchall()
    except sqlite3.OperationalError as err:
        if any(each in str(err) for each in ("no such table", "unable to open", "readonly")):
            return []
        raise
    finally:
        connection.close()
