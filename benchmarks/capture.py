"""What share of listeners that live for microseconds does each watcher record, and how rightly?"""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from benchmarks import loads, peers, watchers
from benchmarks.loads import Noted
from benchmarks.machine import quantile
from benchmarks.matching import Outcome, compare
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.service import Service, until, watching
from benchmarks.watchers import Precision, Stored

_POLL = 0.25
_QUIET, _LONGEST = 5.0, 60.0  # seconds without anything new until the monitor has caught up
_STORED = """
WITH ordered AS (
    SELECT listener_id, MIN(CASE kind WHEN 'opened' THEN id END) AS opened,
        MIN(CASE kind WHEN 'closed' THEN id END) AS closed
    FROM event GROUP BY listener_id
)
SELECT l.port, l.opened_at, l.closed_at, process.pid, program.name,
    IFNULL(ordered.opened < ordered.closed AND l.opened_at <= l.closed_at, 0)
FROM listener AS l LEFT JOIN ordered ON ordered.listener_id = l.id
LEFT JOIN process ON process.id = l.process_id LEFT JOIN program ON program.id = l.program_id
WHERE l.protocol = 'tcp' AND l.address = '127.0.0.1' AND l.opened_at >= ?
"""


def add_flags(flags: argparse.ArgumentParser) -> None:
    """The sizes of the load."""
    flags.add_argument("--listeners", type=int, default=2000)
    flags.add_argument("--openers", type=int, default=50)
    flags.add_argument("--burst", type=int, default=10_000)
    flags.add_argument("--burst-seconds", type=float, default=0.9, help="0: as fast as it can")


def run(options: argparse.Namespace) -> Report:
    """Run every watcher over both loads and compare what it knows with what was noted."""
    skipped = peers.missing(("ss", "bpftrace"))
    skipped["lsof"] = "a poller as the two others, and slower: see snapshot"
    with ExitStack() as stack:
        service = stack.enter_context(watching())
        began = time.time_ns() // 1000 - 1
        with ExitStack() as beside:
            started = watchers.start(beside, _ways(skipped), skipped)
            many = loads.short_lives("opener", options.openers, options.listeners)
            time.sleep(1.5)
            burst = loads.short_lives("burst", 1, options.burst, options.burst_seconds)
            took = _seconds(burst)
            _catch_up(service, began, len(many) + len(burst))
        seen = watchers.lasted(started, skipped)
        stored = {f"PortEye, {service.source}": stored_by(service, began), **_found(seen)}
        lost = service.number("SELECT SUM(lost) FROM tick")
    titles = {
        f"{len(many):,} listeners by {options.openers} processes": many,
        f"a burst of {len(burst):,} listeners in {took:.2f} s by one process": burst,
    }
    outcomes = {title: _outcomes(noted, stored) for title, noted in titles.items()}
    return Report(
        tuple(_table(title, titles[title], each) for title, each in outcomes.items()),
        (
            *(check for each in outcomes.values() for check in _checks(next(iter(each.values())))),
            Check("kernel records lost, as PortEye says", f"{lost:,}", "0", lost == 0),
        ),
        skipped,
        tuple(_scans(seen)),
    )


def _ways(skipped: Mapping[str, str]) -> Mapping[str, AbstractContextManager[Precision]]:
    """The peers that can run here, not yet started."""
    ways = {f"psutil poller, {_POLL} s": watchers.poller("psutil", _POLL)}
    if "ss" not in skipped:
        ways[f"ss poller, {_POLL} s"] = watchers.poller("ss", _POLL)
    if "bpftrace" not in skipped:
        ways["bpftrace one-liner"] = watchers.bpftrace()
    return ways


def _seconds(noted: Sequence[Noted]) -> float:
    return (noted[-1].closed - noted[0].before) / 1e9 if noted else 0.0


def stored_by(service: Service, since: int) -> list[Stored]:
    """What the service has stored of IPv4 loopback since a time in microseconds."""
    return [Stored(*row) for row in service.rows(_STORED, since)]


def _found(seen: dict[str, Precision]) -> dict[str, list[Stored]]:
    return {name: each.found for name, each in seen.items()}


def _scans(seen: dict[str, Precision]) -> Iterable[str]:
    return [f"{name}: {each.scans} scans" for name, each in seen.items() if each.scans]


def _catch_up(service: Service, since: int, wanted: int) -> None:
    """Wait until all is stored and closed, or nothing more comes."""
    latest, at = -1, time.monotonic()

    def caught_up() -> bool:
        nonlocal latest, at
        stored = sum(each.closed is not None for each in stored_by(service, since))
        if stored != latest:
            latest, at = stored, time.monotonic()
        return stored >= wanted or time.monotonic() - at > _QUIET

    until(caught_up, _LONGEST, every=0.5)
    # What was lost stands in the next tick.
    now = time.time_ns() // 1000
    until(lambda: service.number("SELECT MAX(at) FROM tick") > now, _LONGEST, every=0.5)


def _outcomes(noted: list[Noted], stored: dict[str, list[Stored]]) -> dict[str, Outcome]:
    return {watcher: compare(noted, found) for watcher, found in stored.items()}


def _table(title: str, noted: list[Noted], outcomes: dict[str, Outcome]) -> Table:
    lives = [(each.closed - each.before) / 1e6 for each in noted]
    span = f"{quantile(lives, 0.5):.3f} ms at the median, {quantile(lives, 1):.3f} at most"
    measures = [_measures(each) for each in outcomes.values()]
    rows = [(what, *(each[what] for each in measures)) for what in measures[0]]
    known = tuple(row for row in rows if any(cell is not None for cell in row[1:]))
    return Table(f"{title}; they live {span}", ("", *outcomes), known)


def _measures(found: Outcome) -> dict[str, Cell]:
    return {
        "stored, with their ports": found.stored,
        "share, %": 100 * found.share,
        "right pid": found.right_pid,
        "right program name": found.right_name,
        "opening before closing": found.in_order,
        "stored of these processes, never opened": found.strays,
        **_spread("opening, ms from the time noted before listen()", found.away),
        **_spread("opening, ms outside the noted interval", found.outside),
        **_spread("closing, ms outside the noted interval", found.closed_outside),
    }


def _spread(what: str, values: Sequence[float]) -> dict[str, Cell]:
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {f"{what}: {name}": quantile(values, share) for name, share in shares.items()}


def _checks(found: Outcome) -> list[Check]:
    counted = {
        "stored, with their ports": found.stored,
        "right pid": found.right_pid,
        "right program name": found.right_name,
        "opening before closing": found.in_order,
    }
    latest = quantile(found.outside, 1)
    near = Check(
        f"{found.noted:,}: stored time off the noted interval",
        "–" if latest is None else f"{latest:.3f} ms at most",
        "1 ms",
        latest is not None and latest <= 1,
    )
    return [
        *(
            Check(
                f"{found.noted:,}: {what}", f"{count:,}", f"{found.noted:,}", count == found.noted
            )
            for what, count in counted.items()
        ),
        near,
    ]
