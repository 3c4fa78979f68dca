-- What answers left on cards, and what the cards were before: for undoing a file. Goes with its card
-- at erasure. Distributed by (tenant, token), beside its card.
CREATE TABLE imprints (
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    revision INTEGER NOT NULL,
    update_id TEXT NOT NULL,
    source TEXT NOT NULL,
    version_before INTEGER NOT NULL,
    version_after INTEGER NOT NULL,
    kept TEXT NOT NULL,
    undone TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX imprints_by_card ON imprints (tenant, token, revision, update_id);
-- A file's cards, in the order of their tokens. What people left has no source.
CREATE INDEX imprints_by_source ON imprints (tenant, source, token) WHERE source <> '';
CREATE INDEX imprints_by_time ON imprints (time);
