"""The schema, as an ordered list of steps; a step that was released never changes.

The number of steps applied is the database's user_version, set in the transaction of the step.
Times are microseconds since the epoch. Column by column: docs/database.md.
"""

import sqlite3
from pathlib import Path

from porteye_core.config import monitor_command
from porteye_core.errors import StoreNewer, StoreOlder
from porteye_core.store.trouble import translated

APPLICATION_ID = 0x50457965  # "PEye"
# A beat changes a few rows in each of many pages: with SQLite's 4096 it wrote half as much again.
PAGE_SIZE = 2048

_FIRST = """
CREATE TABLE host (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    machine_id TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    memory INTEGER NOT NULL,
    netns INTEGER,
    boot_id TEXT NOT NULL,
    booted_at INTEGER NOT NULL
) STRICT;
CREATE TABLE program (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    exe TEXT NOT NULL,
    user TEXT NOT NULL,
    cmdline TEXT NOT NULL
) STRICT;
CREATE TABLE process (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL REFERENCES host,
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    program_id INTEGER NOT NULL REFERENCES program,
    ppid INTEGER,
    parents TEXT NOT NULL,
    unit TEXT NOT NULL,
    container TEXT NOT NULL,
    cwd TEXT NOT NULL,
    UNIQUE (host_id, pid, started_at)
) STRICT;
CREATE TABLE watch (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL REFERENCES host,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    stopped_at INTEGER,
    source TEXT NOT NULL,
    limits TEXT NOT NULL,
    interval INTEGER NOT NULL,
    sample_interval INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE TABLE listener (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL REFERENCES host,
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    family TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
    address TEXT NOT NULL,
    port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
    netns INTEGER,
    inode INTEGER,
    fd INTEGER,
    uid INTEGER,
    user TEXT NOT NULL,
    process_id INTEGER REFERENCES process,
    program_id INTEGER REFERENCES program,
    hidden TEXT CHECK (hidden IN ('privilege', 'gone', 'kernel')),
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    opened_seen TEXT NOT NULL CHECK (opened_seen IN ('kernel', 'poll', 'gap')),
    closed_seen TEXT CHECK (closed_seen IN ('kernel', 'poll', 'gap')),
    CHECK ((closed_at IS NULL) = (closed_seen IS NULL)),
    CHECK (closed_at >= opened_at)
) STRICT;
CREATE INDEX listener_open ON listener (port) WHERE closed_at IS NULL;
CREATE INDEX listener_closed ON listener (closed_at, opened_at) WHERE closed_at IS NOT NULL;
CREATE TABLE holder (
    listener_id INTEGER NOT NULL REFERENCES listener,
    process_id INTEGER NOT NULL REFERENCES process,
    PRIMARY KEY (listener_id, process_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES host,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('opened', 'closed')),
    seen TEXT NOT NULL CHECK (seen IN ('kernel', 'poll', 'gap')),
    listener_id INTEGER NOT NULL REFERENCES listener,
    port INTEGER NOT NULL,
    program_id INTEGER REFERENCES program
) STRICT;
CREATE INDEX event_at ON event (at);
CREATE INDEX event_port ON event (port);
CREATE INDEX event_program ON event (program_id);
CREATE TABLE tick (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    monotonic INTEGER NOT NULL,
    watch_id INTEGER NOT NULL REFERENCES watch,
    listeners INTEGER NOT NULL,
    clients INTEGER NOT NULL,
    scan_us INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    gap INTEGER NOT NULL,
    jump INTEGER NOT NULL,
    left_out INTEGER NOT NULL
) STRICT;
CREATE INDEX tick_at ON tick (at);
CREATE TABLE sample (
    tick_id INTEGER NOT NULL REFERENCES tick,
    listener_id INTEGER NOT NULL REFERENCES listener,
    cpu INTEGER,
    rss INTEGER,
    clients INTEGER,
    queue INTEGER,
    backlog INTEGER,
    PRIMARY KEY (tick_id, listener_id)
) STRICT, WITHOUT ROWID;
"""

# Lives by how long they were, so that those open at a moment are few index entries: a life of a
# class that was open at T closed at most the class's length after T.
_SECOND = """
ALTER TABLE listener ADD COLUMN span INTEGER GENERATED ALWAYS AS (
    CASE WHEN closed_at - opened_at < 3600000000 THEN 0
        WHEN closed_at - opened_at < 86400000000 THEN 1 ELSE 2 END
) VIRTUAL;
DROP INDEX listener_closed;
CREATE INDEX listener_closed ON listener (span, closed_at, opened_at) WHERE closed_at IS NOT NULL;
CREATE TABLE rollup (
    resolution INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    listener_id INTEGER NOT NULL REFERENCES listener,
    beats INTEGER NOT NULL,
    cpu_sum INTEGER,
    cpu_max INTEGER,
    rss_max INTEGER,
    clients_max INTEGER,
    queue_max INTEGER,
    backlog INTEGER,
    PRIMARY KEY (resolution, bucket, listener_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE turnover (
    resolution INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    PRIMARY KEY (resolution, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE activity (
    resolution INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    program_id INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    PRIMARY KEY (resolution, bucket, port, protocol, program_id)
) STRICT, WITHOUT ROWID;
INSERT INTO turnover
SELECT resolution, at - at % (resolution * 1000000) AS bucket,
    sum(kind = 'opened'), sum(kind = 'closed')
FROM event, (SELECT 60 AS resolution UNION ALL SELECT 3600 UNION ALL SELECT 86400)
GROUP BY resolution, bucket;
INSERT INTO activity
SELECT resolution, e.at - e.at % (resolution * 1000000) AS bucket, e.port, l.protocol,
    coalesce(e.program_id, l.program_id, 0) AS program,
    sum(e.kind = 'opened'), sum(e.kind = 'closed')
FROM event e JOIN listener l ON l.id = e.listener_id,
    (SELECT 3600 AS resolution UNION ALL SELECT 86400)
GROUP BY resolution, bucket, e.port, l.protocol, program;
"""

# What watching costs, in every tick of a sampling beat; and indexes of the rare ticks that say that
# nobody looked, that the clock was set or that records were lost, which are sought over years.
_TICK_OWN = """
ALTER TABLE tick ADD COLUMN cpu INTEGER;
ALTER TABLE tick ADD COLUMN rss INTEGER;
ALTER TABLE tick ADD COLUMN size INTEGER;
CREATE INDEX tick_interrupted ON tick (at) WHERE gap > 0 OR jump != 0;
CREATE INDEX tick_lost ON tick (watch_id, lost, at) WHERE lost > 0;
"""

# The writer has named an event's program as soon as it learnt it only since this step. What was
# learnt before is named now, so that one index has all events of a program.
_LEARNT = """
UPDATE event SET program_id = (SELECT program_id FROM listener WHERE id = listener_id)
WHERE program_id IS NULL
    AND (SELECT program_id FROM listener WHERE id = listener_id) IS NOT NULL;
"""

# What is no longer there, and why: readers say so instead of showing that nothing happened.
_DROPPED = """
CREATE TABLE dropped (
    kind TEXT PRIMARY KEY CHECK (kind IN ('samples', 'rollups', 'events')),
    before INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('age', 'size'))
) STRICT, WITHOUT ROWID;
"""

# What else the kernel says of the place where a socket is bound. The columns are NULL for what was
# stored before, and where the source does not tell.
_INTERFACE = """
ALTER TABLE listener ADD COLUMN interface TEXT;
ALTER TABLE listener ADD COLUMN interface_kind TEXT
    CHECK (interface_kind IN ('machine', 'containers', 'vrf', 'network', 'gone'));
ALTER TABLE listener ADD COLUMN v6only INTEGER CHECK (v6only IN (0, 1));
"""

# A listener keeps its socket while its owner changes: hands it on, calls execve, gives up rights.
# former: whose it was until a time. `folded`: the number of still earlier owners that the row
# stands for, of a listener that had more than are kept.
_IDENTITY = """
CREATE TABLE former (
    listener_id INTEGER NOT NULL REFERENCES listener,
    until INTEGER NOT NULL,
    process_id INTEGER REFERENCES process,
    program_id INTEGER REFERENCES program,
    unit TEXT NOT NULL,
    container TEXT NOT NULL,
    cwd TEXT NOT NULL,
    folded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (listener_id, until)
) STRICT, WITHOUT ROWID;
ALTER TABLE listener ADD COLUMN cookie INTEGER;
ALTER TABLE listener ADD COLUMN unseen_at INTEGER;
ALTER TABLE listener ADD COLUMN holders_gone INTEGER NOT NULL DEFAULT 0;
"""

# The longest time without a scan of the namespaces that a beat left out; NULL before this step.
_LEFT_OUT = """
ALTER TABLE tick ADD COLUMN left_out_us INTEGER;
"""

STEPS = (_FIRST, _SECOND, _TICK_OWN, _DROPPED, _LEARNT, _INTERFACE, _IDENTITY, _LEFT_OUT)


def version(connection: sqlite3.Connection) -> int:
    """How many steps this database has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, each step in one transaction. Raises StoreNewer, StoreError."""
    check_not_newer(version(connection))
    for number in range(version(connection), len(STEPS)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            )
        except sqlite3.Error as err:
            if connection.in_transaction:
                connection.rollback()
            raise translated(
                err,
                f"Step {number + 1} of the schema could not be applied",
                "Nothing was changed. Restore a backup, or move the file away to start anew.",
            ) from err


def check_not_newer(found: int) -> None:
    """Raises StoreNewer if the database was written by a later program than this."""
    if found > len(STEPS):
        raise StoreNewer(
            f"The database has schema {found}, and this program knows {len(STEPS)}.",
            "Update PortEye, or choose another database.",
        )


def check_current(found: int, db: Path) -> None:
    """Raises StoreNewer or StoreOlder unless a reader of this program understands the schema."""
    check_not_newer(found)
    if found < len(STEPS):
        raise StoreOlder(
            f"The database has schema {found}, and this program needs {len(STEPS)}.",
            f"Start the monitor once, it brings the database up to date: {monitor_command(db)}",
        )
