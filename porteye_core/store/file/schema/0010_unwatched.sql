-- watch.unwatched: microseconds in which nobody watched, from the first watch of the database to the
-- latest tick of this one. Retention drops watches and ticks, and the sum goes on.
ALTER TABLE watch ADD COLUMN unwatched INTEGER NOT NULL DEFAULT 0;
UPDATE watch SET unwatched = found.unwatched FROM (
    SELECT id, sum(between_watches + within) OVER (ORDER BY id) AS unwatched FROM (
        SELECT w.id, coalesce(g.gap, 0) AS within, max(0, coalesce(w.started_at -
            lag(coalesce(w.stopped_at, w.seen_at)) OVER (ORDER BY w.id), 0)) AS between_watches
        FROM watch w LEFT JOIN (SELECT watch_id, sum(gap) AS gap FROM tick
            WHERE (gap > 0 OR jump != 0) GROUP BY watch_id) AS g ON g.watch_id = w.id)
) AS found WHERE found.id = watch.id;
