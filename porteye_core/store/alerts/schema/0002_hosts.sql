-- The rows of many hosts in one alerts database. host: the name of a host of the fleet, empty for the
-- fleet itself, and in the alerts database of a single machine.
ALTER TABLE cursor RENAME TO cursor_before;
CREATE TABLE cursor (
    host TEXT PRIMARY KEY,
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
) STRICT, WITHOUT ROWID;
INSERT INTO cursor SELECT '', event_id, mark, file, clock, elapsed, boot, at, reached, due, batched,
    digested, digest_day FROM cursor_before;
DROP TABLE cursor_before;
ALTER TABLE identity RENAME TO identity_before;
CREATE TABLE identity (
    host TEXT NOT NULL,
    key TEXT NOT NULL,
    verdict TEXT NOT NULL,
    opened INTEGER,
    closed INTEGER,
    due INTEGER,
    finding_id INTEGER REFERENCES finding,
    told TEXT NOT NULL,
    openings TEXT NOT NULL,
    is_flapping INTEGER NOT NULL,
    PRIMARY KEY (host, key)
) STRICT, WITHOUT ROWID;
INSERT INTO identity SELECT '', key, verdict, opened, closed, due, finding_id, told, openings,
    is_flapping FROM identity_before;
DROP TABLE identity_before;
ALTER TABLE open_listener RENAME TO open_listener_before;
CREATE TABLE open_listener (
    host TEXT NOT NULL,
    listener_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    opened INTEGER NOT NULL,
    PRIMARY KEY (host, listener_id)
) STRICT, WITHOUT ROWID;
INSERT INTO open_listener SELECT '', listener_id, key, opened FROM open_listener_before;
DROP TABLE open_listener_before;
ALTER TABLE note RENAME TO note_before;
CREATE TABLE note (
    host TEXT NOT NULL,
    key TEXT NOT NULL,
    label TEXT NOT NULL,
    text TEXT NOT NULL,
    link TEXT NOT NULL,
    accepted_at INTEGER,
    accepted_until INTEGER,
    author TEXT NOT NULL,
    at INTEGER NOT NULL,
    accepted_by TEXT NOT NULL,
    words_by TEXT NOT NULL,
    words_at INTEGER,
    PRIMARY KEY (host, key)
) STRICT, WITHOUT ROWID;
INSERT INTO note SELECT '', key, label, text, link, accepted_at, accepted_until, author, at,
    accepted_by, words_by, words_at FROM note_before;
DROP TABLE note_before;
-- What ended before it could be told, because its host shipped late.
CREATE INDEX finding_late ON finding (id)
    WHERE ended_at IS NOT NULL AND told_at IS NULL AND end_told_at IS NULL;
