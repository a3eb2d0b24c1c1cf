-- listener.span: the class of a life's length. A life of a class that was open at T closed at most
-- the length of the class after T, so that the index finds the lives open at T in few entries.
-- rollup: use of listeners per bucket. turnover, activity: events per bucket, here of those stored.
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
