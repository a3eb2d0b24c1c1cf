-- Deleted history and the reason: readers name it instead of showing an empty time.
CREATE TABLE dropped (
    kind TEXT PRIMARY KEY CHECK (kind IN ('samples', 'rollups', 'events')),
    before INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('age', 'size'))
) STRICT, WITHOUT ROWID;
