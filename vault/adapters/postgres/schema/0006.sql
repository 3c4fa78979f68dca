-- Expand: what answers left on cards, and what the cards were before, for undoing a file. An older
-- release leaves nothing, and what it applies can't be undone. Goes with its card at erasure.
-- Distributed by (tenant, token), beside its card.
CREATE TABLE imprints (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    update_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    version_before bigint NOT NULL,
    version_after bigint NOT NULL,
    kept text COLLATE "C" NOT NULL,
    undone text COLLATE "C" NOT NULL,
    time bigint NOT NULL,
    PRIMARY KEY (tenant, token, revision, update_id)
);
-- A file's cards, in the order of their tokens. What people left has no source.
CREATE INDEX imprints_by_source ON imprints (tenant, source, token) WHERE source <> '';
CREATE INDEX imprints_by_time ON imprints (time);
