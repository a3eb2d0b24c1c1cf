-- The monitor's own use, in each sampling tick. The indexes find the rare ticks with a gap, with a
-- step of the clock or with lost records, which readers search over years.
ALTER TABLE tick ADD COLUMN cpu INTEGER;
ALTER TABLE tick ADD COLUMN rss INTEGER;
ALTER TABLE tick ADD COLUMN size INTEGER;
CREATE INDEX tick_interrupted ON tick (at) WHERE gap > 0 OR jump != 0;
CREATE INDEX tick_lost ON tick (watch_id, lost, at) WHERE lost > 0;
