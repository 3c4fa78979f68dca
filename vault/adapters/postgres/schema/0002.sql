-- Expand: the outbox is shared out among relays. What an older release inserts gets its slot by
-- itself, and no time; an older release's relay reads and deletes as before.

-- A token's events all have one slot: the first byte of its SHA-256. A partition of the outbox is a
-- range of slots, so how many partitions there are is no matter of the schema.
ALTER TABLE outbox
    ADD COLUMN time bigint NOT NULL DEFAULT 0,
    ADD COLUMN slot smallint NOT NULL GENERATED ALWAYS AS (
        get_byte(sha256(replace(token, '\', '\\')::bytea), 0)
    ) STORED;
-- With the time beside the key, what waits is counted in the index alone.
CREATE INDEX outbox_by_slot ON outbox (slot, token, revision, tenant) INCLUDE (time);

-- Which relay holds which partition, until when by this server's clock. Copied to every shard.
CREATE TABLE outbox_leases (
    partition bigint NOT NULL PRIMARY KEY,
    relay text COLLATE "C" NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    until bigint NOT NULL DEFAULT 0
);
INSERT INTO outbox_leases (partition) SELECT n FROM generate_series(0, 3) AS n;

-- Which relays are alive: each takes its share. Copied to every shard.
CREATE TABLE relays (
    relay text COLLATE "C" NOT NULL PRIMARY KEY,
    until bigint NOT NULL
);
