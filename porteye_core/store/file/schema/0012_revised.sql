-- revised: a listener that became known better after its opening was written, for those who follow
-- events; the newest 10,000. origin: a random name of this database, which a copy of it shares.
CREATE TABLE revised (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    listener_id INTEGER NOT NULL
) STRICT;
CREATE TABLE origin (
    uuid TEXT PRIMARY KEY NOT NULL
) STRICT;
INSERT INTO origin SELECT lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4)
    || '-' || substr(h, 17, 4) || '-' || substr(h, 21)) FROM (SELECT hex(randomblob(16)) AS h);
