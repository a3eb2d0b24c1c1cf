-- Numbers that look random, and are the same in every run: a hash of the row and of what it is for.
SET search_path = fleet, public;
CREATE FUNCTION pg_temp.part(number bigint, of text) RETURNS float8 IMMUTABLE LANGUAGE sql AS
$$ SELECT (hashtextextended($2, $1) & 1073741823) / 1073741824.0 $$;
CREATE FUNCTION pg_temp.address(host bigint, exposure text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE $2 WHEN 'every interface' THEN '0.0.0.0' WHEN 'this machine only' THEN '127.0.0.1'
    ELSE format('10.0.%s.%s', $1 / 256, $1 % 256) END $$;

-- An index is made in less time than it grows, row by row.
CREATE TEMP TABLE index_to_make AS
SELECT i.indexrelid::regclass::text AS name,
    replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS command
FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid
WHERE i.indrelid IN ('event'::regclass, 'life'::regclass) AND k.oid IS NULL;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT i.name FROM index_to_make i LOOP EXECUTE 'DROP INDEX ' || name; END LOOP;
END $$;

INSERT INTO host (name, role, enrolled_at, received_at, skew)
SELECT format('host-%s', lpad(n::text, 5, '0')), format('seeded_%s', n), now_us() - 90 * 86400000000,
    now_us(), 0
FROM generate_series(1, {hosts}) n;
INSERT INTO watch
SELECT h, 1, 1, now_us() - 90 * 86400000000, now_us(), NULL, 'tracepoint', '[]', 2000000, 10000000, 1,
    '', '', 0
FROM generate_series(1, {hosts}) h;
INSERT INTO program (digest, name, exe, "user", cmdline, title)
SELECT program_digest(p), p.name, p.exe, p."user", p.cmdline, p.title
FROM generate_series(1, {programs}) n CROSS JOIN LATERAL (SELECT (jsonb_populate_record(NULL::inbox_program,
    jsonb_build_object('name', format('service%s', n % 300), 'exe', '/usr/bin/service',
        'user', (ARRAY['root', 'www', 'postgres', 'app', format('user%s', n % 50)])[1 + n % 5],
        'cmdline', format('/usr/bin/service%s --instance %s --config /etc/%s.conf', n % 300, n, md5(n::text)),
        'title', format('service%s', n % 300)))).*) p;
INSERT INTO process (host_id, id, machine, pid, started_at, program_id, parents, unit, container, cwd)
SELECT h, p, 1, p + 1000, 0, 1 + (p * p + h * 37) % {programs}, '[]', format('service%s.service', p), '', '/'
FROM generate_series(1, {hosts}) h CROSS JOIN generate_series(1, 100) p;

CREATE TEMP TABLE lived AS
SELECT n AS id, 1 + floor(pg_temp.part(n, 'host') * {hosts})::integer AS host_id,
    CASE WHEN part < 0.5 THEN 20 + floor(part * 40)::integer * 100
        WHEN part < 0.7 THEN 1024 + floor((part - 0.5) * 50000)::integer
        ELSE 32768 + floor(pg_temp.part(n, 'ephemeral') * 28000)::integer END AS port,
    CASE WHEN pg_temp.part(n, 'udp') < 0.1 THEN 'udp' ELSE 'tcp' END AS protocol,
    0::bigint AS program_id, 1 + floor(pg_temp.part(n, 'process') ^ 3 * 100)::bigint AS process_id,
    now_us() - floor(pg_temp.part(n, 'at') * {days} * 86400000000)::bigint AS opened_at,
    floor(CASE WHEN length < 0.8 THEN length * 3600 WHEN length < 0.95 THEN length * 80000
        ELSE length * 500000 END * 1000000)::bigint AS lasted,
    CASE WHEN reach < 0.4 THEN 'every interface' WHEN reach < 0.5 THEN 'one network'
        ELSE 'this machine only' END AS exposure
FROM generate_series(1, {lives}) n,
    LATERAL (SELECT pg_temp.part(n, 'port') AS part, pg_temp.part(n, 'length') AS length,
        pg_temp.part(n, 'reach') AS reach) x;
UPDATE lived SET program_id = 1 + (process_id * process_id + host_id * 37) % {programs};
DELETE FROM lived WHERE port = {rare};
UPDATE lived SET port = {rare} WHERE id = 1;
INSERT INTO life (host_id, id, machine, protocol, family, address, port, "user", process_id, program_id,
    opened_at, opened_seen, holders_gone, exposure, owner_holds, closed_at, closed_seen, span)
SELECT host_id, id, 1, protocol, 'ipv4', pg_temp.address(host_id, exposure),
    port, '', process_id, program_id, opened_at, 'kernel', 0, exposure::exposure, TRUE, opened_at + lasted,
    'kernel', CASE WHEN lasted < 3600000000 THEN 0 WHEN lasted < 86400000000 THEN 1 ELSE 2 END
FROM lived WHERE opened_at + lasted < now_us();
INSERT INTO open_listener (host_id, id, machine, protocol, family, address, port, "user", process_id,
    program_id, opened_at, opened_seen, holders_gone, exposure, owner_holds)
SELECT h, 1000000000 + n, 1, CASE n % 10 WHEN 0 THEN 'udp' ELSE 'tcp' END, 'ipv4',
    CASE WHEN n % 3 = 0 THEN '0.0.0.0' ELSE '127.0.0.1' END, CASE WHEN n < 50 THEN 20 + n * 100
        ELSE 1024 + (h * 7919 + n * 104729) % 60000 END, '', 1 + n % 100, 1 + ((1 + n % 100) * (1 + n % 100) + h * 37) % {programs},
    now_us() - floor(pg_temp.part(h * 1000 + n, 'open') * {days} * 86400000000)::bigint, 'kernel', 0,
    CASE WHEN n % 3 = 0 THEN 'every interface' ELSE 'this machine only' END::exposure, TRUE
FROM generate_series(1, {hosts}) h CROSS JOIN generate_series(1, {open}) n;
INSERT INTO event
SELECT l.host_id, 2 * l.id + k.n, l.opened_at + k.n * l.lasted, 1, k.kind, 'kernel', l.id, l.port,
    l.program_id, l.process_id + 1000, l.protocol, NULL, l.exposure::exposure,
    pg_temp.address(l.host_id, l.exposure)
FROM lived l CROSS JOIN (VALUES (0, 'opened'), (1, 'closed')) k(n, kind)
WHERE l.opened_at + l.lasted < now_us() ORDER BY l.host_id, 2;
DO $$ DECLARE command text; BEGIN
    FOR command IN SELECT i.command FROM index_to_make i LOOP EXECUTE command; END LOOP;
END $$;

INSERT INTO fleet_turnover
SELECT at - at % 3600000000, 16, count(*) FILTER (WHERE kind = 'opened'),
    count(*) FILTER (WHERE kind = 'closed') FROM event GROUP BY 1;
INSERT INTO fleet_port_turnover
SELECT at - at % 86400000000, least(port, 32768), protocol, 16,
    count(*) FILTER (WHERE kind = 'opened'), count(*) FILTER (WHERE kind = 'closed')
FROM event GROUP BY 1, 2, 3;
INSERT INTO fleet_first
SELECT DISTINCT ON (port, protocol) port, protocol, opened_at, host_id FROM (
    SELECT port, protocol, opened_at, host_id FROM open_listener
    UNION ALL SELECT port, protocol, opened_at, host_id FROM life) l
ORDER BY port, protocol, opened_at, host_id;
SELECT list_busiest(ARRAY(SELECT DISTINCT bucket FROM fleet_port_turnover));
INSERT INTO host_address
SELECT host_id, address, max(at - at % 86400000000) FROM event GROUP BY 1, 2;
INSERT INTO fleet_service
SELECT l.port, l.protocol, g.title, l.exposure, count(DISTINCT l.host_id), count(*), min(l.opened_at)
FROM open_listener l JOIN program g ON g.id = l.program_id GROUP BY 1, 2, 3, 4;
UPDATE host SET listeners = {open};
DROP TABLE lived, index_to_make;
