-- container: a container by its runtime and the runtime's id of it, with the names that files or the
-- runtime tell; each text is empty until it is known. published: host ends of its ports, as
-- 0.0.0.0:8080->80/tcp; addresses: its own in its networks. Processes of earlier steps refer to none.
CREATE TABLE container (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL REFERENCES host,
    runtime TEXT NOT NULL,
    runtime_id TEXT NOT NULL,
    container_name TEXT NOT NULL,
    image TEXT NOT NULL,
    compose_project TEXT NOT NULL,
    compose_service TEXT NOT NULL,
    pod TEXT NOT NULL,
    pod_namespace TEXT NOT NULL,
    published TEXT NOT NULL,
    addresses TEXT NOT NULL,
    UNIQUE (host_id, runtime, runtime_id)
) STRICT;
ALTER TABLE process ADD COLUMN container_id INTEGER REFERENCES container;
CREATE INDEX process_container ON process (container_id) WHERE container_id IS NOT NULL;
