"""Lives of listeners that overlap a range, with the times between which each began and ended."""

from bisect import bisect_right

import pandas as pd

from porteye_core.model import Filters, Seen
from porteye_core.store import engine
from porteye_core.store.frames import changes, totals
from porteye_core.store.frames.columns import owners, times
from porteye_core.store.queries import Question, bound, matching

# The index of ports knows no times, but rows are numbered as they come: of a range of up to so many
# events it takes 10 ms to learn the first and the last number, which leave out the other years.
_FEW_EVENTS = 200_000
_COLUMNS = {
    **{name: f"l.{name}" for name in ("id", "protocol", "address", "port", "hidden")},
    **{name: f"l.{name}" for name in ("interface", "v6only")},
    **{name: f"l.{name}" for name in ("opened_at", "opened_seen", "closed_at", "closed_seen")},
    "pid": "p.pid",
    "title": "title(g.name, g.exe, g.cmdline)",
}


def lives(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    ports: list[tuple[int, str]],
) -> pd.DataFrame:
    """The lives on these ports that overlap since..until, in the order of their opening.

    `opened_from` is the earliest time at which it may have opened, and `closed_from` at which it
    may have closed: the time itself where the kernel told, missing where nothing bounds it.
    `address` has the interface, too, as ss writes it.
    """
    if not ports:
        ports = [(-1, "")]  # no listener has it, and the answer keeps its columns
    all_events = totals.event_count(connection, Filters(since=since, until=until))
    few = all_events <= _FEW_EVENTS
    wanted = set(ports)
    found = [
        row
        for row in connection.execute(*_lives(filters, since, until, ports, few=few))
        if (row["port"], row["protocol"]) in wanted
    ]
    frame = pd.DataFrame(list(map(tuple, found)), columns=list(_COLUMNS))
    looks = _Looks(connection)
    for edge in ("opened", "closed"):
        earliest = [looks.earliest(row[f"{edge}_at"], row[f"{edge}_seen"]) for row in found]
        frame[f"{edge}_from"] = times(pd.Series(earliest, dtype="Int64"))
        frame[f"{edge}_at"] = times(frame[f"{edge}_at"])
    places = [bound(row["address"], row["interface"], None, row["v6only"]) for row in found]
    frame["address"] = [each.shown for each in places]
    frame["pid"] = frame["pid"].astype("Int64")
    frame["process"] = owners(frame)
    return frame


def _lives(
    filters: Filters, since: int, until: int, ports: list[tuple[int, str]], *, few: bool
) -> Question:
    where, parameters = matching(filters, "l.port", "l.program_id", "l.protocol")
    stood = changes.standing(filters, since - 1)
    numbers = ",".join(dict.fromkeys(str(int(port)) for port, _ in ports))
    # The plus keeps SQLite off an index, here of times and there of row numbers.
    events = f"+e.at BETWEEN ? AND ? AND e.port IN ({numbers})"
    bounds: tuple[int, ...] = (since, until)
    if few:
        reach = "FROM event WHERE at BETWEEN ? AND ?"
        events += f" AND e.id BETWEEN (SELECT min(+id) {reach}) AND (SELECT max(+id) {reach})"
        bounds *= 3
    return Question(
        f"""
        SELECT {", ".join(f"{source} AS {name}" for name, source in _COLUMNS.items())}
        FROM listener l
        LEFT JOIN process p ON p.id = l.process_id
        LEFT JOIN program g ON g.id = l.program_id
        WHERE l.id IN (
            SELECT e.listener_id FROM event e WHERE {events}
            UNION SELECT id FROM ({stood.sql}) AS stood WHERE +port IN ({numbers})
        ) AND {where}
        ORDER BY l.opened_at, l.id
        """,
        (*bounds, *stood.parameters, *parameters),
    )


class _Looks:
    """When the machine was looked at: what a time that was not the kernel's own leaves open."""

    def __init__(self, connection: engine.Connection) -> None:
        self._watches = connection.execute(
            "SELECT started_at, coalesce(stopped_at, seen_at) AS ended, interval, sample_interval"
            " FROM watch ORDER BY started_at"
        ).fetchall()
        self._started = [watch["started_at"] for watch in self._watches]
        self._missed = dict(
            map(tuple, connection.execute("SELECT at, at - gap FROM tick WHERE gap > 0"))
        )

    def earliest(self, moment: int | None, seen: str) -> int | None:
        """The last moment before a change was found at which it is known not to have happened;
        None if there was none, or if it was not found at all."""
        if moment is None:
            return None
        place = bisect_right(self._started, moment) - 1
        if seen == Seen.KERNEL or place < 0:
            return moment if seen == Seen.KERNEL else None
        watch = self._watches[place]
        if seen == Seen.POLL:
            return int(moment - watch["interval"])
        if moment in self._missed:
            return int(self._missed[moment])
        if moment - watch["started_at"] > watch["interval"]:
            # Other namespaces than the monitor's own are looked into at the beat of samples.
            return int(moment - watch["sample_interval"])
        return int(self._watches[place - 1]["ended"]) if place else None
