-- Indexes for questions over many hosts.
CREATE INDEX open_listener_of_port ON open_listener (port, host_id) INCLUDE (protocol, opened_at);
CREATE INDEX open_listener_of_program ON open_listener (program_id);
-- What other machines reach is counted for each host from this index alone.
CREATE INDEX open_listener_exposed ON open_listener (host_id)
WHERE exposure IN ('one link', 'one network', 'IPv6 only', 'every interface');
CREATE INDEX event_newest ON event (at);
CREATE INDEX event_of_port ON event (port, at) INCLUDE (kind);
CREATE INDEX event_of_program ON event (program_id, at);
-- A moment before reads the keys of what was open then from this index alone.
CREATE INDEX life_everywhere ON life (span, closed_at, opened_at) INCLUDE (port, protocol, host_id, id);

-- A text is sought in programs, not in events. Texts with other letters than ASCII's are few, and
-- folded when they are read: their folding is no function of the text alone.
DO $$ BEGIN
    EXECUTE format($sql$CREATE INDEX program_words ON program USING gin
        (lower((name || E'\n' || title || E'\n' || cmdline) COLLATE "C") %s.gin_trgm_ops)$sql$,
        (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trgm'));
END $$;
-- Units and containers are sought in processes. Most batches have few new ones.
DO $$ BEGIN
    EXECUTE format($sql$CREATE INDEX process_home ON process USING gin
        (lower((unit || E'\n' || container) COLLATE "C") %s.gin_trgm_ops)$sql$,
        (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trgm'));
END $$;
CREATE INDEX program_of_other_letters ON program (id)
WHERE octet_length(name || title || cmdline) != length(name || title || cmdline);

GRANT EXECUTE ON FUNCTION now_us() TO porteye_reader;
