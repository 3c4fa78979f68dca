-- The updater's database. It holds no card number, sealed or not. Times are µs since 1970, UTC.

CREATE TABLE cards (
  tenant TEXT NOT NULL,
  token TEXT NOT NULL,
  revision INTEGER NOT NULL,
  credential_version INTEGER NOT NULL,
  fpan INTEGER NOT NULL,
  status TEXT NOT NULL,
  brand TEXT NOT NULL,
  fingerprint TEXT NOT NULL,  -- random at the vault; empty if the updater may not see it
  expiry INTEGER,             -- yyyymm
  PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolments (
  tenant TEXT NOT NULL,
  merchant_account TEXT NOT NULL,
  token TEXT NOT NULL,
  covered INTEGER NOT NULL,
  opted_out INTEGER NOT NULL,
  enrolled INTEGER NOT NULL,
  asked_at INTEGER,
  asked_version INTEGER,
  checked_at INTEGER,
  open_batch TEXT NOT NULL DEFAULT '',
  chain INTEGER NOT NULL DEFAULT 0,
  last_outcome TEXT,
  last_disposition TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, merchant_account, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolments_by_card ON enrolments (tenant, token, merchant_account);
CREATE INDEX enrolments_by_batch ON enrolments (open_batch) WHERE open_batch <> '';

CREATE TABLE cursors (
  tenant TEXT PRIMARY KEY,
  cursor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inquiries (
  batch_id TEXT PRIMARY KEY,
  channel TEXT NOT NULL,
  tenant TEXT NOT NULL,
  merchant_account TEXT NOT NULL,
  merchant_id TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  asked_at INTEGER NOT NULL DEFAULT 0,
  file_name TEXT NOT NULL DEFAULT '',
  sha256 TEXT NOT NULL DEFAULT '',
  size INTEGER NOT NULL DEFAULT 0,
  records INTEGER NOT NULL DEFAULT 0,
  sent_at INTEGER,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX inquiries_by_state ON inquiries (state, batch_id);
CREATE INDEX inquiries_by_tenant ON inquiries (tenant, batch_id);

CREATE TABLE questions (
  reference TEXT PRIMARY KEY,
  batch_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  state TEXT NOT NULL,
  number_mac TEXT NOT NULL DEFAULT '',  -- keyed, and bound to the random reference
  reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX questions_by_batch ON questions (batch_id, ordinal);

CREATE TABLE question_cards (
  reference TEXT NOT NULL,
  token TEXT NOT NULL,
  credential_version INTEGER NOT NULL,
  PRIMARY KEY (reference, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE feed_files (
  feed_id TEXT PRIMARY KEY,
  channel TEXT NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  state TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  batch_id TEXT NOT NULL DEFAULT '',
  tenant TEXT NOT NULL DEFAULT '',
  records INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  "offset" INTEGER NOT NULL DEFAULT 0,
  duplicate_of TEXT NOT NULL DEFAULT '',
  applied_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX feed_files_by_bytes ON feed_files (channel, sha256, name, size);
CREATE INDEX feed_files_by_time ON feed_files (received_at, feed_id);
-- One batch is answered by one file: what is quarantined has not answered it.
CREATE UNIQUE INDEX feed_files_by_batch ON feed_files (channel, batch_id)
  WHERE state IN ('VALIDATED', 'APPLIED');

CREATE TABLE answers (
  feed_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  token TEXT NOT NULL,
  reference TEXT NOT NULL,
  update_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  raw_code TEXT NOT NULL,
  raw_reason TEXT NOT NULL,
  note TEXT,
  disposition TEXT,
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (feed_id, ordinal, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE sightings (
  name TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  polls INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE exceptions (
  exception_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason TEXT NOT NULL,
  "offset" INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  resolved_at INTEGER,
  resolution TEXT NOT NULL DEFAULT '',
  UNIQUE (kind, subject)
) STRICT;

CREATE TABLE requests (
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  request_id TEXT NOT NULL,
  digest TEXT NOT NULL,  -- a MAC of what was asked
  subject TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, principal, request_id)
) STRICT, WITHOUT ROWID;
