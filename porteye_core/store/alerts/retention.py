"""Deletion of what is long over."""

import sqlite3


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Delete findings that ended before a time, and messages, silences, tests and actions that were
    over by then.

    What is true, waits or failed lately stays.
    """
    # First: a test without its message is one that is to be made.
    connection.execute("DELETE FROM test WHERE asked_at < ?", (before,))
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
    connection.execute("DELETE FROM action WHERE at < ?", (before,))
