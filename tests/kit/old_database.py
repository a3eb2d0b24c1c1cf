"""Databases as earlier versions of the schema left them, filled by SQL alone."""

import sqlite3
from pathlib import Path

from porteye_core.store.file import migrations
from tests.kit.values import SECOND

BEGUN = 1_700_000_000 * SECOND
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :lives)"
# Every third life is still open, every fourth has an owner that was learnt after its opening,
# every eighth none at all; lives last from seconds to days, one of each class of their span.
_FIRST = f"""
INSERT INTO host VALUES (1, 'here', 'm1', 'Linux', 8000000000, NULL, 'boot', {BEGUN});
INSERT INTO program (id, digest, name, exe, user, cmdline) VALUES
    (1, x'01', 'nginx', '/usr/sbin/nginx', 'www', 'nginx -g daemon'),
    (2, x'02', 'postgres', '/usr/bin/postgres', 'postgres', 'postgres -D /data');
INSERT INTO process
    (id, host_id, pid, started_at, program_id, ppid, parents, unit, container, cwd) VALUES
    (1, 1, 100, {BEGUN}, 1, 1, '[]', 'nginx.service', '', '/'),
    (2, 1, 200, {BEGUN}, 2, 1, '[]', '', 'docker:c0ffee', '/data');
INSERT INTO watch (id, host_id, started_at, seen_at, stopped_at, source, limits, interval,
    sample_interval, pid, version, why) VALUES
    (1, 1, {BEGUN}, {BEGUN + SECOND}, {BEGUN + SECOND}, 'portable', '[]', 2000000, 10000000, 7,
    '0.0.1', '');
{_NUMBERS}
INSERT INTO listener (id, host_id, protocol, family, address, port, user, process_id, program_id,
    opened_at, closed_at, opened_seen, closed_seen)
SELECT i, 1, iif(i % 5, 'tcp', 'udp'), 'ipv4', '0.0.0.0', 1 + i % 3000, 'www',
    iif(i % 8, 1 + i % 2, NULL), iif(i % 8, 1 + i % 2, NULL), {BEGUN} + i * 7 * {SECOND},
    iif(i % 3, {BEGUN} + i * 7 * {SECOND} + (i % 50) * (i % 50) * 90 * {SECOND}, NULL),
    'poll', iif(i % 3, 'gap', NULL) FROM n;
INSERT INTO holder SELECT id, process_id FROM listener WHERE process_id IS NOT NULL;
INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)
SELECT 1, opened_at, 'opened', opened_seen, id, port, iif(id % 4, program_id, NULL)
FROM listener;
INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)
SELECT 1, closed_at, 'closed', closed_seen, id, port, program_id
FROM listener WHERE closed_at IS NOT NULL;
{_NUMBERS}
INSERT INTO tick (id, at, monotonic, watch_id, listeners, clients, scan_us, hidden, lost, gap, jump,
    left_out)
SELECT i, {BEGUN} + i * 10 * {SECOND}, i * 10 * {SECOND}, 1, 1, 2, 900, 0, i % 2, 0, 0, 0 FROM n;
INSERT INTO sample SELECT id, 1 + id % 2, 150, 8000000, 2, 0, 128 FROM tick;
"""
# What each later version's writer kept beside that: its counts are those of the events.
_LATER = {
    2: """
INSERT INTO rollup VALUES (300, 1699999800000000, 1, 30, 4500, 150, 8000000, 2, 0, 128);
INSERT INTO turnover SELECT resolution, at - at % (resolution * 1000000) AS bucket,
    sum(kind = 'opened'), sum(kind = 'closed')
FROM event, (SELECT 60 AS resolution UNION ALL SELECT 3600 UNION ALL SELECT 86400)
GROUP BY resolution, bucket;
INSERT INTO activity SELECT resolution, e.at - e.at % (resolution * 1000000) AS bucket, e.port,
    l.protocol, coalesce(e.program_id, l.program_id, 0) AS program, sum(e.kind = 'opened'),
    sum(e.kind = 'closed') FROM event e JOIN listener l ON l.id = e.listener_id,
    (SELECT 3600 AS resolution UNION ALL SELECT 86400)
GROUP BY resolution, bucket, e.port, l.protocol, program;
""",
    3: "UPDATE tick SET cpu = 12, rss = 20000000, size = 4096;",
    4: f"INSERT INTO dropped VALUES ('samples', {BEGUN}, 'age');",
    6: "UPDATE listener SET interface = 'lo', interface_kind = 'machine', v6only = 1;",
    7: f"INSERT INTO former VALUES (1, {BEGUN + 8 * SECOND}, 1, 1, 'nginx.service', '', '/', 0);",
    8: "UPDATE tick SET left_out = 3, left_out_us = 5000000 WHERE id = 1;",
    9: f"INSERT INTO pack VALUES (60, {BEGUN}, 'tcp', x'0100', x'01', x'01', x'00');",
    10: "UPDATE watch SET unwatched = 7000000;",
    11: """
INSERT INTO container VALUES
    (1, 1, 'docker', 'c0ffee', 'shop-web-1', 'nginx:1.27', 'shop', 'web', '', '',
    '0.0.0.0:8080->80/tcp', '172.18.0.2');
UPDATE process SET container_id = 1 WHERE id = 2;
""",
    12: "INSERT INTO revised (listener_id) VALUES (3);",
}


def old_database(db: Path, version: int, lives: int = 600) -> None:
    """Make the database of this version: so many lives, with their events, ticks and samples."""
    made = sqlite3.connect(db, isolation_level=None)
    made.executescript(f"""
        PRAGMA auto_vacuum = INCREMENTAL;
        PRAGMA application_id = {migrations.APPLICATION_ID};
        PRAGMA journal_mode = WAL;
        PRAGMA foreign_keys = ON;
        """)
    for number, step in enumerate(migrations.STEPS[:version], start=1):
        made.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    fill = _FIRST.replace(":lives", str(lives))
    filled = [sql for number, sql in _LATER.items() if number <= version]
    made.executescript(f"BEGIN; {fill} {''.join(filled)} COMMIT;")
    made.close()
