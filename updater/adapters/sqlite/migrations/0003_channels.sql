-- Several channels, several files a batch, files that are held or taken back, pauses, and exceptions
-- that say what they are about. Times are µs since 1970, UTC.

ALTER TABLE inquiries ADD COLUMN wire_batch TEXT NOT NULL DEFAULT '';  -- as the file's header has it
ALTER TABLE inquiries ADD COLUMN network TEXT NOT NULL DEFAULT '';
UPDATE inquiries SET wire_batch = batch_id;
CREATE INDEX inquiries_by_wire ON inquiries (channel, wire_batch, batch_id);

-- Short batch ids, counted; they come round again.
CREATE TABLE wire_counters (
  channel TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE feed_files ADD COLUMN part TEXT NOT NULL DEFAULT '';
ALTER TABLE feed_files ADD COLUMN file_time INTEGER;
ALTER TABLE feed_files ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
ALTER TABLE feed_files ADD COLUMN decided_at INTEGER;
ALTER TABLE feed_files ADD COLUMN reverted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE feed_files ADD COLUMN reverted_at INTEGER;
DROP INDEX feed_files_by_batch;
CREATE INDEX feed_files_of_batch ON feed_files (batch_id);
CREATE INDEX feed_files_by_tenant ON feed_files (tenant, received_at, feed_id);
-- A part of a batch comes in one file: what is quarantined has not brought it.
CREATE UNIQUE INDEX feed_files_by_part ON feed_files (channel, batch_id, part)
  WHERE part <> '' AND state IN ('VALIDATED', 'HELD', 'APPLIED', 'REVERTED');

-- Looks at an inbox are counted anew: whose inbox it was, no row told.
DROP TABLE sightings;
CREATE TABLE sightings (
  channel TEXT NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  polls INTEGER NOT NULL,
  PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE exceptions ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN feed_id TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exceptions ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN merchant_account TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN outcome TEXT;
ALTER TABLE exceptions ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exceptions ADD COLUMN resolved_by TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN state TEXT NOT NULL GENERATED ALWAYS AS (
  CASE WHEN resolved_at IS NULL THEN 'OPEN' WHEN dismissed THEN 'DISMISSED' ELSE 'RESOLVED' END
) VIRTUAL;
CREATE INDEX exceptions_by_state ON exceptions (state, exception_id);
CREATE INDEX exceptions_by_tenant ON exceptions (tenant, state, exception_id);
-- What older ones are about is in their subject: a file, FILE/ORDINAL/TOKEN, a batch, a question.
UPDATE exceptions SET tenant = f.tenant, channel = f.channel, feed_id = f.feed_id
FROM feed_files f WHERE f.feed_id = exceptions.subject
  AND kind IN ('FILE_QUARANTINED', 'APPLY_REFUSED');
UPDATE exceptions SET tenant = i.tenant, channel = i.channel, merchant_account = i.merchant_account
FROM inquiries i WHERE i.batch_id = exceptions.subject AND kind = 'INQUIRY_UNANSWERED';
UPDATE exceptions SET tenant = i.tenant, channel = i.channel, merchant_account = i.merchant_account,
  token = ifnull((SELECT min(c.token) FROM question_cards c WHERE c.reference = q.reference), '')
FROM questions q JOIN inquiries i ON i.batch_id = q.batch_id
WHERE q.reference = exceptions.subject AND kind = 'CARD_NOT_ASKED';
UPDATE exceptions SET tenant = substr(subject, 1, instr(subject, '/') - 1),
  merchant_account = substr(subject, instr(subject, '/') + 1)
WHERE kind = 'CARD_NOT_ASKED' AND instr(subject, '/') > 0;
UPDATE exceptions SET tenant = f.tenant, channel = f.channel, feed_id = f.feed_id,
  merchant_account = i.merchant_account, ordinal = a.ordinal, token = a.token, outcome = a.outcome
FROM feed_files f JOIN inquiries i ON i.batch_id = f.batch_id
  JOIN answers a ON a.feed_id = f.feed_id
WHERE f.feed_id = substr(exceptions.subject, 1, instr(exceptions.subject, '/') - 1)
  AND exceptions.subject = f.feed_id || '/' || a.ordinal || '/' || a.token
  AND kind = 'ANSWER_NOT_APPLIED';

-- An answer is kept with its disposition. Those that waited for one go, and what follows them in
-- their file, so that they are applied again behind the last one that is kept; the vault knows which
-- of them it had decided.
CREATE TABLE answers_decided (
  feed_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  token TEXT NOT NULL,
  reference TEXT NOT NULL,
  update_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  raw_code TEXT NOT NULL,
  raw_reason TEXT NOT NULL,
  disposition TEXT NOT NULL,
  note TEXT,
  record_mac TEXT NOT NULL DEFAULT '',  -- keyed; empty: kept by a release that made none
  shadow INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (feed_id, ordinal, token)
) STRICT, WITHOUT ROWID;
INSERT INTO answers_decided
  (feed_id, ordinal, token, reference, update_id, outcome, raw_code, raw_reason, disposition, note,
   reason)
SELECT a.feed_id, a.ordinal, a.token, a.reference, a.update_id, a.outcome, a.raw_code,
  a.raw_reason, a.disposition, a.note, a.reason
FROM answers a LEFT JOIN (
  SELECT feed_id, min(ordinal) AS ordinal FROM answers WHERE disposition IS NULL GROUP BY feed_id
) p ON p.feed_id = a.feed_id
WHERE p.feed_id IS NULL OR a.ordinal < p.ordinal;
DROP TABLE answers;
ALTER TABLE answers_decided RENAME TO answers;

-- Who let a channel rest for a tenant, and who ended it: one lasts at a time.
CREATE TABLE pauses (
  pause_id INTEGER PRIMARY KEY,
  channel TEXT NOT NULL,
  tenant TEXT NOT NULL,
  reason TEXT NOT NULL,
  paused_by TEXT NOT NULL,
  paused_at INTEGER NOT NULL,
  resumed_by TEXT NOT NULL DEFAULT '',
  resumed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX pauses_that_last ON pauses (channel, tenant) WHERE resumed_at IS NULL;
