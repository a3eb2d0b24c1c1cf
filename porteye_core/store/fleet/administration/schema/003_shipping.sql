-- What a host may do: fill its inboxes and call hello and apply. The host is the login: it is no
-- parameter, and SET ROLE does not change session_user. COPY refuses tables with row level
-- security, so the login comes from a default that an agent has no right to set; the default calls
-- no function, which would take a third of the time of a row. The functions run as the owner, with a
-- fixed search_path, and no agent may make a temporary table for them.
CREATE FUNCTION me() RETURNS integer STABLE SECURITY DEFINER LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE found integer;
BEGIN
    SELECT h.host_id INTO found FROM host h WHERE h.role = session_user AND h.retired_at IS NULL;
    RETURN found;
END $$;

-- A batch lies here for the length of its transaction.
CREATE UNLOGGED TABLE inbox_program (
    login name NOT NULL DEFAULT session_user,
    local bigint, name text, exe text, "user" text, cmdline text, title text
);
CREATE UNLOGGED TABLE inbox_process (
    login name NOT NULL DEFAULT session_user,
    local bigint, machine bigint, pid integer, started_at bigint, program bigint, ppid integer,
    parents text, unit text, container text, cwd text, container_id bigint
);
CREATE UNLOGGED TABLE inbox_listener (
    login name NOT NULL DEFAULT session_user,
    local bigint, machine bigint, protocol protocol, family family, address text, port integer,
    netns bigint, inode bigint, fd bigint, uid bigint, "user" text, process bigint, program bigint,
    hidden hidden, opened_at bigint, opened_seen seen, interface text,
    interface_kind interface_kind, v6only bigint, cookie bigint, unseen_at bigint,
    holders_gone bigint, exposure exposure, holders bigint[], former jsonb,
    closed_at bigint, closed_seen seen
);
CREATE UNLOGGED TABLE inbox_event (
    login name NOT NULL DEFAULT session_user,
    local bigint, machine bigint, at bigint, kind kind, seen seen, listener bigint, port integer,
    program bigint, pid integer, protocol protocol, hidden hidden, exposure exposure, address text
);
CREATE UNLOGGED TABLE inbox_rollup (
    login name NOT NULL DEFAULT session_user,
    listener bigint, bucket bigint, beats bigint, cpu_sum bigint, cpu_max bigint, rss_max bigint,
    clients_max bigint, queue_max bigint, backlog bigint
);
ALTER TABLE inbox_program SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE inbox_process SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE inbox_listener SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE inbox_event SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE inbox_rollup SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX ON inbox_program (login);
CREATE INDEX ON inbox_process (login);
CREATE INDEX ON inbox_listener (login);
CREATE INDEX ON inbox_event (login);
CREATE INDEX ON inbox_rollup (login);

GRANT USAGE ON SCHEMA fleet TO porteye_agent;
GRANT INSERT (local, name, exe, "user", cmdline, title) ON inbox_program TO porteye_agent;
GRANT INSERT (local, machine, pid, started_at, program, ppid, parents, unit, container, cwd,
    container_id) ON inbox_process TO porteye_agent;
GRANT INSERT (local, machine, protocol, family, address, port, netns, inode, fd, uid, "user",
    process, program, hidden, opened_at, opened_seen, interface, interface_kind, v6only, cookie,
    unseen_at, holders_gone, exposure, holders, former, closed_at, closed_seen)
    ON inbox_listener TO porteye_agent;
GRANT INSERT (local, machine, at, kind, seen, listener, port, program, pid, protocol, hidden,
    exposure, address) ON inbox_event TO porteye_agent;
GRANT INSERT (listener, bucket, beats, cpu_sum, cpu_max, rss_max, clients_max, queue_max, backlog)
    ON inbox_rollup TO porteye_agent;

-- A host fills the server with its own rows up to a number for each day. `hello` says so before
-- anything is copied. more: the rows of a batch that lies in the inboxes.
CREATE FUNCTION refuse_beyond_quota(of_host integer, more bigint) RETURNS void STABLE LANGUAGE plpgsql
AS $$
DECLARE day bigint := 86400000000; now bigint := fleet.now_us(); shipped bigint; most bigint; h fleet.host;
BEGIN
    SELECT * INTO h FROM fleet.host x WHERE x.host_id = of_host;
    shipped := CASE WHEN h.shipped_day = now - now % day THEN h.shipped_rows ELSE 0 END;
    SELECT s.rows_a_day INTO most FROM fleet.setting s;
    IF more > most OR shipped >= most THEN
        RAISE EXCEPTION 'The host % has shipped % rows today, and may ship % a day: the next are taken from % UTC on.',
            h.name, shipped + more, most,
            to_char(to_timestamp((now - now % day + day) / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
            USING ERRCODE = 'PE004';
    END IF;
END $$;

-- The state of the server for this database of the caller's; locks its stream until the transaction ends.
-- protocols: the versions of this conversation that the server speaks.
CREATE FUNCTION hello(of_origin uuid, OUT events bigint, OUT revisions bigint, OUT ticks bigint,
    OUT rollups bigint, OUT mark bytea, OUT epoch smallint, OUT kept_from bigint,
    OUT protocols int4range)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = fleet, pg_temp AS $$
DECLARE mine integer := fleet.me(); s stream;
BEGIN
    IF mine IS NULL THEN
        RAISE EXCEPTION 'No host is enrolled for the login %.', session_user USING ERRCODE = 'PE001';
    END IF;
    PERFORM refuse_beyond_quota(mine, 0);
    SELECT * INTO s FROM stream x WHERE x.host_id = mine AND x.origin = of_origin FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM FROM host h WHERE h.host_id = mine FOR UPDATE;
        INSERT INTO stream (host_id, epoch, origin)
        SELECT mine, coalesce(max(x.epoch), -1) + 1, of_origin FROM stream x WHERE x.host_id = mine
        ON CONFLICT (host_id, origin) DO UPDATE SET origin = excluded.origin
        RETURNING * INTO s;
        IF s.events = 0 THEN PERFORM fleet.leave_epochs_before(mine, s.epoch); END IF;
    END IF;
    events := s.events; revisions := s.revisions; ticks := s.ticks; rollups := s.rollups;
    mark := s.mark; epoch := s.epoch; protocols := '[1,1]';
    SELECT x.kept_from INTO kept_from FROM setting x;
END $$;

-- A new database of a host knows nothing of what was open in the one before: that has closed at
-- some time since the last batch.
CREATE FUNCTION leave_epochs_before(of_host integer, of_epoch smallint) RETURNS void
LANGUAGE sql SET search_path = fleet, pg_temp AS $$
WITH gone AS (DELETE FROM open_listener WHERE host_id = of_host AND id < of_epoch::bigint << 40 RETURNING *)
INSERT INTO life (host_id, id, machine, protocol, family, address, port, netns, inode, fd, uid, "user",
    process_id, program_id, hidden, opened_at, opened_seen, interface, interface_kind, v6only, cookie,
    unseen_at, holders_gone, exposure, owner_holds, closed_at, closed_seen, span)
SELECT g.host_id, g.id, g.machine, g.protocol, g.family, g.address, g.port, g.netns, g.inode, g.fd,
    g.uid, g."user", g.process_id, g.program_id, g.hidden, g.opened_at, g.opened_seen, g.interface,
    g.interface_kind, g.v6only, g.cookie, g.unseen_at, g.holders_gone, g.exposure, g.owner_holds,
    t.at, 'gap', CASE WHEN t.at - g.opened_at < 3600000000 THEN 0
        WHEN t.at - g.opened_at < 86400000000 THEN 1 ELSE 2 END
FROM gone g CROSS JOIN LATERAL (SELECT greatest(g.opened_at, (SELECT coalesce(max(w.seen_at), 0)
    FROM watch w WHERE w.host_id = of_host)) AS at) t
$$;

CREATE FUNCTION program_digest(p inbox_program) RETURNS bytea IMMUTABLE LANGUAGE sql AS
$$ SELECT sha256(convert_to(jsonb_build_array(p.name, p.exe, p."user", p.cmdline, p.title)::text, 'UTF8')) $$;

-- The first batch of a day tidies, whoever ships it: nobody has to remember. What holds a table up is
-- waited for a second, and the next batch tries again.
CREATE FUNCTION tidy_daily() RETURNS void LANGUAGE plpgsql SET search_path = fleet, pg_temp
SET lock_timeout = '1s' AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtext('porteye fleet tidy')) THEN
        PERFORM tidy();
    END IF;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RAISE LOG 'the fleet is tidied with a later batch';
END $$;
-- The time from which rows are taken, after the fleet was tidied today.
CREATE FUNCTION kept_now() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE s fleet.setting;
BEGIN
    SELECT * INTO s FROM fleet.setting;
    IF s.tidied_at < fleet.now_us() - 86400000000 THEN
        PERFORM fleet.tidy_daily();
        SELECT * INTO s FROM fleet.setting;
    END IF;
    RETURN s.kept_from;
END $$;

-- A host gives the number of a process that its retention has forgotten to another one. The fleet may
-- know the first one for longer: it gets a number below zero, which no host gives.
CREATE SEQUENCE apart AS bigint;
CREATE FUNCTION set_apart(of_host integer, of_process bigint) RETURNS void LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE other bigint := -nextval('apart');
BEGIN
    UPDATE process SET id = other WHERE host_id = of_host AND id = of_process;
    UPDATE life SET process_id = other WHERE host_id = of_host AND process_id = of_process;
    UPDATE open_listener SET process_id = other WHERE host_id = of_host AND process_id = of_process;
    UPDATE further_holder SET process_id = other WHERE host_id = of_host AND process_id = of_process;
    UPDATE former SET process_id = other WHERE host_id = of_host AND process_id = of_process;
END $$;

-- The same of a life, whose number a later listener got.
CREATE FUNCTION set_life_apart(of_host integer, of_life bigint, opened bigint, closed bigint)
RETURNS void LANGUAGE plpgsql SET search_path = fleet, pg_temp AS $$
DECLARE other bigint := -nextval('apart');
BEGIN
    UPDATE life SET id = other WHERE host_id = of_host AND id = of_life AND opened_at = opened;
    UPDATE event SET listener_id = other
    WHERE host_id = of_host AND listener_id = of_life AND at BETWEEN opened AND closed;
    UPDATE rollup SET listener_id = other WHERE host_id = of_host AND listener_id = of_life
        AND bucket <= closed;
    UPDATE further_holder SET listener_id = other WHERE host_id = of_host AND listener_id = of_life;
    UPDATE former SET listener_id = other WHERE host_id = of_host AND listener_id = of_life;
END $$;

CREATE FUNCTION counted_buckets() RETURNS TABLE (resolution integer, by_port boolean)
IMMUTABLE LANGUAGE sql AS $$ VALUES (60, FALSE), (3600, TRUE), (86400, TRUE) $$;

-- Put the inboxes into their places and move the cursors on. `knows`: the digest of the event at the
-- cursor in the caller's database, NULL if its retention has dropped that event.
CREATE FUNCTION apply(of_origin uuid, knows bytea, new_mark bytea, to_event bigint,
    to_revision bigint, to_tick bigint, to_rollup bigint, sent_at bigint, news jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = fleet, pg_temp AS $$
DECLARE mine integer := fleet.me(); caller name := session_user; s stream; base bigint; kept bigint;
    stored bigint; learnt bigint[]; more bigint; now bigint := now_us();
BEGIN
    SELECT * INTO s FROM stream x WHERE x.host_id = mine AND x.origin = of_origin FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The login % has not said hello with this database.', session_user
            USING ERRCODE = 'PE003';
    END IF;
    IF s.mark IS NOT NULL AND knows IS NOT NULL AND s.mark != knows THEN
        RAISE EXCEPTION 'Another writer ships this history.' USING ERRCODE = 'PE002';
    END IF;
    IF to_event < s.events OR to_revision < s.revisions OR to_tick < s.ticks OR to_rollup < s.rollups
        OR (to_event > s.events AND new_mark IS NULL) THEN
        RAISE EXCEPTION 'A cursor goes back.' USING ERRCODE = 'PE003';
    END IF;
    IF EXISTS (SELECT FROM inbox_event i WHERE i.login = caller
        AND (i.local <= s.events OR i.local > to_event OR i.listener NOT BETWEEN 1 AND (1::bigint << 40) - 1)) THEN
        RAISE EXCEPTION 'An event is not of this batch.' USING ERRCODE = 'PE003';
    END IF;
    IF EXISTS (SELECT FROM inbox_listener i WHERE i.login = caller
            AND i.local NOT BETWEEN 1 AND (1::bigint << 40) - 1)
        OR EXISTS (SELECT FROM inbox_process i WHERE i.login = caller
            AND i.local NOT BETWEEN 1 AND (1::bigint << 40) - 1)
        OR EXISTS (SELECT FROM inbox_program i WHERE i.login = caller
            AND i.local NOT BETWEEN 1 AND (1::bigint << 40) - 1)
        OR EXISTS (SELECT FROM inbox_rollup i WHERE i.login = caller
            AND i.listener NOT BETWEEN 1 AND (1::bigint << 40) - 1)
        OR to_event >= 1::bigint << 40 THEN
        RAISE EXCEPTION 'An id is outside of its epoch.' USING ERRCODE = 'PE003';
    END IF;
    base := s.epoch::bigint << 40;
    more := (SELECT count(*) FROM inbox_event i WHERE i.login = caller)
        + (SELECT count(*) FROM inbox_listener i WHERE i.login = caller)
        + (SELECT count(*) FROM inbox_process i WHERE i.login = caller)
        + (SELECT count(*) FROM inbox_program i WHERE i.login = caller)
        + (SELECT count(*) FROM inbox_rollup i WHERE i.login = caller)
        + coalesce(jsonb_array_length(news->'ticks'), 0) + coalesce(jsonb_array_length(news->'watches'), 0)
        + coalesce(jsonb_array_length(news->'machines'), 0)
        + coalesce(jsonb_array_length(news->'containers'), 0);
    PERFORM refuse_beyond_quota(mine, more);
    kept := kept_now();

    INSERT INTO machine AS m
    SELECT mine, base + j.id, j.name, j.machine_id, j.platform, j.memory, j.netns, j.boot_id, j.booted_at
    FROM jsonb_to_recordset(news->'machines') AS j(id bigint, name text, machine_id text,
        platform text, memory bigint, netns bigint, boot_id text, booted_at bigint)
    ON CONFLICT (host_id, id) DO UPDATE SET name = excluded.name, platform = excluded.platform,
        memory = excluded.memory, netns = excluded.netns, boot_id = excluded.boot_id,
        booted_at = excluded.booted_at;
    INSERT INTO container AS c
    SELECT mine, base + j.id, base + j.host_id, j.runtime, j.runtime_id, j.container_name, j.image,
        j.compose_project, j.compose_service, j.pod, j.pod_namespace, j.published, j.addresses
    FROM jsonb_to_recordset(news->'containers') AS j(id bigint, host_id bigint, runtime text,
        runtime_id text, container_name text, image text, compose_project text,
        compose_service text, pod text, pod_namespace text, published text, addresses text)
    ON CONFLICT (host_id, id) DO UPDATE SET container_name = excluded.container_name,
        image = excluded.image, compose_project = excluded.compose_project,
        compose_service = excluded.compose_service, pod = excluded.pod,
        pod_namespace = excluded.pod_namespace, published = excluded.published,
        addresses = excluded.addresses;

    -- The server makes the digest: no agent names another host's program. Sorted, so that no two
    -- batches wait for each other.
    INSERT INTO program (digest, name, exe, "user", cmdline, title)
    SELECT DISTINCT ON (n.digest) n.digest, n.name, n.exe, n."user", n.cmdline, n.title
    FROM (SELECT *, program_digest(i) AS digest FROM inbox_program i WHERE i.login = caller) n
    WHERE NOT EXISTS (SELECT FROM program p WHERE p.digest = n.digest)
    ORDER BY n.digest ON CONFLICT (digest) DO NOTHING;
    WITH gone AS (DELETE FROM inbox_program i WHERE i.login = caller RETURNING *)
    INSERT INTO host_program
    SELECT mine, base + g.local, (SELECT p.id FROM program p WHERE p.digest = program_digest(g))
    FROM gone g
    ON CONFLICT (host_id, local) DO UPDATE SET program_id = excluded.program_id
        WHERE host_program.program_id != excluded.program_id;

    PERFORM set_apart(mine, p.id) FROM inbox_process i
    JOIN process p ON p.host_id = mine AND p.id = base + i.local
    WHERE i.login = caller AND (p.pid, p.started_at) != (i.pid, i.started_at);
    WITH gone AS (DELETE FROM inbox_process i WHERE i.login = caller RETURNING *)
    INSERT INTO process
    SELECT mine, base + g.local, base + g.machine, g.pid, g.started_at, l.program_id, g.ppid,
        g.parents, g.unit, g.container, g.cwd, base + g.container_id
    FROM gone g LEFT JOIN host_program l ON l.host_id = mine AND l.local = base + g.program
    ON CONFLICT (host_id, id) DO UPDATE SET machine = excluded.machine, pid = excluded.pid,
        started_at = excluded.started_at, program_id = excluded.program_id, ppid = excluded.ppid,
        parents = excluded.parents, unit = excluded.unit, container = excluded.container,
        cwd = excluded.cwd, container_id = excluded.container_id;

    PERFORM set_life_apart(mine, l.id, l.opened_at, l.closed_at) FROM inbox_event i
    JOIN life l ON l.host_id = mine AND l.id = base + i.listener AND l.opened_at != i.at
    WHERE i.login = caller AND i.kind = 'opened' AND i.listener <= s.listeners;
    s.listeners := greatest(s.listeners, (SELECT max(i.local) FROM inbox_listener i WHERE i.login = caller));

    SELECT array_agg(o.id) INTO learnt FROM inbox_listener i
    JOIN open_listener o ON o.host_id = mine AND o.id = base + i.local
    WHERE i.login = caller AND o.program_id IS NULL AND i.program IS NOT NULL;

    -- A listener that has closed leaves open_listener.
    WITH gone AS (DELETE FROM inbox_listener i WHERE i.login = caller RETURNING *)
    , known AS MATERIALIZED (
        SELECT base + g.local AS id, base + g.machine AS machine, g.protocol, g.family, g.address,
            g.port, g.netns, g.inode, g.fd, g.uid, g."user", base + g.process AS process_id,
            p.program_id, g.hidden, g.opened_at, g.opened_seen, g.interface, g.interface_kind,
            g.v6only, g.cookie, g.unseen_at, g.holders_gone, g.exposure,
            g.process = ANY (g.holders) IS TRUE AS owner_holds, g.holders, g.process, g.former,
            g.closed_at, g.closed_seen
        FROM gone g LEFT JOIN host_program p ON p.host_id = mine AND p.local = base + g.program)
    , still AS (
        INSERT INTO open_listener
        SELECT mine, k.id, k.machine, k.protocol, k.family, k.address, k.port, k.netns, k.inode, k.fd,
            k.uid, k."user", k.process_id, k.program_id, k.hidden, k.opened_at, k.opened_seen,
            k.interface, k.interface_kind, k.v6only, k.cookie, k.unseen_at, k.holders_gone,
            k.exposure, k.owner_holds
        FROM known k WHERE k.closed_at IS NULL
        ON CONFLICT (host_id, id) DO UPDATE SET address = excluded.address, netns = excluded.netns,
            inode = excluded.inode, fd = excluded.fd, uid = excluded.uid, "user" = excluded."user",
            process_id = excluded.process_id, program_id = excluded.program_id,
            hidden = excluded.hidden, interface = excluded.interface,
            interface_kind = excluded.interface_kind, v6only = excluded.v6only,
            cookie = excluded.cookie, unseen_at = excluded.unseen_at,
            holders_gone = excluded.holders_gone, exposure = excluded.exposure,
            owner_holds = excluded.owner_holds)
    , ended AS (
        DELETE FROM open_listener o USING known k
        WHERE o.host_id = mine AND o.id = k.id AND k.closed_at IS NOT NULL)
    , put AS (
        INSERT INTO life
        SELECT mine, k.id, k.machine, k.protocol, k.family, k.address, k.port, k.netns, k.inode, k.fd,
            k.uid, k."user", k.process_id, k.program_id, k.hidden, k.opened_at, k.opened_seen,
            k.interface, k.interface_kind, k.v6only, k.cookie, k.unseen_at, k.holders_gone,
            k.exposure, k.owner_holds, k.closed_at, k.closed_seen,
            CASE WHEN k.closed_at - k.opened_at < 3600000000 THEN 0
                WHEN k.closed_at - k.opened_at < 86400000000 THEN 1 ELSE 2 END
        FROM known k WHERE k.closed_at >= kept
        ON CONFLICT (host_id, id, closed_at) DO UPDATE SET process_id = excluded.process_id,
            program_id = excluded.program_id, hidden = excluded.hidden, "user" = excluded."user",
            owner_holds = excluded.owner_holds)
    , let_go AS (
        DELETE FROM further_holder f USING known k
        WHERE f.host_id = mine AND f.listener_id = k.id
            AND f.process_id - base != ALL (array_remove(k.holders, k.process)))
    , took AS (
        INSERT INTO further_holder
        SELECT mine, k.id, base + h FROM known k, unnest(array_remove(k.holders, k.process)) h
        WHERE k.closed_at IS NULL OR k.closed_at >= kept
        ON CONFLICT (host_id, listener_id, process_id) DO NOTHING)
    , folded AS (
        DELETE FROM former f USING known k
        WHERE f.host_id = mine AND f.listener_id = k.id AND k.former != '[]'
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(k.former) j
                WHERE (j->>'until')::bigint = f.until))
    , handed_on AS (
        INSERT INTO former
        SELECT mine, k.id, j.until, base + j.process_id,
            (SELECT p.program_id FROM host_program p WHERE p.host_id = mine AND p.local = base + j.program_id),
            j.unit, j.container, j.cwd, j.folded
        FROM known k, jsonb_to_recordset(k.former) AS j(until bigint, process_id bigint,
            program_id bigint, unit text, container text, cwd text, folded bigint)
        WHERE k.former != '[]' AND (k.closed_at IS NULL OR k.closed_at >= kept)
        ON CONFLICT (host_id, listener_id, until) DO UPDATE SET folded = excluded.folded)
    SELECT count(*) INTO stored FROM known;

    -- An owner that was learnt names the opening, whose count moves from the unknown program to it. To
    -- begin an UPDATE of all partitions takes a millisecond: few batches have any.
    IF learnt IS NOT NULL THEN
        WITH now_known AS (
            SELECT o.id, o.opened_at, o.program_id FROM open_listener o
            WHERE o.host_id = mine AND o.id = ANY (learnt)
            UNION ALL
            SELECT l.id, l.opened_at, l.program_id FROM life l
            WHERE l.host_id = mine AND l.id = ANY (learnt))
        , named AS (
            UPDATE event e SET program_id = k.program_id, hidden = NULL
            FROM now_known k WHERE e.host_id = mine AND e.at = k.opened_at AND e.listener_id = k.id
                AND e.kind = 'opened' AND e.program_id IS NULL AND k.program_id IS NOT NULL
            RETURNING e.at, e.port, e.protocol, e.program_id)
        INSERT INTO activity AS a
        SELECT mine, r.resolution, n.at - n.at % (r.resolution * 1000000::bigint), n.port,
            n.protocol, m.program_id, sum(m.difference), 0
        FROM named n CROSS JOIN counted_buckets() r
            CROSS JOIN LATERAL (VALUES (n.program_id, 1), (0::bigint, -1)) AS m(program_id, difference)
        WHERE r.by_port GROUP BY 2, 3, 4, 5, 6
        ON CONFLICT (host_id, resolution, bucket, port, protocol, program_id)
            DO UPDATE SET opened = a.opened + excluded.opened;
    END IF;

    WITH gone AS (DELETE FROM inbox_event i WHERE i.login = caller RETURNING *)
    , new AS (
        INSERT INTO event
        SELECT mine, base + g.local, g.at, base + g.machine, g.kind, g.seen, base + g.listener,
            g.port, p.program_id, g.pid, g.protocol, g.hidden, g.exposure, g.address
        FROM gone g LEFT JOIN host_program p ON p.host_id = mine AND p.local = base + g.program
        WHERE g.at >= kept ORDER BY g.local
        RETURNING *)
    , counted AS MATERIALIZED (
        SELECT r.resolution, r.by_port, n.at - n.at % (r.resolution * 1000000::bigint) AS bucket,
            n.port, n.protocol, coalesce(n.program_id, 0) AS program_id,
            count(*) FILTER (WHERE n.kind = 'opened') AS opened,
            count(*) FILTER (WHERE n.kind = 'closed') AS closed
        FROM new n CROSS JOIN counted_buckets() r GROUP BY 1, 2, 3, 4, 5, 6)
    , by_port AS (
        INSERT INTO activity AS a
        SELECT mine, c.resolution, c.bucket, c.port, c.protocol, c.program_id, c.opened, c.closed
        FROM counted c WHERE c.by_port
        ON CONFLICT (host_id, resolution, bucket, port, protocol, program_id)
            DO UPDATE SET opened = a.opened + excluded.opened, closed = a.closed + excluded.closed)
    , in_all AS (
        INSERT INTO turnover AS t
        SELECT mine, c.resolution, c.bucket, sum(c.opened), sum(c.closed) FROM counted c GROUP BY 2, 3
        ON CONFLICT (host_id, resolution, bucket)
            DO UPDATE SET opened = t.opened + excluded.opened, closed = t.closed + excluded.closed)
    SELECT count(*) INTO stored FROM new;

    WITH gone AS (DELETE FROM inbox_rollup i WHERE i.login = caller RETURNING *)
    INSERT INTO rollup
    SELECT mine, base + g.listener, g.bucket, g.beats, g.cpu_sum, g.cpu_max, g.rss_max,
        g.clients_max, g.queue_max, g.backlog
    FROM gone g WHERE g.bucket >= kept
    ON CONFLICT (host_id, listener_id, bucket) DO NOTHING;

    INSERT INTO watch AS w
    SELECT mine, base + j.id, base + j.host_id, j.started_at, j.seen_at, j.stopped_at, j.source, j.limits,
        j."interval", j.sample_interval, j.pid, j.version, j.why, j.unwatched
    FROM jsonb_to_recordset(news->'watches') AS j(id bigint, host_id bigint, started_at bigint,
        seen_at bigint, stopped_at bigint, source text, limits text, "interval" bigint,
        sample_interval bigint, pid bigint, version text, why text, unwatched bigint)
    ON CONFLICT (host_id, id) DO UPDATE SET seen_at = excluded.seen_at,
        stopped_at = excluded.stopped_at, limits = excluded.limits, unwatched = excluded.unwatched;

    IF news->'ticks' != '[]' THEN
        DELETE FROM tick t WHERE t.host_id = mine AND t.is_newest;
        INSERT INTO tick
        SELECT mine, base + j.id, j.at, j.monotonic, base + j.watch_id, j.listeners, j.clients, j.scan_us,
            j.hidden, j.lost, j.gap, j.jump, j.left_out, j.left_out_us, j.cpu, j.rss, j.size,
            NOT j.is_kept
        FROM jsonb_to_recordset(news->'ticks') AS j(id bigint, at bigint, monotonic bigint,
            watch_id bigint, listeners bigint, clients bigint, scan_us bigint, hidden bigint,
            lost bigint, gap bigint, jump bigint, left_out bigint, left_out_us bigint, cpu bigint,
            rss bigint, size bigint, is_kept boolean)
        ON CONFLICT (host_id, id) DO UPDATE SET is_newest = excluded.is_newest;
    END IF;

    UPDATE stream x SET events = to_event, revisions = to_revision, ticks = to_tick,
        rollups = to_rollup, listeners = s.listeners, mark = coalesce(new_mark, x.mark)
    WHERE x.host_id = mine AND x.epoch = s.epoch;
    UPDATE host h SET received_at = now, skew = sent_at - now, shipped_day = now - now % 86400000000,
        shipped_rows = more + CASE WHEN h.shipped_day = now - now % 86400000000 THEN h.shipped_rows ELSE 0 END,
        version = coalesce(news->>'version', h.version),
        dropped = h.dropped + coalesce((news->>'dropped')::bigint, 0),
        behind = coalesce((news->>'behind')::bigint, 0)
    WHERE h.host_id = mine;
    RETURN stored;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA fleet FROM PUBLIC;
GRANT EXECUTE ON FUNCTION me(), hello(uuid),
    apply(uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb) TO porteye_agent;
GRANT SELECT ON ALL TABLES IN SCHEMA fleet TO porteye_reader;
REVOKE SELECT ON inbox_program, inbox_process, inbox_listener, inbox_event, inbox_rollup
    FROM porteye_reader;
