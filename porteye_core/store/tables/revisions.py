"""Revisions: the listeners that became known better after their opening was written.

Events alone do not tell of an owner, a name or a namespace that is found later. Who follows a
database, such as the shipper of a fleet, reads the events and the revisions from where it was.
The caller opens the transaction.
"""

import sqlite3
from collections.abc import Iterable

# Who is further behind reads every open listener instead: 10,000 rows take 150 kB.
KEPT = 10_000


def revise(connection: sqlite3.Connection, listeners: Iterable[int]) -> None:
    """Note that these listeners have new facts, and forget all but the newest revisions."""
    noted = [(listener_id,) for listener_id in listeners]
    if not noted:
        return
    connection.executemany("INSERT INTO revised (listener_id) VALUES (?)", noted)
    connection.execute(
        "DELETE FROM revised WHERE seq <= (SELECT max(seq) FROM revised) - ?", (KEPT,)
    )
