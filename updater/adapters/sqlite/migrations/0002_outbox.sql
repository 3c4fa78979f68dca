-- Events until their relay has delivered them, and how many each file or inquiry had.

CREATE TABLE outbox (
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  revision INTEGER NOT NULL,
  type TEXT NOT NULL,
  payload BLOB NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (subject, revision, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_counts (
  subject TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
