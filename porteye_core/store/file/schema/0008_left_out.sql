-- left_out_us: the longest time without a scan of the namespaces that a tick left out; NULL before
-- this step.
ALTER TABLE tick ADD COLUMN left_out_us INTEGER;
