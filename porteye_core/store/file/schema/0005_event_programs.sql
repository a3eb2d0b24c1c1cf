-- Since this step the writer sets an event's program as soon as it knows the owner. The statement
-- sets it for the events stored before, so that one index has all events of a program.
UPDATE event SET program_id = (SELECT program_id FROM listener WHERE id = listener_id)
WHERE program_id IS NULL
    AND (SELECT program_id FROM listener WHERE id = listener_id) IS NOT NULL;
