-- Events until their relay has delivered them, shared out among relays by slots: the first byte of
-- the subject's SHA-256. A partition of the outbox is a range of them.
CREATE TABLE outbox (
    tenant text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    time bigint NOT NULL,
    slot smallint NOT NULL GENERATED ALWAYS AS (
        get_byte(sha256(replace(subject, '\', '\\')::bytea), 0)
    ) STORED,
    PRIMARY KEY (subject, revision, tenant)
);
CREATE INDEX outbox_by_slot ON outbox (slot, subject, revision, tenant) INCLUDE (time);

-- How many events each file or inquiry had.
CREATE TABLE event_counts (
    subject text COLLATE "C" NOT NULL PRIMARY KEY,
    last bigint NOT NULL
);

-- Which relay holds which partition, until when by this server's clock.
CREATE TABLE outbox_leases (
    partition bigint NOT NULL PRIMARY KEY,
    relay text COLLATE "C" NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    until bigint NOT NULL DEFAULT 0
);
INSERT INTO outbox_leases (partition) SELECT n FROM generate_series(0, 3) AS n;

-- Which relays are alive: each takes its share.
CREATE TABLE relays (
    relay text COLLATE "C" NOT NULL PRIMARY KEY,
    until bigint NOT NULL
);
