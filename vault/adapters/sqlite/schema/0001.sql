-- The vault's tables. Ids are made by the application; there are no sequences and no foreign keys,
-- so that every table can be split by the key named beside it ("distributed by").
-- Times are microseconds since the epoch, 0 for none. Wide tables keep a rowid: a WITHOUT ROWID
-- table stores whole rows in its inner nodes, which makes it deep when rows are long. Their keys are
-- unique indexes with names of their own, so that statements can insist on them (INDEXED BY).

-- Current cards and tombstones. Distributed by (tenant, token).
CREATE TABLE cards (
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    revision INTEGER NOT NULL,
    credential_version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    token_format TEXT NOT NULL,
    status TEXT NOT NULL,
    status_before TEXT NOT NULL,
    brand TEXT NOT NULL,
    bin TEXT NOT NULL,
    last4 TEXT NOT NULL,
    expiry INTEGER NOT NULL,
    expiry_unconfirmed INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    customer TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL,
    purge_time INTEGER NOT NULL,
    sealed BLOB,
    sealed_revision INTEGER NOT NULL,
    version_cause TEXT NOT NULL,
    version_source TEXT NOT NULL,
    version_time INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    file_time INTEGER NOT NULL,
    asked_time INTEGER NOT NULL,
    holds TEXT NOT NULL,
    stored_credentials TEXT NOT NULL,
    metadata TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
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
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    credential_version INTEGER NOT NULL,
    brand TEXT NOT NULL,
    bin TEXT NOT NULL,
    last4 TEXT NOT NULL,
    expiry INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    cause TEXT NOT NULL,
    source TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    superseded_time INTEGER NOT NULL,
    purge_time INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    file_time INTEGER NOT NULL,
    asked_time INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    sealed_revision INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX card_versions_by_number ON card_versions (tenant, token, credential_version);
CREATE INDEX card_versions_by_fingerprint ON card_versions (tenant, fingerprint);
CREATE INDEX card_versions_by_purge_time ON card_versions (purge_time);

-- A number's lookup MAC and its random id. Distributed by (tenant, mac).
CREATE TABLE fingerprints (
    tenant TEXT NOT NULL,
    mac BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (tenant, mac)
) STRICT, WITHOUT ROWID;

-- The card that Tokenize returns for a number a customer has already.
-- Distributed by (tenant, fingerprint).
CREATE TABLE existing_cards (
    tenant TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    customer TEXT NOT NULL,
    kind TEXT NOT NULL,
    token_format TEXT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (tenant, fingerprint, customer, kind, token_format)
) STRICT, WITHOUT ROWID;

-- Applied request ids. Distributed by (tenant, principal, request_id).
CREATE TABLE requests (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    request_id TEXT NOT NULL,
    mac_key BLOB NOT NULL,
    mac BLOB NOT NULL,
    token TEXT NOT NULL,
    outcome TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, principal, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (create_time);

-- Audit records; no index but the chain's own order. Distributed by (chain).
CREATE TABLE audit (
    chain TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    record BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_by_sequence ON audit (chain, sequence);

-- Where each process's audit chain stands. Distributed by (chain).
CREATE TABLE chains (
    chain TEXT NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    ended INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX chains_by_end ON chains (ended);

-- Signed checkpoints over all chains. Not distributed: one a second at most.
CREATE TABLE checkpoints (
    number INTEGER NOT NULL PRIMARY KEY,
    time INTEGER NOT NULL,
    body BLOB NOT NULL,
    key_id TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- Events until their relay has delivered them. Distributed by (token).
CREATE TABLE outbox (
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    revision INTEGER NOT NULL,
    type TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (token, revision, tenant)
) STRICT, WITHOUT ROWID;

-- Wrapped data keys. Distributed by (tenant).
CREATE TABLE data_keys (
    key_id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    kek TEXT NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX data_keys_by_tenant ON data_keys (tenant);
CREATE UNIQUE INDEX data_keys_active ON data_keys (tenant, purpose) WHERE state = 'ACTIVE';

-- Updaters' answers, once per card. Distributed by (tenant, token).
CREATE TABLE applied_updates (
    tenant TEXT NOT NULL,
    update_id TEXT NOT NULL,
    token TEXT NOT NULL,
    disposition TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (tenant, update_id, token)
) STRICT, WITHOUT ROWID;

-- The one control row: read and compared by every flush. Copied to every shard.
CREATE TABLE control (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seal_epoch INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL
) STRICT;
INSERT INTO control (id, seal_epoch, key_epoch) VALUES (1, 0, 0);
