"""The counts of events, compared with the events themselves."""

from pathlib import Path

from porteye_core.store.file.connection import open_connection

TURNOVER = """
SELECT resolution, at - at % (resolution * 1000000) AS bucket,
    sum(kind = 'opened'), sum(kind = 'closed')
FROM event, (SELECT 60 AS resolution UNION ALL SELECT 3600 UNION ALL SELECT 86400)
GROUP BY resolution, bucket ORDER BY resolution, bucket
"""
ACTIVITY = """
SELECT resolution, e.at - e.at % (resolution * 1000000) AS bucket, e.port, l.protocol,
    coalesce(e.program_id, l.program_id, 0) AS program,
    sum(e.kind = 'opened'), sum(e.kind = 'closed')
FROM event e JOIN listener l ON l.id = e.listener_id,
    (SELECT 3600 AS resolution UNION ALL SELECT 86400)
GROUP BY resolution, bucket, e.port, l.protocol, program
ORDER BY resolution, bucket, e.port, l.protocol, program
"""


def table(db: Path, statement: str) -> list[tuple[object, ...]]:
    with open_connection(db) as reader:
        return [tuple(row) for row in reader.execute(statement)]


def assert_counts_agree(db: Path) -> None:
    assert table(db, "SELECT * FROM turnover ORDER BY 1, 2") == table(db, TURNOVER)
    assert table(db, "SELECT * FROM activity ORDER BY 1, 2, 3, 4, 5") == table(db, ACTIVITY)
