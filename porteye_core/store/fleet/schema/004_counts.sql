-- Counts over all hosts, so that no question adds up the rows of each. `apply` keeps them right in the
-- transaction of the rows.

-- listeners: rows of open_listener. beat: the longest time between two batches, as the host says.
ALTER TABLE host ADD COLUMN listeners integer NOT NULL DEFAULT 0,
    ADD COLUMN beat bigint NOT NULL DEFAULT 60000000;
UPDATE host h SET listeners = (SELECT count(*) FROM open_listener l WHERE l.host_id = h.host_id);

-- The first opening of each port that any host has shipped. It outlives its event. What opened before
-- the fleet keeps anything counts from then on, and what a clock puts into the future from its batch on.
CREATE TABLE fleet_first (
    port integer NOT NULL,
    protocol protocol NOT NULL,
    at bigint NOT NULL,
    host_id integer NOT NULL REFERENCES host,
    PRIMARY KEY (port, protocol)
);
CREATE INDEX fleet_first_at ON fleet_first (at);
INSERT INTO fleet_first
SELECT DISTINCT ON (l.port, l.protocol) l.port, l.protocol,
    least(greatest(l.opened_at, s.kept_from), now_us()) AS at, l.host_id
FROM (SELECT host_id, port, protocol, opened_at FROM open_listener
    UNION ALL SELECT host_id, port, protocol, opened_at FROM life) l CROSS JOIN setting s
ORDER BY l.port, l.protocol, at, l.host_id;

-- Openings and closings by the hour, and of each port by the day. A thousand hosts would wait for one
-- row: each adds to that of its slot, host_id % 16. When a day is over its slots become one, the 16th.
CREATE TABLE fleet_turnover (
    bucket bigint NOT NULL,
    slot smallint NOT NULL,
    opened bigint NOT NULL,
    closed bigint NOT NULL,
    PRIMARY KEY (bucket, slot)
) WITH (fillfactor = 70);
-- Ports from 32768 on, which the kernel gives to who asks for none, are counted as that one.
CREATE TABLE fleet_port_turnover (
    bucket bigint NOT NULL,
    port integer NOT NULL,
    protocol protocol NOT NULL,
    slot smallint NOT NULL,
    opened bigint NOT NULL,
    closed bigint NOT NULL,
    PRIMARY KEY (bucket, port, protocol, slot)
) WITH (fillfactor = 70);
INSERT INTO fleet_turnover
SELECT at - at % 3600000000, 16, count(*) FILTER (WHERE kind = 'opened'),
    count(*) FILTER (WHERE kind = 'closed')
FROM event GROUP BY 1;
INSERT INTO fleet_port_turnover
SELECT at - at % 86400000000, least(port, 32768), protocol, 16,
    count(*) FILTER (WHERE kind = 'opened'), count(*) FILTER (WHERE kind = 'closed')
FROM event GROUP BY 1, 2, 3;

CREATE FUNCTION merge_slots(before bigint) RETURNS void LANGUAGE sql
SET search_path = fleet, pg_temp AS $$
WITH gone AS (DELETE FROM fleet_turnover WHERE bucket < before AND slot < 16 RETURNING *)
INSERT INTO fleet_turnover AS t
SELECT g.bucket, 16, sum(g.opened), sum(g.closed) FROM gone g GROUP BY 1 ORDER BY 1
ON CONFLICT (bucket, slot)
    DO UPDATE SET opened = t.opened + excluded.opened, closed = t.closed + excluded.closed;
WITH gone AS (DELETE FROM fleet_port_turnover WHERE bucket < before AND slot < 16 RETURNING *)
INSERT INTO fleet_port_turnover AS t
SELECT g.bucket, g.port, g.protocol, 16, sum(g.opened), sum(g.closed) FROM gone g
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (bucket, port, protocol, slot)
    DO UPDATE SET opened = t.opened + excluded.opened, closed = t.closed + excluded.closed;
$$;

ALTER FUNCTION tidy() RENAME TO tidy_partitions;
CREATE FUNCTION tidy() RETURNS bigint LANGUAGE plpgsql SET search_path = fleet, pg_temp AS $$
DECLARE until bigint := tidy_partitions(); today bigint := now_us() - now_us() % 86400000000;
BEGIN
    PERFORM merge_slots(today);
    DELETE FROM fleet_turnover WHERE bucket < until;
    DELETE FROM fleet_port_turnover WHERE bucket < until;
    RETURN until;
END $$;

ALTER FUNCTION leave_epochs_before(integer, smallint) RENAME TO close_epochs_before;
CREATE FUNCTION leave_epochs_before(of_host integer, of_epoch smallint) RETURNS void LANGUAGE sql
SET search_path = fleet, pg_temp AS $$
SELECT close_epochs_before(of_host, of_epoch);
UPDATE host SET listeners = 0 WHERE host_id = of_host AND listeners != 0;
$$;

-- Store the batch that lies in the inboxes, and count it. The counts are made before the batch leaves
-- the inboxes, and added after it: their rows are shared with other hosts, and locked for a moment only.
-- Each batch locks them in the same order.
ALTER FUNCTION apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb)
    RENAME TO store_batch;
REVOKE EXECUTE ON FUNCTION store_batch(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb)
    FROM porteye_agent;
CREATE FUNCTION apply(of_origin uuid, knows bytea, new_mark bytea, to_event bigint,
    to_revision bigint, to_tick bigint, to_rollup bigint, sent_at bigint, news jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = fleet, pg_temp AS $$
DECLARE mine integer := fleet.me(); kept bigint; stored bigint; firsts fleet_first[];
    hours fleet_turnover[]; ports fleet_port_turnover[]; open integer;
BEGIN
    PERFORM tidy_daily();
    SELECT kept_from INTO kept FROM setting;
    SELECT array_agg(ROW(n.port, n.protocol, n.at, mine)::fleet_first ORDER BY n.port, n.protocol)
    INTO firsts FROM (
        SELECT i.port, i.protocol,
            min(least(greatest(i.opened_at, kept), now_us())) AS at
        FROM inbox_listener i WHERE i.host_id = mine GROUP BY 1, 2) n
    WHERE NOT EXISTS (SELECT FROM fleet_first f
        WHERE f.port = n.port AND f.protocol = n.protocol AND f.at <= n.at);
    SELECT array_agg(ROW(n.bucket, mine % 16, n.opened, n.closed)::fleet_turnover ORDER BY n.bucket)
    INTO hours FROM (
        SELECT i.at - i.at % 3600000000 AS bucket, count(*) FILTER (WHERE i.kind = 'opened') AS opened,
            count(*) FILTER (WHERE i.kind = 'closed') AS closed
        FROM inbox_event i WHERE i.host_id = mine AND i.at >= kept GROUP BY 1) n;
    IF hours IS NOT NULL THEN
        SELECT array_agg(ROW(n.bucket, n.port, n.protocol, mine % 16, n.opened, n.closed)
            ::fleet_port_turnover ORDER BY n.bucket, n.port, n.protocol)
        INTO ports FROM (
            SELECT i.at - i.at % 86400000000 AS bucket, least(i.port, 32768) AS port, i.protocol,
                count(*) FILTER (WHERE i.kind = 'opened') AS opened,
                count(*) FILTER (WHERE i.kind = 'closed') AS closed
            FROM inbox_event i WHERE i.host_id = mine AND i.at >= kept GROUP BY 1, 2, 3) n;
    END IF;
    IF EXISTS (SELECT FROM inbox_listener i WHERE i.host_id = mine) THEN open := 0; END IF;

    stored := store_batch(of_origin, knows, new_mark, to_event, to_revision, to_tick, to_rollup,
        sent_at, news);

    IF firsts IS NOT NULL THEN
        INSERT INTO fleet_first AS f SELECT * FROM unnest(firsts)
        ON CONFLICT (port, protocol) DO UPDATE SET at = excluded.at, host_id = excluded.host_id
            WHERE excluded.at < f.at;
    END IF;
    IF hours IS NOT NULL THEN
        INSERT INTO fleet_turnover AS t SELECT * FROM unnest(hours)
        ON CONFLICT (bucket, slot)
            DO UPDATE SET opened = t.opened + excluded.opened, closed = t.closed + excluded.closed;
        INSERT INTO fleet_port_turnover AS t SELECT * FROM unnest(ports)
        ON CONFLICT (bucket, port, protocol, slot)
            DO UPDATE SET opened = t.opened + excluded.opened, closed = t.closed + excluded.closed;
    END IF;
    IF open IS NOT NULL THEN
        SELECT count(*) INTO open FROM open_listener l WHERE l.host_id = mine;
    END IF;
    UPDATE host h SET listeners = coalesce(open, h.listeners),
        beat = coalesce((news->>'beat')::bigint, h.beat)
    WHERE h.host_id = mine
        AND (h.listeners != open OR h.beat != (news->>'beat')::bigint);
    RETURN stored;
END $$;

REVOKE EXECUTE ON FUNCTION merge_slots(bigint), tidy(), leave_epochs_before(integer, smallint),
    apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb)
    TO porteye_agent;
GRANT SELECT ON fleet_first, fleet_turnover, fleet_port_turnover TO porteye_reader;
