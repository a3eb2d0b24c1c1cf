-- The tables of a host's own database as views on one host, which the setting porteye.host names,
-- and the functions that store/engine.py asks an adapter for. The page of a host reads these.

CREATE VIEW one_host.host AS
SELECT id, name, machine_id, platform, memory, netns, boot_id, booted_at
FROM fleet.machine WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.program AS
SELECT id, digest, name, exe, "user", cmdline, title FROM fleet.program
WHERE id IN (SELECT program_id FROM fleet.host_program
    WHERE host_id = current_setting('porteye.host')::integer);

CREATE VIEW one_host.container AS
SELECT id, machine AS host_id, runtime, runtime_id, container_name, image, compose_project,
    compose_service, pod, pod_namespace, published, addresses
FROM fleet.container WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.process AS
SELECT id, machine AS host_id, pid, started_at, program_id, ppid, parents, unit, container, cwd,
    container_id
FROM fleet.process WHERE host_id = current_setting('porteye.host')::integer;

-- PostgreSQL seeks a row of a union in the indexes of its parts only if these have no WHERE of their
-- own, and the same types and collations.
CREATE VIEW one_host.listener AS
SELECT id, machine AS host_id, protocol, family, address, port, netns, inode, fd, uid, "user",
    process_id, program_id, hidden, opened_at, closed_at, opened_seen, closed_seen, span, interface,
    interface_kind, v6only, cookie, unseen_at, holders_gone
FROM (
    SELECT host_id, id, machine, protocol::text AS protocol,
        family::text AS family, address, port, netns, inode, fd, uid, "user",
        process_id, program_id, hidden::text AS hidden, opened_at,
        NULL::bigint AS closed_at, opened_seen::text AS opened_seen,
        NULL::text COLLATE "C" AS closed_seen, 2::smallint AS span, interface,
        interface_kind::text AS interface_kind, v6only, cookie, unseen_at, holders_gone
    FROM fleet.open_listener
    UNION ALL
    SELECT host_id, id, machine, protocol::text,
        family::text, address, port, netns, inode, fd, uid, "user",
        process_id, program_id, hidden::text, opened_at,
        closed_at, opened_seen::text,
        closed_seen::text, span, interface,
        interface_kind::text, v6only, cookie, unseen_at, holders_gone
    FROM fleet.life
) AS listeners (of_host, id, machine)
WHERE of_host = current_setting('porteye.host')::integer;

CREATE VIEW one_host.holder AS
SELECT listener_id, process_id
FROM (
    SELECT host_id, owner_holds, id, process_id FROM fleet.open_listener
    UNION ALL
    SELECT host_id, owner_holds, id, process_id FROM fleet.life
    UNION ALL
    SELECT host_id, TRUE, listener_id, process_id FROM fleet.further_holder
) AS holders (of_host, holds, listener_id, process_id)
WHERE of_host = current_setting('porteye.host')::integer AND holds;

CREATE VIEW one_host.former AS
SELECT listener_id, until, process_id, program_id, unit, container, cwd, folded
FROM fleet.former WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.event AS
SELECT id, machine AS host_id, at, kind::text AS kind, seen::text AS seen,
    listener_id, port, program_id
FROM fleet.event WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.watch AS
SELECT id, machine AS host_id, started_at, seen_at, stopped_at, source, limits, "interval",
    sample_interval, pid, version, why, unwatched
FROM fleet.watch WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.tick AS
SELECT id, at, monotonic, watch_id, listeners, clients, scan_us, hidden, lost, gap, jump, left_out,
    left_out_us, cpu, rss, size
FROM fleet.tick WHERE host_id = current_setting('porteye.host')::integer;

-- Samples stay at the host.
CREATE VIEW one_host.sample AS
SELECT NULL::bigint AS tick_id, NULL::bigint AS listener_id, NULL::bigint AS cpu,
    NULL::bigint AS rss, NULL::bigint AS clients, NULL::bigint AS queue, NULL::bigint AS backlog
WHERE FALSE;

CREATE VIEW one_host.rollup AS
SELECT 3600 AS resolution, bucket, listener_id, beats, cpu_sum, cpu_max, rss_max, clients_max,
    queue_max, backlog
FROM fleet.rollup WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.turnover AS
SELECT resolution, bucket, opened, closed
FROM fleet.turnover WHERE host_id = current_setting('porteye.host')::integer;

CREATE VIEW one_host.activity AS
SELECT resolution, bucket, port, protocol::text AS protocol, program_id, opened, closed
FROM fleet.activity WHERE host_id = current_setting('porteye.host')::integer;

-- Packs stay at the host, too: activity has what they have.
CREATE VIEW one_host.pack AS
SELECT NULL::integer AS resolution, NULL::bigint AS bucket, NULL::text AS protocol,
    NULL::bytea AS ports, NULL::bytea AS programs, NULL::bytea AS opened, NULL::bytea AS closed
WHERE FALSE;

CREATE VIEW one_host.dropped AS
SELECT 'events'::text AS kind, kept_from AS before, 'fleet'::text AS reason
FROM fleet.setting
WHERE EXISTS (SELECT FROM fleet.watch w
    WHERE w.host_id = current_setting('porteye.host')::integer AND w.started_at < kept_from);

CREATE VIEW one_host.sqlite_sequence AS
SELECT 'event'::text AS name, coalesce(max((epoch::bigint << 40) | events), 0) AS seq
FROM fleet.stream WHERE host_id = current_setting('porteye.host')::integer;

CREATE FUNCTION one_host.json_each(text) RETURNS TABLE (value bigint) IMMUTABLE LANGUAGE sql
ROWS 100 AS $$ SELECT json_array_elements_text($1::json)::bigint $$;

CREATE FUNCTION one_host.database_identity() RETURNS text STABLE LANGUAGE sql
SET search_path = fleet, pg_temp AS
$$ SELECT format('%s %s %s', (SELECT system_identifier FROM pg_control_system()),
    current_database(), current_setting('porteye.host')) $$;

-- The planner of each statement looks at every partition for these; a function of plpgsql keeps its
-- plan for as long as its connection is kept.
CREATE FUNCTION one_host.event_min_id() RETURNS bigint STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT min(id) FROM fleet.event
    WHERE host_id = current_setting('porteye.host')::integer); END $$;
CREATE FUNCTION one_host.event_min_at() RETURNS bigint STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT min(at) FROM fleet.event
    WHERE host_id = current_setting('porteye.host')::integer); END $$;
CREATE FUNCTION one_host.event_max_id() RETURNS bigint STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT max(id) FROM fleet.event
    WHERE host_id = current_setting('porteye.host')::integer); END $$;
CREATE FUNCTION one_host.event_max_at() RETURNS bigint STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT max(at) FROM fleet.event
    WHERE host_id = current_setting('porteye.host')::integer); END $$;

-- Letter by letter, as Python's str.casefold; most texts have ASCII letters alone.
CREATE FUNCTION one_host.casefold(text) RETURNS text STABLE STRICT LANGUAGE sql AS $$
SELECT CASE WHEN octet_length($1) = length($1) THEN lower($1 COLLATE "C") ELSE (
    SELECT string_agg(coalesce(f.folded, c.letter), '' ORDER BY c.place)
    FROM regexp_split_to_table(lower($1 COLLATE "C"), '') WITH ORDINALITY AS c(letter, place)
    LEFT JOIN fleet.fold f ON f.letter = c.letter COLLATE "C") END
$$;

-- porteye_core.exposure.exposure, for one row.
CREATE FUNCTION one_host.exposure(address text, interface text, interface_kind text, v6only bigint,
    namespace text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE at inet;
BEGIN
    IF namespace = 'other' THEN RETURN 'inside a container'; END IF;
    BEGIN
        at := split_part(address, '%', 1)::inet;
    EXCEPTION WHEN invalid_text_representation THEN
        RETURN 'not known';
    END;
    IF at <<= '::ffff:0:0/96' THEN at := '0.0.0.0'::inet + (at - '::ffff:0:0'::inet); END IF;
    IF at <<= '127.0.0.0/8' OR at = '::1' OR at <<= 'ff01::/16' OR interface_kind = 'machine' THEN
        RETURN 'this machine only';
    END IF;
    IF namespace = 'unknown' OR interface_kind = 'gone' THEN RETURN 'not known'; END IF;
    IF interface_kind = 'containers' THEN RETURN 'local containers'; END IF;
    IF at <<= '169.254.0.0/16' OR at <<= '224.0.0.0/24' OR at = '255.255.255.255'
        OR at <<= 'fe80::/10' OR at <<= 'ff02::/16' THEN
        RETURN 'one link';
    END IF;
    IF interface != '' OR at NOT IN ('0.0.0.0', '::') THEN RETURN 'one network'; END IF;
    RETURN CASE WHEN v6only = 1 THEN 'IPv6 only' ELSE 'every interface' END;
END $$;

GRANT USAGE ON SCHEMA fleet, one_host TO porteye_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA fleet, one_host TO porteye_reader;
