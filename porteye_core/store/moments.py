"""What listened at a moment, as a question, and whether anybody watched then."""

from dataclasses import dataclass

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.queries import BOUND, FRESH_US, Question, matching

_HOUR, _DAY = 3600 * 1_000_000, 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody watched; None: before the first watch, or until now."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Watched:
    """How a moment was watched: `gap` is the one that it lies in; `interval_us` between looks."""

    gap: Gap | None
    interval_us: int = 0


def watched(connection: engine.Connection, at: int, *, watching: bool) -> Watched:
    """How this moment was watched; `watching`: the latest watch goes on."""
    row = connection.execute(
        "SELECT id, coalesce(stopped_at, seen_at) AS ended, interval FROM watch"
        " WHERE started_at <= ? ORDER BY started_at DESC LIMIT 1",
        (at,),
    ).fetchone()
    later = connection.execute(
        "SELECT min(started_at) FROM watch WHERE started_at > ?", (at,)
    ).fetchone()[0]
    if row is None:
        return Watched(Gap(None, later))
    if row["ended"] < at and not (watching and later is None):
        return Watched(Gap(row["ended"], later))
    tick = connection.execute(
        "SELECT at, gap FROM tick WHERE at >= ? AND watch_id = ? ORDER BY at LIMIT 1",
        (at, row["id"]),
    ).fetchone()
    if tick is not None and tick["at"] - tick["gap"] < at and tick["gap"]:
        return Watched(Gap(tick["at"] - tick["gap"], tick["at"]), row["interval"])
    return Watched(None, row["interval"])


def open_at(filters: Filters, at: int, gap: Gap | None) -> Question:
    """The listeners open at a moment, by port, with their owners of then and the newest samples.

    Of a moment that nobody watched: what was found open afterwards, too, for it may have been.
    """
    program = "CASE WHEN f.until IS NULL THEN l.program_id ELSE f.program_id END"
    where, parameters = matching(filters, "l.port", program, "l.protocol")
    opened_by = at if gap is None else (gap.end if gap.end is not None else at)
    # Lives by their length: one of an hour that was open then closed within an hour of it.
    return Question(
        f"""
        WITH chosen AS (
            SELECT id FROM listener WHERE closed_at IS NULL AND opened_at <= ?1
            UNION ALL SELECT id FROM listener
            WHERE span = 0 AND closed_at > ?2 AND closed_at <= ?1 + {_HOUR} AND opened_at <= ?1
            UNION ALL SELECT id FROM listener
            WHERE span = 1 AND closed_at > ?2 AND closed_at <= ?1 + {_DAY} AND opened_at <= ?1
            UNION ALL SELECT id FROM listener
            WHERE span = 2 AND closed_at > ?2 AND opened_at <= ?1
        ), fresh AS (
            SELECT listener_id, max(tick_id) AS tick_id FROM sample
            WHERE tick_id BETWEEN (SELECT min(id) FROM tick WHERE at >= ?2 - {FRESH_US})
                AND (SELECT id FROM tick WHERE at <= ?2 ORDER BY at DESC LIMIT 1)
            GROUP BY listener_id
        )
        SELECT l.id, l.protocol, l.address, l.port, l.opened_at, l.closed_at, l.opened_seen,
            l.closed_seen, l.hidden, l.unseen_at, {BOUND},
            p.pid, p.parents, coalesce(f.unit, p.unit) AS unit,
            coalesce(f.container, p.container) AS container, coalesce(f.cwd, p.cwd) AS cwd,
            {program} AS program_id, g.name AS process,
            title(g.name, g.exe, g.cmdline) AS title, g.exe,
            coalesce(g.user, l.user) AS user, g.cmdline,
            s.cpu, s.rss, s.clients, s.queue, s.backlog
        FROM chosen JOIN listener l ON l.id = chosen.id
        JOIN host h ON h.id = l.host_id
        LEFT JOIN former f ON f.listener_id = l.id AND f.until =
            (SELECT min(until) FROM former WHERE listener_id = l.id AND until > ?2)
        LEFT JOIN process p
            ON p.id = CASE WHEN f.until IS NULL THEN l.process_id ELSE f.process_id END
        LEFT JOIN program g ON g.id = {program}
        LEFT JOIN fresh ON fresh.listener_id = l.id
        LEFT JOIN sample s ON s.tick_id = fresh.tick_id AND s.listener_id = l.id
        WHERE (l.opened_at <= ?2 OR l.opened_seen = 'gap') AND {where}
        ORDER BY l.port, l.protocol, l.address, l.id
        """.replace("?1", str(int(opened_by))).replace("?2", str(int(at))),
        parameters,
    )
