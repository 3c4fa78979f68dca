-- Expand: answers by number that wait for a card: sealed, for days. An older release knows nothing
-- of them: what it makes current meanwhile releases none. Distributed by (tenant, update_id).
CREATE TABLE parked_updates (
    tenant text COLLATE "C" NOT NULL,
    update_id text COLLATE "C" NOT NULL,
    mac bytea NOT NULL,
    channel text COLLATE "C" NOT NULL,
    file text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    time bigint NOT NULL,
    look_time bigint NOT NULL,
    purge_time bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant, update_id)
);
CREATE INDEX parked_updates_by_number ON parked_updates (tenant, mac, look_time);
CREATE INDEX parked_updates_by_day ON parked_updates (tenant, channel, day);
-- File first: a planner without statistics else takes it for a search by tenant and update id.
CREATE INDEX parked_updates_by_file ON parked_updates (file, channel, tenant, update_id);
-- For the sweeper: what is to be decided again, and what has waited long enough.
CREATE INDEX parked_updates_due ON parked_updates (look_time) WHERE look_time > 0;
CREATE INDEX parked_updates_by_purge_time ON parked_updates (purge_time);
