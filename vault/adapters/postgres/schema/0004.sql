-- Contract: rows of fingerprints are found, locked and erased by (tenant, mac), their primary key.
-- Nothing has looked one up by its id since the first release that locks them so.
DROP INDEX fingerprints_by_id;
