-- The tables of many hosts. Times are microseconds since the epoch, UTC. Docs: docs/fleet.md.
-- The primary key of each table with rows of a host begins with host_id, so that Citus can
-- distribute it; host, program, fold and setting would be its reference tables. An id is
-- epoch << 40 | id in the host's database: another database of the host is another epoch.
-- Texts, as short as an enumeration's value: the planner knows how many listeners are of UDP.
CREATE DOMAIN kind AS text COLLATE "C" CHECK (VALUE IN ('opened', 'closed'));
CREATE DOMAIN seen AS text COLLATE "C" CHECK (VALUE IN ('kernel', 'poll', 'gap'));
CREATE DOMAIN protocol AS text COLLATE "C" CHECK (VALUE IN ('tcp', 'udp'));
CREATE DOMAIN family AS text COLLATE "C" CHECK (VALUE IN ('ipv4', 'ipv6'));
CREATE DOMAIN hidden AS text COLLATE "C" CHECK (VALUE IN ('privilege', 'gone', 'kernel'));
CREATE DOMAIN interface_kind AS text COLLATE "C" CHECK (VALUE IN ('machine', 'containers', 'vrf', 'network', 'gone'));
CREATE TYPE exposure AS ENUM ('this machine only', 'local containers', 'one link', 'one network',
    'IPv6 only', 'every interface', 'inside a container', 'not known');

-- keep: microseconds; kept_from: what is older has been dropped, and is not taken any more. rows_a_day:
-- what a host may ship in a day of UTC.
CREATE TABLE setting (
    one boolean PRIMARY KEY DEFAULT TRUE CHECK (one),
    keep bigint NOT NULL DEFAULT 90 * 86400000000 CHECK (keep > 0),
    kept_from bigint NOT NULL DEFAULT 0,
    tidied_at bigint NOT NULL DEFAULT 0,
    rows_a_day bigint NOT NULL DEFAULT 5000000 CHECK (rows_a_day > 0)
);
INSERT INTO setting DEFAULT VALUES;

-- received_at, skew, behind: of the newest batch, the host's clock less the server's, and the events
-- that follow it. dropped: events that the host dropped before they were shipped. shipped_rows: what it
-- has shipped in the day that begins at shipped_day.
CREATE TABLE host (
    host_id serial PRIMARY KEY, -- no identity column: Citus distributes none of integers
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
    role name NOT NULL UNIQUE,
    enrolled_at bigint NOT NULL,
    retired_at bigint,
    received_at bigint,
    skew bigint,
    version text COLLATE "C" NOT NULL DEFAULT '',
    dropped bigint NOT NULL DEFAULT 0,
    behind bigint NOT NULL DEFAULT 0,
    shipped_day bigint NOT NULL DEFAULT 0,
    shipped_rows bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX host_name ON host (name) WHERE retired_at IS NULL;

-- One database of a host. events, revisions, ticks, rollups: everything up to these is stored here.
-- mark: digest of the event of id `events`; a database with another one is another history.
-- listeners: the highest id of a listener that was shipped.
CREATE TABLE stream (
    host_id integer NOT NULL REFERENCES host,
    epoch smallint NOT NULL CHECK (epoch >= 0),
    origin uuid NOT NULL,
    events bigint NOT NULL DEFAULT 0,
    revisions bigint NOT NULL DEFAULT 0,
    ticks bigint NOT NULL DEFAULT 0,
    rollups bigint NOT NULL DEFAULT 0,
    listeners bigint NOT NULL DEFAULT 0,
    mark bytea,
    PRIMARY KEY (host_id, epoch),
    UNIQUE (host_id, origin)
) WITH (fillfactor = 50);

-- The rows of `host` in a host's database: a database that was moved has several.
CREATE TABLE machine (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    machine_id text COLLATE "C" NOT NULL,
    platform text COLLATE "C" NOT NULL,
    memory bigint NOT NULL,
    netns bigint,
    boot_id text COLLATE "C" NOT NULL,
    booted_at bigint NOT NULL,
    PRIMARY KEY (host_id, id)
);
-- A program is stored once for all hosts. The server makes the digest of the five texts.
CREATE TABLE program (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    exe text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    cmdline text COLLATE "C" NOT NULL,
    title text COLLATE "C" NOT NULL
);
-- The row of `program` that the id of a program in a host's database means.
CREATE TABLE host_program (
    host_id integer NOT NULL REFERENCES host,
    local bigint NOT NULL,
    program_id bigint NOT NULL REFERENCES program,
    PRIMARY KEY (host_id, local)
);
CREATE INDEX host_program_of ON host_program (host_id, program_id);
CREATE TABLE container (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    machine bigint NOT NULL,
    runtime text COLLATE "C" NOT NULL,
    runtime_id text COLLATE "C" NOT NULL,
    container_name text COLLATE "C" NOT NULL,
    image text COLLATE "C" NOT NULL,
    compose_project text COLLATE "C" NOT NULL,
    compose_service text COLLATE "C" NOT NULL,
    pod text COLLATE "C" NOT NULL,
    pod_namespace text COLLATE "C" NOT NULL,
    published text COLLATE "C" NOT NULL,
    addresses text COLLATE "C" NOT NULL,
    PRIMARY KEY (host_id, id)
);
CREATE TABLE process (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    machine bigint NOT NULL,
    pid integer NOT NULL,
    started_at bigint NOT NULL,
    program_id bigint NOT NULL REFERENCES program,
    ppid integer,
    parents text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    container text COLLATE "C" NOT NULL,
    cwd text COLLATE "C" NOT NULL,
    container_id bigint,
    PRIMARY KEY (host_id, id)
);
CREATE INDEX process_pid ON process (host_id, pid);

-- What is open is small and changes. owner_holds: its process is one of its holders.
CREATE TABLE open_listener (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    machine bigint NOT NULL,
    protocol protocol NOT NULL,
    family family NOT NULL,
    address text COLLATE "C" NOT NULL,
    port integer NOT NULL CHECK (port BETWEEN 0 AND 65535),
    netns bigint,
    inode bigint,
    fd bigint,
    uid bigint,
    "user" text COLLATE "C" NOT NULL,
    process_id bigint,
    program_id bigint,
    hidden hidden,
    opened_at bigint NOT NULL,
    opened_seen seen NOT NULL,
    interface text COLLATE "C",
    interface_kind interface_kind,
    v6only bigint,
    cookie bigint,
    unseen_at bigint,
    holders_gone bigint NOT NULL,
    exposure exposure NOT NULL,
    owner_holds boolean NOT NULL,
    PRIMARY KEY (host_id, id)
) WITH (fillfactor = 70);
CREATE INDEX open_listener_port ON open_listener (host_id, port);
-- What has closed does not change, and goes with its partition. span: the class of its length, as
-- in the host's database.
CREATE TABLE life (
    LIKE open_listener,
    closed_at bigint NOT NULL,
    closed_seen seen NOT NULL,
    span smallint NOT NULL,
    PRIMARY KEY (host_id, id, closed_at),
    CONSTRAINT life_port CHECK (port BETWEEN 0 AND 65535),
    CONSTRAINT life_closed CHECK (closed_at IS NOT NULL AND closed_at >= opened_at)
) PARTITION BY RANGE (closed_at);
CREATE INDEX life_span ON life (host_id, span, closed_at, opened_at);

-- The holders of a listener beside its owner, and its owners before: few have any.
CREATE TABLE further_holder (
    host_id integer NOT NULL REFERENCES host,
    listener_id bigint NOT NULL,
    process_id bigint NOT NULL,
    PRIMARY KEY (host_id, listener_id, process_id)
);
CREATE TABLE former (
    host_id integer NOT NULL REFERENCES host,
    listener_id bigint NOT NULL,
    until bigint NOT NULL,
    process_id bigint,
    program_id bigint,
    unit text COLLATE "C" NOT NULL,
    container text COLLATE "C" NOT NULL,
    cwd text COLLATE "C" NOT NULL,
    folded bigint NOT NULL,
    PRIMARY KEY (host_id, listener_id, until)
);

-- An event tells what a row of a table shows, so that nothing is sought in the partitions of lives.
CREATE TABLE event (
    host_id integer NOT NULL,
    id bigint NOT NULL,
    at bigint NOT NULL,
    machine bigint NOT NULL,
    kind kind NOT NULL,
    seen seen NOT NULL,
    listener_id bigint NOT NULL,
    port integer NOT NULL CHECK (port BETWEEN 0 AND 65535),
    program_id bigint,
    pid integer,
    protocol protocol NOT NULL,
    hidden hidden,
    exposure exposure NOT NULL,
    address text COLLATE "C" NOT NULL,
    PRIMARY KEY (host_id, id, at)
) PARTITION BY RANGE (at);
CREATE INDEX event_at ON event (host_id, at);
CREATE INDEX event_port ON event (host_id, port, id);
CREATE INDEX event_program ON event (host_id, program_id, id);

CREATE TABLE watch (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    machine bigint NOT NULL,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    stopped_at bigint,
    source text COLLATE "C" NOT NULL,
    limits text COLLATE "C" NOT NULL,
    "interval" bigint NOT NULL,
    sample_interval bigint NOT NULL,
    pid bigint NOT NULL,
    version text COLLATE "C" NOT NULL,
    why text COLLATE "C" NOT NULL,
    unwatched bigint NOT NULL,
    PRIMARY KEY (host_id, id)
) WITH (fillfactor = 50);
-- The ticks with a gap, a step of the clock or a new loss, and the newest one of each host.
CREATE TABLE tick (
    host_id integer NOT NULL REFERENCES host,
    id bigint NOT NULL,
    at bigint NOT NULL,
    monotonic bigint NOT NULL,
    watch_id bigint NOT NULL,
    listeners bigint NOT NULL,
    clients bigint NOT NULL,
    scan_us bigint NOT NULL,
    hidden bigint NOT NULL,
    lost bigint NOT NULL,
    gap bigint NOT NULL,
    jump bigint NOT NULL,
    left_out bigint NOT NULL,
    left_out_us bigint,
    cpu bigint,
    rss bigint,
    size bigint,
    is_newest boolean NOT NULL,
    PRIMARY KEY (host_id, id)
) WITH (fillfactor = 50);
CREATE INDEX tick_at ON tick (host_id, at);
CREATE INDEX tick_newest ON tick (host_id) WHERE is_newest;
-- What listeners used, by hours.
CREATE TABLE rollup (
    host_id integer NOT NULL,
    listener_id bigint NOT NULL,
    bucket bigint NOT NULL,
    beats bigint NOT NULL,
    cpu_sum bigint,
    cpu_max bigint,
    rss_max bigint,
    clients_max bigint,
    queue_max bigint,
    backlog bigint,
    PRIMARY KEY (host_id, listener_id, bucket)
) PARTITION BY RANGE (bucket);
CREATE TABLE turnover (
    host_id integer NOT NULL,
    resolution integer NOT NULL,
    bucket bigint NOT NULL,
    opened bigint NOT NULL,
    closed bigint NOT NULL,
    PRIMARY KEY (host_id, resolution, bucket)
) PARTITION BY RANGE (bucket);
CREATE TABLE activity (
    host_id integer NOT NULL,
    resolution integer NOT NULL,
    bucket bigint NOT NULL,
    port integer NOT NULL,
    protocol protocol NOT NULL,
    program_id bigint NOT NULL,
    opened integer NOT NULL,
    closed integer NOT NULL,
    PRIMARY KEY (host_id, resolution, bucket, port, protocol, program_id)
) PARTITION BY RANGE (bucket);

-- The letters that Unicode's case folding changes, as Python knows it.
CREATE TABLE fold (letter text COLLATE "C" PRIMARY KEY, folded text COLLATE "C" NOT NULL);

CREATE FUNCTION now_us() RETURNS bigint STABLE LANGUAGE sql SET search_path = fleet, pg_temp AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- A partition for each week in since..until that has none. Rows of a clock that is years off are in
-- the default partition, and may be in the way of a later one: then that week stays there.
CREATE FUNCTION make_partitions(since bigint, until bigint) RETURNS integer LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE week bigint := 7 * 86400000000; start bigint := since - since % week; made integer := 0;
    parent text; child text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('porteye fleet partitions'));
    WHILE start <= until LOOP
        FOREACH parent IN ARRAY ARRAY['event', 'life', 'rollup', 'turnover', 'activity'] LOOP
            child := parent || '_' || to_char(to_timestamp(start / 1000000) AT TIME ZONE 'UTC', 'YYYYMMDD');
            IF to_regclass('fleet.' || child) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
                        child, parent, start, start + week);
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN
                    RAISE WARNING 'week % of % stays in its default partition', child, parent;
                END;
            END IF;
        END LOOP;
        start := start + week;
    END LOOP;
    RETURN made;
END $$;
CREATE TABLE event_other PARTITION OF event DEFAULT;
CREATE TABLE life_other PARTITION OF life DEFAULT;
CREATE TABLE rollup_other PARTITION OF rollup DEFAULT;
CREATE TABLE turnover_other PARTITION OF turnover DEFAULT;
CREATE TABLE activity_other PARTITION OF activity DEFAULT;

-- Make partitions ahead and drop those that are older than is kept; return the time from which all is
-- kept.
CREATE FUNCTION tidy() RETURNS bigint LANGUAGE plpgsql
SET search_path = fleet, pg_temp AS $$
DECLARE now bigint := now_us(); week bigint := 7 * 86400000000; s setting; until bigint; child text;
BEGIN
    SELECT * INTO s FROM setting;
    PERFORM make_partitions(now, now + 4 * week);
    until := greatest(s.kept_from, (now - s.keep) - (now - s.keep) % week);
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = ANY (ARRAY['event', 'life', 'rollup', 'turnover', 'activity']::regclass[])
            AND c.relname ~ '_\d{8}$'
            AND extract(epoch FROM to_date(right(c.relname, 8), 'YYYYMMDD')) * 1000000 + week <= until
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', child);
    END LOOP;
    UPDATE setting SET kept_from = until, tidied_at = now;
    RETURN until;
END $$;
