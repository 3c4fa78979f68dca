-- Several channels, several files a batch, files that are held or taken back, pauses, and exceptions
-- that say what they are about.

-- The work is shared out channel by channel: each has a lease of its own, made when it is first
-- asked for. Without the one lease on everything, processes of the release before do no more work:
-- they answer calls until they are replaced. This waits for a transaction that one has under way.
DELETE FROM leases WHERE name = 'worker';

ALTER TABLE inquiries ADD COLUMN wire_batch text COLLATE "C" NOT NULL DEFAULT '', -- as in the header
    ADD COLUMN network text COLLATE "C" NOT NULL DEFAULT '';
UPDATE inquiries SET wire_batch = batch_id;
CREATE INDEX inquiries_by_wire ON inquiries (channel, wire_batch, batch_id);

-- Short batch ids, counted; they come round again.
CREATE TABLE wire_counters (
    channel text COLLATE "C" NOT NULL PRIMARY KEY,
    last bigint NOT NULL
);

ALTER TABLE feed_files ADD COLUMN part text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN file_time bigint,
    ADD COLUMN decided_by text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN decided_at bigint,
    ADD COLUMN reverted_by text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN reverted_at bigint;
DROP INDEX feed_files_by_batch;
CREATE INDEX feed_files_by_tenant ON feed_files (tenant, received_at, feed_id);
-- A part of a batch comes in one file: what is quarantined has not brought it.
CREATE UNIQUE INDEX feed_files_by_part ON feed_files (channel, batch_id, part)
WHERE part <> '' AND state IN ('VALIDATED', 'HELD', 'APPLIED', 'REVERTED');

-- Looks at an inbox are counted anew: whose inbox it was, no row told.
DROP TABLE sightings;
CREATE TABLE sightings (
    channel text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    modified_ns bigint NOT NULL,
    polls bigint NOT NULL,
    PRIMARY KEY (channel, name)
);

-- Ids are given out in the order of opening, and may appear in another: several channels open them.
ALTER TABLE exceptions ADD COLUMN tenant text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN channel text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN feed_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN ordinal bigint NOT NULL DEFAULT 0,
    ADD COLUMN token text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN merchant_account text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN outcome text COLLATE "C",
    ADD COLUMN dismissed boolean NOT NULL DEFAULT false,
    ADD COLUMN resolved_by text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN state text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE WHEN resolved_at IS NULL THEN 'OPEN' WHEN dismissed THEN 'DISMISSED' ELSE 'RESOLVED' END
    ) STORED;
CREATE INDEX exceptions_by_state ON exceptions (state, exception_id);
CREATE INDEX exceptions_by_tenant ON exceptions (tenant, state, exception_id);
-- What older ones are about is in their subject: a file, FILE/ORDINAL/TOKEN, a batch, a question.
UPDATE exceptions AS e SET tenant = f.tenant, channel = f.channel, feed_id = f.feed_id
FROM feed_files AS f WHERE f.feed_id = e.subject AND e.kind IN ('FILE_QUARANTINED', 'APPLY_REFUSED');
UPDATE exceptions AS e SET tenant = i.tenant, channel = i.channel,
    merchant_account = i.merchant_account
FROM inquiries AS i WHERE i.batch_id = e.subject AND e.kind = 'INQUIRY_UNANSWERED';
UPDATE exceptions AS e SET tenant = i.tenant, channel = i.channel,
    merchant_account = i.merchant_account,
    token = coalesce((SELECT min(c.token) FROM question_cards AS c
        WHERE c.reference = q.reference), '')
FROM questions AS q JOIN inquiries AS i ON i.batch_id = q.batch_id
WHERE q.reference = e.subject AND e.kind = 'CARD_NOT_ASKED';
UPDATE exceptions SET tenant = split_part(subject, '/', 1),
    merchant_account = substr(subject, strpos(subject, '/') + 1)
WHERE kind = 'CARD_NOT_ASKED' AND strpos(subject, '/') > 0;
UPDATE exceptions AS e SET tenant = f.tenant, channel = f.channel, feed_id = f.feed_id,
    merchant_account = i.merchant_account, ordinal = a.ordinal, token = a.token, outcome = a.outcome
FROM feed_files AS f JOIN inquiries AS i ON i.batch_id = f.batch_id
    JOIN answers AS a ON a.feed_id = f.feed_id
WHERE f.feed_id = split_part(e.subject, '/', 1)
    AND e.subject = concat(f.feed_id, '/', a.ordinal, '/', a.token)
    AND e.kind = 'ANSWER_NOT_APPLIED';

-- An answer is kept with its disposition. Those that waited for one go, and what follows them in
-- their file, so that they are applied again behind the last one that is kept; the vault knows which
-- of them it had decided.
DELETE FROM answers AS a USING (
    SELECT feed_id, min(ordinal) AS ordinal FROM answers WHERE disposition IS NULL GROUP BY feed_id
) AS p
WHERE p.feed_id = a.feed_id AND a.ordinal >= p.ordinal;
ALTER TABLE answers ALTER COLUMN disposition SET NOT NULL,
    ADD COLUMN record_mac text COLLATE "C" NOT NULL DEFAULT '', -- keyed; empty: made by none
    ADD COLUMN shadow boolean NOT NULL DEFAULT false;

-- Who let a channel rest for a tenant, and who ended it: one lasts at a time.
CREATE TABLE pauses (
    pause_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    paused_by text COLLATE "C" NOT NULL,
    paused_at bigint NOT NULL,
    resumed_by text COLLATE "C" NOT NULL DEFAULT '',
    resumed_at bigint
);
CREATE UNIQUE INDEX pauses_that_last ON pauses (channel, tenant) WHERE resumed_at IS NULL;
