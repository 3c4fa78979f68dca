-- The vault's tables on PostgreSQL, column by column those of the embedded store. Ids are made by
-- the application; there are no sequences and no foreign keys, so that every table can be split by
-- the key named beside it ("distributed by"). Times are microseconds since the epoch, 0 for none.
-- Text is compared by its bytes (COLLATE "C"), which is the order that pages of lists follow.

-- Current cards and tombstones. Distributed by (tenant, token).
CREATE TABLE cards (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    credential_version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    token_format text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    status_before text COLLATE "C" NOT NULL,
    brand text COLLATE "C" NOT NULL,
    bin text COLLATE "C" NOT NULL,
    last4 text COLLATE "C" NOT NULL,
    expiry bigint NOT NULL,
    expiry_unconfirmed boolean NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    customer text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    update_time bigint NOT NULL,
    expire_time bigint NOT NULL,
    purge_time bigint NOT NULL,
    sealed bytea,
    sealed_revision bigint NOT NULL,
    version_cause text COLLATE "C" NOT NULL,
    version_source text COLLATE "C" NOT NULL,
    version_time bigint NOT NULL,
    event_time bigint NOT NULL,
    file_time bigint NOT NULL,
    asked_time bigint NOT NULL,
    holds text COLLATE "C" NOT NULL,
    stored_credentials text COLLATE "C" NOT NULL,
    metadata text COLLATE "C" NOT NULL,
    details text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX cards_by_token ON cards (tenant, token);
CREATE INDEX cards_by_fingerprint ON cards (tenant, fingerprint, customer)
    WHERE fingerprint <> '';
CREATE INDEX cards_by_customer ON cards (tenant, customer, token) WHERE customer <> '';
-- For the sweeper: only cards that wait for their erasure are in these two.
CREATE INDEX cards_past_grace ON cards (purge_time)
    WHERE status = 'DELETED' AND sealed IS NOT NULL;
CREATE INDEX cards_with_ttl ON cards (expire_time)
    WHERE expire_time > 0 AND sealed IS NOT NULL;

-- Superseded credential versions. Distributed by (tenant, token), beside their card.
CREATE TABLE card_versions (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    credential_version bigint NOT NULL,
    brand text COLLATE "C" NOT NULL,
    bin text COLLATE "C" NOT NULL,
    last4 text COLLATE "C" NOT NULL,
    expiry bigint NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    superseded_time bigint NOT NULL,
    purge_time bigint NOT NULL,
    event_time bigint NOT NULL,
    file_time bigint NOT NULL,
    asked_time bigint NOT NULL,
    sealed bytea NOT NULL,
    sealed_revision bigint NOT NULL
);
CREATE UNIQUE INDEX card_versions_by_number ON card_versions (tenant, token, credential_version);
CREATE INDEX card_versions_by_fingerprint ON card_versions (tenant, fingerprint);
CREATE INDEX card_versions_by_purge_time ON card_versions (purge_time);

-- A number's lookup MAC and its random id. Distributed by (tenant, mac).
CREATE TABLE fingerprints (
    tenant text COLLATE "C" NOT NULL,
    mac bytea NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, mac)
);
-- A flush that uses a number again locks its row here, so that no other process forgets it meanwhile.
CREATE INDEX fingerprints_by_id ON fingerprints (tenant, fingerprint);

-- The card that Tokenize returns for a number a customer has already.
-- Distributed by (tenant, fingerprint).
CREATE TABLE existing_cards (
    tenant text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    customer text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    token_format text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, fingerprint, customer, kind, token_format)
);

-- Applied request ids. Distributed by (tenant, principal, request_id).
CREATE TABLE requests (
    tenant text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    mac_key bytea NOT NULL,
    mac bytea NOT NULL,
    token text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    PRIMARY KEY (tenant, principal, request_id)
);
CREATE INDEX requests_by_time ON requests (create_time);

-- Audit records, split by day ("audit_20260131"); `cardvault migrate` makes days ahead, and a record
-- of a day that nobody made lands in the default one. No index but the chain's own order: that a
-- (chain, sequence) exists once is kept by the chain's head, which every flush moves under a lock.
CREATE TABLE audit (
    chain text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    time bigint NOT NULL,
    record bytea NOT NULL,
    hash bytea NOT NULL
) PARTITION BY RANGE (time);
CREATE UNIQUE INDEX audit_by_sequence ON audit (chain, sequence, time);
CREATE TABLE audit_default PARTITION OF audit DEFAULT;

-- Where each process's audit chain stands. Until `lease` (by this server's clock) its process is
-- taken to be alive, and no other one ends it. Distributed by (chain).
CREATE TABLE chains (
    chain text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    ended boolean NOT NULL,
    lease bigint NOT NULL
);
CREATE INDEX chains_open ON chains (chain) WHERE NOT ended;

-- Signed checkpoints over all chains. Not distributed: one a second at most.
CREATE TABLE checkpoints (
    number bigint NOT NULL PRIMARY KEY,
    time bigint NOT NULL,
    body bytea NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    signature bytea NOT NULL
);

-- Events until their relay has delivered them. Distributed by (token).
CREATE TABLE outbox (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (token, revision, tenant)
);

-- Wrapped data keys. Distributed by (tenant).
CREATE TABLE data_keys (
    key_id bytea NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    kek text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL
);
CREATE INDEX data_keys_by_tenant ON data_keys (tenant);
CREATE UNIQUE INDEX data_keys_active ON data_keys (tenant, purpose) WHERE state = 'ACTIVE';

-- Updaters' answers, once per card. Distributed by (tenant, token).
CREATE TABLE applied_updates (
    tenant text COLLATE "C" NOT NULL,
    update_id text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    disposition text COLLATE "C" NOT NULL,
    time bigint NOT NULL,
    PRIMARY KEY (tenant, update_id, token)
);

-- The one control row: read and compared by every flush. Copied to every shard.
CREATE TABLE control (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    seal_epoch bigint NOT NULL,
    key_epoch bigint NOT NULL
);
INSERT INTO control (id, seal_epoch, key_epoch) VALUES (1, 0, 0);

-- Which tenants a reporting role may see; written by the database's owner only.
CREATE TABLE reporting_tenants (
    role_name text NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    PRIMARY KEY (role_name, tenant)
);
