"""Retention of the fleet: partitions are made ahead and dropped, and what they leave is deleted."""

from dataclasses import dataclass

from porteye_core.store.fleet.server import Server, told

# Rows that lives refer to, and that nothing refers to once those are dropped.
_ORPHANS = (
    """DELETE FROM process p WHERE p.started_at < %(before)s
        AND NOT EXISTS (SELECT FROM open_listener l
            WHERE l.host_id = p.host_id AND l.process_id = p.id)
        AND NOT EXISTS (SELECT FROM life l WHERE l.host_id = p.host_id AND l.process_id = p.id)
        AND NOT EXISTS (SELECT FROM further_holder h
            WHERE h.host_id = p.host_id AND h.process_id = p.id)
        AND NOT EXISTS (SELECT FROM former f
            WHERE f.host_id = p.host_id AND f.process_id = p.id)""",
    """DELETE FROM further_holder h
        WHERE NOT EXISTS (SELECT FROM open_listener l
            WHERE l.host_id = h.host_id AND l.id = h.listener_id)
        AND NOT EXISTS (SELECT FROM life l WHERE l.host_id = h.host_id AND l.id = h.listener_id)""",
    """DELETE FROM former f WHERE f.until < %(before)s
        AND NOT EXISTS (SELECT FROM open_listener l
            WHERE l.host_id = f.host_id AND l.id = f.listener_id)
        AND NOT EXISTS (SELECT FROM life l WHERE l.host_id = f.host_id AND l.id = f.listener_id)""",
    "DELETE FROM event_other WHERE at < %(before)s",
    "DELETE FROM life_other WHERE closed_at < %(before)s",
    "DELETE FROM rollup_other WHERE bucket < %(before)s",
    "DELETE FROM turnover_other WHERE bucket < %(before)s",
    "DELETE FROM activity_other WHERE bucket < %(before)s",
)

_PARENTS = ("event", "life", "rollup", "turnover", "activity")


@dataclass(frozen=True, slots=True)
class Swept:
    """The time from which the fleet keeps all, and the rows deleted beside partitions."""

    kept_from: int
    orphans: int


def tidy(server: Server) -> Swept:
    """Make partitions ahead, drop those that are over, and delete what they leave.

    Raises FleetError.
    """
    with told("The fleet could not be tidied"):
        with server.transaction():
            server.execute("SET LOCAL search_path = fleet, pg_temp")
            server.execute("SET LOCAL ROLE porteye_owner")
            found = server.execute("SELECT tidy()").fetchone()
        assert found is not None
        kept_from, orphans = int(found[0]), 0
        for statement in _ORPHANS:
            with server.transaction():
                server.execute("SET LOCAL search_path = fleet, pg_temp")
                orphans += server.execute(statement, {"before": kept_from}).rowcount
        for table in _PARENTS:  # whose statistics no autovacuum makes
            server.execute(f"ANALYZE fleet.{table}")
    return Swept(kept_from, orphans)
