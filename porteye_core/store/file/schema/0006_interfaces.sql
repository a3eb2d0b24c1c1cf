-- The interface that a socket is bound to, and IPV6_V6ONLY. NULL: stored before this step, or not
-- given by the source.
ALTER TABLE listener ADD COLUMN interface TEXT;
ALTER TABLE listener ADD COLUMN interface_kind TEXT
    CHECK (interface_kind IN ('machine', 'containers', 'vrf', 'network', 'gone'));
ALTER TABLE listener ADD COLUMN v6only INTEGER CHECK (v6only IN (0, 1));
