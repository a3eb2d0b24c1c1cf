"""Deletion of what is long over."""

import sqlite3


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Delete findings that ended before a time, and messages and silences that were over by then.

    What is true, waits or failed lately stays.
    """
    connection.execute(
        "DELETE FROM message WHERE created_at < :before AND coalesce(sent_at, failed_at) < :before",
        {"before": before},
    )
    connection.execute(
        "DELETE FROM finding WHERE ended_at < ? AND (told_at IS NULL OR end_told_at IS NOT NULL)"
        " AND id NOT IN (SELECT finding_id FROM identity WHERE finding_id IS NOT NULL)",
        (before,),
    )
    connection.execute("DELETE FROM silence WHERE until < ?", (before,))
