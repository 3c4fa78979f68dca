-- Files whose bytes have left the inbox, decisions with their reasons, and exceptions that open again.
-- Times are µs since 1970, UTC.
ALTER TABLE feed_files ADD COLUMN missing_since INTEGER;
CREATE INDEX feed_files_unsettled ON feed_files (channel) WHERE state IN ('VALIDATED', 'HELD');

-- Rows that contradict another one of their file, found by their question.
CREATE INDEX answers_contradicted ON answers (reference) WHERE reason = 'ANSWERED_TWICE';

-- Why a file was released, refused or given up on, and why it was taken back.
ALTER TABLE feed_files ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE feed_files ADD COLUMN revert_reason TEXT NOT NULL DEFAULT '';

-- One exception of a kind and subject is open at a time; settled ones are history.
CREATE TABLE exceptions_anew (
  exception_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason TEXT NOT NULL,
  "offset" INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  resolved_at INTEGER,
  resolution TEXT NOT NULL DEFAULT '',
  tenant TEXT NOT NULL DEFAULT '',
  channel TEXT NOT NULL DEFAULT '',
  feed_id TEXT NOT NULL DEFAULT '',
  ordinal INTEGER NOT NULL DEFAULT 0,
  token TEXT NOT NULL DEFAULT '',
  merchant_account TEXT NOT NULL DEFAULT '',
  outcome TEXT,
  dismissed INTEGER NOT NULL DEFAULT 0,
  resolved_by TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL GENERATED ALWAYS AS (
    CASE WHEN resolved_at IS NULL THEN 'OPEN' WHEN dismissed THEN 'DISMISSED' ELSE 'RESOLVED' END
  ) VIRTUAL
) STRICT;
INSERT INTO exceptions_anew (exception_id, kind, subject, reason, "offset", opened_at, resolved_at,
  resolution, tenant, channel, feed_id, ordinal, token, merchant_account, outcome, dismissed,
  resolved_by)
SELECT exception_id, kind, subject, reason, "offset", opened_at, resolved_at, resolution, tenant,
  channel, feed_id, ordinal, token, merchant_account, outcome, dismissed, resolved_by
FROM exceptions;
DROP TABLE exceptions;
ALTER TABLE exceptions_anew RENAME TO exceptions;
CREATE UNIQUE INDEX exceptions_open ON exceptions (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX exceptions_by_state ON exceptions (state, exception_id);
CREATE INDEX exceptions_by_tenant ON exceptions (tenant, state, exception_id);
-- It is about one channel's merchant ids.
UPDATE exceptions SET subject = subject || '/' || channel
WHERE reason = 'MERCHANT_ID_NEEDED' AND channel <> '';
