-- Hosts, programs, processes, watches, listeners with their holders, events, ticks and samples.
-- Times are microseconds since the epoch. Column by column: docs/database.md.
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
