-- What was judged, what is to be told and to whom, and what people noted. docs/database.md has every
-- column. Times are microseconds since the epoch; those named clock are of the alert clock, which
-- never goes back. key is an identity as JSON, see Identity.key.
CREATE TABLE cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    event_id INTEGER NOT NULL,
    mark TEXT NOT NULL,
    file TEXT NOT NULL,
    clock INTEGER NOT NULL,
    elapsed INTEGER NOT NULL,
    boot TEXT NOT NULL,
    at INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    due INTEGER,
    batched INTEGER,
    digested INTEGER NOT NULL,
    digest_day TEXT NOT NULL
) STRICT;
CREATE TABLE identity (
    key TEXT PRIMARY KEY,
    verdict TEXT NOT NULL,
    opened INTEGER,
    closed INTEGER,
    due INTEGER,
    finding_id INTEGER REFERENCES finding,
    told TEXT NOT NULL,
    openings TEXT NOT NULL,
    is_flapping INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE open_listener (
    listener_id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    opened INTEGER NOT NULL
) STRICT;
CREATE TABLE finding (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    verdict TEXT NOT NULL,
    at INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    ended_at INTEGER,
    told_at INTEGER,
    end_told_at INTEGER,
    listener_id INTEGER,
    protocol TEXT NOT NULL,
    port INTEGER,
    address TEXT NOT NULL,
    exposure TEXT NOT NULL,
    program TEXT NOT NULL,
    user TEXT NOT NULL,
    unit TEXT NOT NULL,
    container TEXT NOT NULL,
    pid INTEGER,
    why TEXT NOT NULL,
    line INTEGER,
    label TEXT NOT NULL,
    host TEXT NOT NULL,
    brief_count INTEGER NOT NULL,
    ended_why TEXT NOT NULL
) STRICT;
CREATE INDEX finding_open ON finding (key) WHERE ended_at IS NULL;
CREATE INDEX finding_ended ON finding (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX finding_end_untold ON finding (id)
    WHERE ended_at IS NOT NULL AND told_at IS NOT NULL AND end_told_at IS NULL;
CREATE INDEX finding_listener ON finding (listener_id) WHERE listener_id IS NOT NULL;
CREATE TABLE receiver (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    shown TEXT NOT NULL,
    least TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    receiver TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('findings', 'digest', 'test')),
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    sent_at INTEGER,
    failed_at INTEGER,
    error TEXT NOT NULL DEFAULT '',
    first_tried INTEGER
) STRICT;
CREATE INDEX message_waiting ON message (receiver, created_at)
    WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX message_created ON message (created_at);
-- Columns of the key first: else PRAGMA integrity_check of SQLite 3.40 finds NULL in the others.
CREATE TABLE message_finding (
    message_id TEXT NOT NULL REFERENCES message ON DELETE CASCADE,
    finding_id INTEGER NOT NULL REFERENCES finding ON DELETE CASCADE,
    phase TEXT NOT NULL CHECK (phase IN ('begin', 'end', 'digest')),
    receiver TEXT NOT NULL,
    PRIMARY KEY (message_id, finding_id, phase)
) STRICT, WITHOUT ROWID;
-- A finding is in exactly one message for each receiver; the digest lists it again.
CREATE UNIQUE INDEX message_finding_once ON message_finding (finding_id, phase, receiver)
    WHERE phase != 'digest';
CREATE TABLE test (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    message_id TEXT REFERENCES message ON DELETE SET NULL
) STRICT;
CREATE TABLE note (
    key TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    text TEXT NOT NULL,
    link TEXT NOT NULL,
    accepted_at INTEGER,
    accepted_until INTEGER,
    author TEXT NOT NULL,
    at INTEGER NOT NULL,
    accepted_by TEXT NOT NULL,
    words_by TEXT NOT NULL,
    words_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE silence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    matcher TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    comment TEXT NOT NULL,
    author TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    what TEXT NOT NULL,
    listener_id INTEGER,
    pid INTEGER,
    started_at INTEGER,
    unit TEXT NOT NULL,
    signal TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE TABLE kept_text (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
