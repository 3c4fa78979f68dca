-- Files whose bytes have left the inbox, contradictions that are settled later, and processes that
-- share the work.
ALTER TABLE feed_files ADD COLUMN missing_since bigint;
CREATE INDEX feed_files_unsettled ON feed_files (channel) WHERE state IN ('VALIDATED', 'HELD');

-- Rows that contradict another one of their file, found by their question.
CREATE INDEX answers_contradicted ON answers (reference) WHERE reason = 'ANSWERED_TWICE';

-- Which process asks for which lease: each leaves the others their share.
CREATE TABLE lease_claims (
    process text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (process, name)
);

-- Why a file was released, refused or given up on, and why it was taken back.
ALTER TABLE feed_files ADD COLUMN decision text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN revert_reason text COLLATE "C" NOT NULL DEFAULT '';

-- One exception of a kind and subject is open at a time; settled ones are history.
ALTER TABLE exceptions DROP CONSTRAINT exceptions_kind_subject_key;
CREATE UNIQUE INDEX exceptions_open ON exceptions (kind, subject) WHERE resolved_at IS NULL;
-- It is about one channel's merchant ids.
UPDATE exceptions SET subject = subject || '/' || channel
WHERE reason = 'MERCHANT_ID_NEEDED' AND channel <> '';
