-- The updater's tables on PostgreSQL, column by column those of the embedded store. No card number
-- is here, sealed or not. Times are microseconds since the epoch, UTC. Text is compared by its bytes
-- (COLLATE "C"), which is the order that pages of lists follow.

CREATE TABLE cards (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    credential_version bigint NOT NULL,
    fpan boolean NOT NULL,
    status text COLLATE "C" NOT NULL,
    brand text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL, -- random at the vault; empty if the updater may not see it
    expiry bigint, -- yyyymm
    PRIMARY KEY (tenant, token)
);

CREATE TABLE enrolments (
    tenant text COLLATE "C" NOT NULL,
    merchant_account text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    covered boolean NOT NULL,
    opted_out boolean NOT NULL,
    enrolled boolean NOT NULL,
    asked_at bigint,
    asked_version bigint,
    checked_at bigint,
    open_batch text COLLATE "C" NOT NULL DEFAULT '',
    chain bigint NOT NULL DEFAULT 0,
    last_outcome text COLLATE "C",
    last_disposition text COLLATE "C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, merchant_account, token)
);
CREATE INDEX enrolments_by_card ON enrolments (tenant, token, merchant_account);
CREATE INDEX enrolments_by_batch ON enrolments (open_batch) WHERE open_batch <> '';

CREATE TABLE cursors (
    tenant text COLLATE "C" PRIMARY KEY,
    cursor text COLLATE "C" NOT NULL
);

CREATE TABLE inquiries (
    batch_id text COLLATE "C" PRIMARY KEY,
    channel text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    merchant_account text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    asked_at bigint NOT NULL DEFAULT 0,
    file_name text COLLATE "C" NOT NULL DEFAULT '',
    sha256 text COLLATE "C" NOT NULL DEFAULT '',
    size bigint NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0,
    sent_at bigint,
    ended_at bigint
);
CREATE INDEX inquiries_by_state ON inquiries (state, batch_id);
CREATE INDEX inquiries_by_tenant ON inquiries (tenant, batch_id);

CREATE TABLE questions (
    reference text COLLATE "C" PRIMARY KEY,
    batch_id text COLLATE "C" NOT NULL,
    ordinal bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    number_mac text COLLATE "C" NOT NULL DEFAULT '', -- keyed, and bound to the random reference
    reason text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX questions_by_batch ON questions (batch_id, ordinal);

CREATE TABLE question_cards (
    reference text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    credential_version bigint NOT NULL,
    PRIMARY KEY (reference, token)
);

CREATE TABLE feed_files (
    feed_id text COLLATE "C" PRIMARY KEY,
    channel text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL,
    batch_id text COLLATE "C" NOT NULL DEFAULT '',
    tenant text COLLATE "C" NOT NULL DEFAULT '',
    records bigint NOT NULL DEFAULT 0,
    reason text COLLATE "C" NOT NULL DEFAULT '',
    "offset" bigint NOT NULL DEFAULT 0,
    duplicate_of text COLLATE "C" NOT NULL DEFAULT '',
    applied_at bigint
);
CREATE UNIQUE INDEX feed_files_by_bytes ON feed_files (channel, sha256, name, size);
CREATE INDEX feed_files_by_time ON feed_files (received_at, feed_id);
CREATE INDEX feed_files_of_batch ON feed_files (batch_id);
-- One batch is answered by one file: what is quarantined has not answered it.
CREATE UNIQUE INDEX feed_files_by_batch ON feed_files (channel, batch_id)
WHERE state IN ('VALIDATED', 'APPLIED');

CREATE TABLE answers (
    feed_id text COLLATE "C" NOT NULL,
    ordinal bigint NOT NULL,
    token text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    update_id text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    raw_code text COLLATE "C" NOT NULL,
    raw_reason text COLLATE "C" NOT NULL,
    note text COLLATE "C",
    disposition text COLLATE "C",
    reason text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (feed_id, ordinal, token)
);

CREATE TABLE sightings (
    name text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    modified_ns bigint NOT NULL,
    polls bigint NOT NULL
);

-- Opened under the lease only, one transaction after the other: ids appear in their order.
CREATE TABLE exceptions (
    exception_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    "offset" bigint NOT NULL,
    opened_at bigint NOT NULL,
    resolved_at bigint,
    resolution text COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (kind, subject)
);

CREATE TABLE requests (
    tenant text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL, -- a MAC of what was asked
    subject text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, principal, request_id)
);
CREATE INDEX requests_by_time ON requests (created_at);

-- Which process works. Whoever takes over counts `fence` up; every write of the worker compares it.
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    fence bigint NOT NULL,
    until bigint NOT NULL
);
INSERT INTO leases VALUES ('worker', '', 0, 0);
