"""A poller, as one is commonly written: WAY INTERVAL, WAY being psutil or ss.

Once an interval it lists who listens and compares with the list before. When told to end it says
how often it scanned and what it saw appear: time, port, pid and program name.
"""

import re
import select
import sys
import time

import psutil

from benchmarks.load import forking
from benchmarks.peers import SS, PeerError, output_of

_LINE = re.compile(r"LISTEN\s+\d+\s+\d+\s+\S+:(\d+)\s+\S+\s*(.*)")
_USER = re.compile(r'\("([^"]*)",pid=(\d+)')

Key = tuple[int, int | None]


def by_psutil(known: set[Key]) -> dict[Key, str]:
    """Who listens; the name is asked for the new ones alone."""
    rows = psutil.net_connections(kind="tcp")
    keys = {
        (row.laddr.port, row.pid) for row in rows if row.laddr and row.status == psutil.CONN_LISTEN
    }
    return {key: "" if key in known else _name(key[1]) for key in keys}


def _name(pid: int | None) -> str:
    try:
        return psutil.Process(pid).name() if pid else ""
    except psutil.Error:
        return ""


def by_ss(_known: set[Key]) -> dict[Key, str]:
    """Who listens, as ss says it."""
    found: dict[Key, str] = {}
    for line in output_of(SS).splitlines():
        if row := _LINE.match(line):
            user = _USER.search(row[2])
            found[int(row[1]), int(user[2]) if user else None] = user[1] if user else ""
    return found


def main() -> None:
    """Poll until the standard input ends, and once more then; say so if a scan fails."""
    try:
        poll()
    except (PeerError, psutil.Error, OSError) as err:
        forking.say({"failed": str(err)})


def poll() -> None:
    """Poll until the standard input ends, and once more then."""
    scan = {"psutil": by_psutil, "ss": by_ss}[sys.argv[1]]
    interval = float(sys.argv[2])
    known: set[Key] = set()
    appeared: list[tuple[int, int, int | None, str]] = []
    scans, due, told = 0, time.monotonic(), False
    while True:
        at = time.time_ns()
        now = scan(known)
        if scans:
            appeared += [(at, *key, name) for key, name in now.items() if key not in known]
        else:
            forking.say({"ready": True})
        known, scans = set(now), scans + 1
        if told:
            break
        due = max(due + interval, time.monotonic())
        told = bool(select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0])
    forking.say({"scans": scans, "appeared": appeared})


if __name__ == "__main__":
    main()
