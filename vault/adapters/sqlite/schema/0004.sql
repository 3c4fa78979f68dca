-- Answers by number that wait for a card: sealed, for days. Distributed by (tenant, update_id).
CREATE TABLE parked_updates (
    tenant TEXT NOT NULL,
    update_id TEXT NOT NULL,
    mac BLOB NOT NULL,
    channel TEXT NOT NULL,
    file TEXT NOT NULL,
    day INTEGER NOT NULL,
    time INTEGER NOT NULL,
    look_time INTEGER NOT NULL,
    purge_time INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX parked_updates_by_id ON parked_updates (tenant, update_id);
CREATE INDEX parked_updates_by_number ON parked_updates (tenant, mac, look_time);
CREATE INDEX parked_updates_by_day ON parked_updates (tenant, channel, day);
-- File first: a planner without statistics else takes it for a search by tenant and update id.
CREATE INDEX parked_updates_by_file ON parked_updates (file, channel, tenant, update_id);
-- For the sweeper: what is to be decided again, and what has waited long enough.
CREATE INDEX parked_updates_due ON parked_updates (look_time) WHERE look_time > 0;
CREATE INDEX parked_updates_by_purge_time ON parked_updates (purge_time);
