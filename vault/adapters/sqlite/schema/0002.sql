-- When an event was decided, for how long the oldest one waits. What waited before says nothing.
ALTER TABLE outbox ADD COLUMN time INTEGER NOT NULL DEFAULT 0;
