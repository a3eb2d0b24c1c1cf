"""The counts of events, compared with the events themselves."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from porteye_core.store.file.connection import open_connection
from porteye_core.store.retention.packing import Packing

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
# The same of every bucket that can be packed.
_PAIRS = ACTIVITY.replace("(SELECT 3600", "(SELECT 60 AS resolution UNION ALL SELECT 3600")


def table(db: Path, statement: str) -> list[tuple[object, ...]]:
    with open_connection(db) as reader:
        return [tuple(row) for row in reader.execute(statement)]


def assert_counts_agree(db: Path) -> None:
    assert table(db, "SELECT * FROM turnover ORDER BY 1, 2") == table(db, TURNOVER)
    assert table(db, "SELECT * FROM activity ORDER BY 1, 2, 3, 4, 5") == table(db, ACTIVITY)
    assert_packs_agree(db)


def pack_all(db: Path, now: int) -> None:
    """Pack all of a history that ends now, as the monitor does little by little."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for _ in Packing(connection).round(now):
            pass


def assert_packs_agree(db: Path) -> None:
    """Each bucket that is packed has the pairs that its events come to, and no other."""
    found = packed_pairs(db)
    buckets = {pair[:2] for pair in found}
    assert found == [pair for pair in table(db, _PAIRS) if pair[:2] in buckets]


def packed_pairs(db: Path) -> list[tuple[object, ...]]:
    """Resolution, bucket, port, protocol, program, opened and closed of everything packed."""
    rows = table(db, "SELECT * FROM pack WHERE ports IS NOT NULL")
    return sorted(pair for row in rows for pair in _pairs(*row))


def _pairs(resolution: object, bucket: object, protocol: object, *blobs: object) -> list[Any]:
    """The pairs of one row of pack."""
    columns = [bytes(blob) for blob in blobs if isinstance(blob, bytes)]
    length = len(columns[0]) // 2
    numbers = [_numbers(column, len(column) // length) for column in columns]
    return [
        (resolution, bucket, port, protocol, *others)
        for port, *others in zip(*numbers, strict=True)
    ]


def _numbers(blob: bytes, width: int) -> list[int]:
    return [int.from_bytes(blob[at : at + width], "little") for at in range(0, len(blob), width)]
