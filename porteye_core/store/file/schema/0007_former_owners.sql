-- A listener keeps its socket while its owner changes by handing it on, execve or dropped rights.
-- former: an owner until a time; folded: the number of still earlier owners that the row stands
-- for, of a listener with more owners than are stored.
-- listener.cookie: the kernel's id of the socket; unseen_at: the time since which no scan could
-- look for the listener; holders_gone: the number of former holders.
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
