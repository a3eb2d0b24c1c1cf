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

-- The addresses of a host's events, with the latest day of each: few hosts have the same.
CREATE TABLE host_address (
    host_id integer NOT NULL REFERENCES host,
    address text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    PRIMARY KEY (host_id, address)
);
CREATE INDEX host_address_of ON host_address (address, host_id);
INSERT INTO host_address
SELECT host_id, address, max(at - at % 86400000000) FROM event GROUP BY 1, 2;

-- What runs in the fleet: a port, a program by its title, whom it lets in, and the hosts that have it
-- open, of those that are not retired. A row is shared by many hosts, and changes only when a host has
-- more or fewer of it after a batch than before: few batches wait. since: the earliest opening.
CREATE TABLE fleet_service (
    port integer NOT NULL,
    protocol protocol NOT NULL,
    program text COLLATE "C" NOT NULL,
    exposure exposure NOT NULL,
    hosts integer NOT NULL,
    listeners integer NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (port, protocol, program, exposure)
) WITH (fillfactor = 70);
CREATE INDEX fleet_service_most ON fleet_service (hosts DESC, port);

-- The services of a host on these ports. A title has at most 120 characters, or its host lies.
CREATE FUNCTION services_of(of_host integer, ports integer[]) RETURNS fleet_service[] STABLE
LANGUAGE plpgsql AS $$
DECLARE found fleet.fleet_service[];
BEGIN
    SELECT array_agg(ROW(s.port, s.protocol, s.program, s.exposure, 1, s.listeners, s.since)
        ::fleet.fleet_service ORDER BY s.port, s.protocol, s.program, s.exposure)
    INTO found FROM (
        SELECT l.port, l.protocol, left(coalesce(g.title, ''), 120) AS program, l.exposure,
            count(*) AS listeners, min(l.opened_at) AS since
        FROM fleet.open_listener l LEFT JOIN fleet.program g ON g.id = l.program_id
        WHERE l.host_id = of_host AND l.port = ANY (ports) GROUP BY 1, 2, 3, 4) s;
    RETURN found;
END $$;

-- Count what the services of one host became. Rows are locked in the same order by all.
CREATE FUNCTION count_services(before fleet_service[], after fleet_service[]) RETURNS void
LANGUAGE plpgsql SET search_path = fleet, pg_temp AS $$
DECLARE gone fleet_service[];
BEGIN
    IF before IS NOT DISTINCT FROM after THEN RETURN; END IF;
    INSERT INTO fleet_service AS t
    SELECT c.port, c.protocol, c.program, c.exposure, sum(c.sign), sum(c.sign * c.listeners),
        coalesce(min(c.since) FILTER (WHERE c.sign = 1), min(c.since)) AS since
    FROM (SELECT b.*, -1 AS sign FROM unnest(before) b UNION ALL SELECT a.*, 1 FROM unnest(after) a) c
    GROUP BY 1, 2, 3, 4 HAVING count(*) = 1 OR min(c.listeners) != max(c.listeners)
        OR min(c.since) != max(c.since)
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (port, protocol, program, exposure) DO UPDATE SET hosts = t.hosts + excluded.hosts,
        listeners = t.listeners + excluded.listeners, since = least(t.since, excluded.since);
    DELETE FROM fleet_service t USING unnest(before) b
    WHERE (t.port, t.protocol, t.program, t.exposure) = (b.port, b.protocol, b.program, b.exposure)
        AND t.hosts <= 0;
    -- The earliest of all hosts may have ended: then the next one is sought.
    SELECT array_agg(b) INTO gone FROM unnest(before) b
    JOIN fleet_service t USING (port, protocol, program, exposure)
    WHERE t.since = b.since AND NOT EXISTS (SELECT FROM unnest(after) a
        WHERE (a.port, a.protocol, a.program, a.exposure, a.since)
            = (b.port, b.protocol, b.program, b.exposure, b.since));
    IF gone IS NOT NULL THEN
        UPDATE fleet_service t SET since = coalesce((SELECT min(l.opened_at)
            FROM open_listener l JOIN host h ON h.host_id = l.host_id AND h.retired_at IS NULL
            LEFT JOIN program g ON g.id = l.program_id
            WHERE l.port = b.port AND l.protocol = b.protocol AND l.exposure = b.exposure
                AND left(coalesce(g.title, ''), 120) = b.program), t.since)
        FROM unnest(gone) b
        WHERE (t.port, t.protocol, t.program, t.exposure) = (b.port, b.protocol, b.program, b.exposure);
    END IF;
END $$;
INSERT INTO fleet_service
SELECT s.port, s.protocol, s.program, s.exposure, count(*), sum(s.listeners), min(s.since)
FROM host h CROSS JOIN LATERAL unnest(services_of(h.host_id,
    ARRAY(SELECT DISTINCT l.port FROM open_listener l WHERE l.host_id = h.host_id))) s
WHERE h.retired_at IS NULL GROUP BY 1, 2, 3, 4;

-- Of a retired host nothing is known from now on.
CREATE FUNCTION retire(of_host integer) RETURNS void LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
BEGIN
    UPDATE host SET retired_at = now_us() WHERE host_id = of_host AND retired_at IS NULL;
    IF FOUND THEN
        PERFORM count_services(services_of(of_host,
            ARRAY(SELECT DISTINCT l.port FROM open_listener l WHERE l.host_id = of_host)), NULL);
    END IF;
END $$;

-- The busiest hundred ports of each day that is over: what is busy over many days is among them, and a
-- port that is not had at most as many events a day as the last of them.
CREATE TABLE fleet_port_most (
    bucket bigint NOT NULL,
    port integer NOT NULL,
    protocol protocol NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (bucket, port, protocol)
);
CREATE INDEX fleet_port_turnover_slots ON fleet_port_turnover (bucket) WHERE slot < 16;
CREATE FUNCTION list_busiest(days bigint[]) RETURNS void LANGUAGE sql
SET search_path = fleet, pg_temp AS $$
DELETE FROM fleet_port_most WHERE bucket = ANY (days);
INSERT INTO fleet_port_most
SELECT t.bucket, t.port, t.protocol, t.opened + t.closed
FROM unnest(days) d(bucket) CROSS JOIN LATERAL (SELECT * FROM fleet_port_turnover t
    WHERE t.bucket = d.bucket AND t.slot = 16
    ORDER BY t.opened + t.closed DESC, t.port, t.protocol LIMIT 100) t;
$$;
SELECT list_busiest(ARRAY(SELECT DISTINCT bucket FROM fleet_port_turnover));

CREATE FUNCTION merge_slots(before bigint) RETURNS void LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE days bigint[];
BEGIN
    days := ARRAY(SELECT DISTINCT bucket FROM fleet_port_turnover WHERE bucket < before AND slot < 16);
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
    PERFORM list_busiest(days);
END $$;

ALTER FUNCTION tidy() RENAME TO tidy_partitions;
CREATE FUNCTION tidy() RETURNS bigint LANGUAGE plpgsql SET search_path = fleet, pg_temp AS $$
DECLARE until bigint := tidy_partitions(); today bigint := now_us() - now_us() % 86400000000;
BEGIN
    PERFORM merge_slots(today);
    DELETE FROM fleet_turnover WHERE bucket < until;
    DELETE FROM fleet_port_turnover WHERE bucket < until;
    DELETE FROM fleet_port_most WHERE bucket < until;
    DELETE FROM host_address WHERE day < until - 86400000000;
    -- What was left in an inbox without a batch. The caller's own rows may be those of its batch.
    DELETE FROM inbox_program i WHERE i.login != session_user;
    DELETE FROM inbox_process i WHERE i.login != session_user;
    DELETE FROM inbox_listener i WHERE i.login != session_user;
    DELETE FROM inbox_event i WHERE i.login != session_user;
    DELETE FROM inbox_rollup i WHERE i.login != session_user;
    RETURN until;
END $$;

ALTER FUNCTION leave_epochs_before(integer, smallint) RENAME TO close_epochs_before;
CREATE FUNCTION leave_epochs_before(of_host integer, of_epoch smallint) RETURNS void LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE before fleet_service[];
BEGIN
    before := services_of(of_host, ARRAY(SELECT DISTINCT port FROM open_listener WHERE host_id = of_host));
    PERFORM close_epochs_before(of_host, of_epoch);
    PERFORM count_services(before, NULL);
    UPDATE host SET listeners = 0 WHERE host_id = of_host AND listeners != 0;
END $$;

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
DECLARE mine integer := fleet.me(); caller name := session_user; kept bigint; stored bigint; firsts fleet_first[];
    hours fleet_turnover[]; ports fleet_port_turnover[]; open integer; touched integer[];
    before fleet_service[];
BEGIN
    kept := kept_now();
    SELECT array_agg(ROW(n.port, n.protocol, n.at, mine)::fleet_first ORDER BY n.port, n.protocol)
    INTO firsts FROM (
        SELECT i.port, i.protocol,
            min(least(greatest(i.opened_at, kept), now_us())) AS at
        FROM inbox_listener i WHERE i.login = caller GROUP BY 1, 2) n
    WHERE NOT EXISTS (SELECT FROM fleet_first f
        WHERE f.port = n.port AND f.protocol = n.protocol AND f.at <= n.at);
    SELECT array_agg(ROW(n.bucket, mine % 16, n.opened, n.closed)::fleet_turnover ORDER BY n.bucket)
    INTO hours FROM (
        SELECT i.at - i.at % 3600000000 AS bucket, count(*) FILTER (WHERE i.kind = 'opened') AS opened,
            count(*) FILTER (WHERE i.kind = 'closed') AS closed
        FROM inbox_event i WHERE i.login = caller AND i.at >= kept GROUP BY 1) n;
    IF hours IS NOT NULL THEN
        INSERT INTO host_address AS a
        SELECT mine, i.address, max(i.at - i.at % 86400000000) FROM inbox_event i
        WHERE i.login = caller AND i.at >= kept GROUP BY 2
        ON CONFLICT (host_id, address) DO UPDATE SET day = excluded.day WHERE a.day < excluded.day;
        SELECT array_agg(ROW(n.bucket, n.port, n.protocol, mine % 16, n.opened, n.closed)
            ::fleet_port_turnover ORDER BY n.bucket, n.port, n.protocol)
        INTO ports FROM (
            SELECT i.at - i.at % 86400000000 AS bucket, least(i.port, 32768) AS port, i.protocol,
                count(*) FILTER (WHERE i.kind = 'opened') AS opened,
                count(*) FILTER (WHERE i.kind = 'closed') AS closed
            FROM inbox_event i WHERE i.login = caller AND i.at >= kept GROUP BY 1, 2, 3) n;
    END IF;
    -- Where something is open before the batch or after it. A listener keeps the port that its first
    -- batch gave it: a number that comes again may have two.
    SELECT array_agg(DISTINCT n.port) INTO touched FROM (
        SELECT i.port FROM inbox_listener i WHERE i.login = caller AND i.closed_at IS NULL
        UNION ALL
        SELECT o.port FROM inbox_listener i JOIN open_listener o ON o.host_id = mine
            AND o.id = i.local + ((SELECT x.epoch FROM stream x
                WHERE x.host_id = mine AND x.origin = of_origin)::bigint << 40)
        WHERE i.login = caller) n;
    IF touched IS NOT NULL THEN
        -- Two databases of a host wait for each other, and for an administrator who retires it.
        PERFORM FROM host h WHERE h.host_id = mine AND h.retired_at IS NULL FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'No host is enrolled for the login %.', session_user USING ERRCODE = 'PE001';
        END IF;
        before := services_of(mine, touched);
    END IF;

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
    IF touched IS NOT NULL THEN
        PERFORM count_services(before, services_of(mine, touched));
        SELECT count(*) INTO open FROM open_listener l WHERE l.host_id = mine;
    END IF;
    UPDATE host h SET listeners = coalesce(open, h.listeners),
        beat = coalesce((news->>'beat')::bigint, h.beat)
    WHERE h.host_id = mine
        AND (h.listeners != open OR h.beat != (news->>'beat')::bigint);
    RETURN stored;
END $$;

REVOKE EXECUTE ON FUNCTION merge_slots(bigint), list_busiest(bigint[]), tidy(), leave_epochs_before(integer, smallint),
    services_of(integer, integer[]), count_services(fleet_service[], fleet_service[]), retire(integer),
    apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb)
    TO porteye_agent;
GRANT SELECT ON fleet_first, fleet_turnover, fleet_port_turnover, fleet_port_most, fleet_service, host_address TO porteye_reader;
