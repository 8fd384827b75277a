-- The evidence (存证). Times are milliseconds since 1970; digests and keys are bytes.

-- +goose Up

-- A log has one writer at a time: who holds the lease.
CREATE TABLE logs (
  name    TEXT    NOT NULL PRIMARY KEY,
  holder  TEXT    NOT NULL,            -- a random id of the node that has it
  until   INTEGER NOT NULL,            -- when the lease ends
  indexed INTEGER NOT NULL DEFAULT 0,  -- groups below this seq are in the index of pseudonyms
  closed  INTEGER                      -- when; nobody may write into it any more: it came from a backup, and what followed there is lost
) STRICT;

-- A group of entries, and what is signed of it. Who loses the race for (log, seq) has lost the log.
CREATE TABLE groups (
  log     TEXT    NOT NULL,
  seq     INTEGER NOT NULL,  -- from 0
  first   INTEGER NOT NULL,  -- the number of its first entry in the log, from 0
  count   INTEGER NOT NULL,
  at      INTEGER NOT NULL,  -- the head's
  head    BLOB    NOT NULL,
  sign    BLOB    NOT NULL,
  subtree BLOB    NOT NULL,  -- the root of the largest perfect subtree of heads that this one completes
  entries BLOB,              -- gone when their retention is over
  leaves  BLOB,              -- then the hashes of them, 32 bytes each, so that the root can still be checked
  PRIMARY KEY (log, seq)
) STRICT;

CREATE INDEX groups_at ON groups (at) WHERE entries IS NOT NULL;

-- The keys of a day's pseudonyms: one, or more if nodes could not have that one any more (a clock was set back into a day that was over).
CREATE TABLE day_keys (
  day       TEXT    NOT NULL,  -- YYYY-MM-DD in +08:00
  part      INTEGER NOT NULL,  -- from 0
  wrapped   BLOB,              -- for the nodes; gone when the day is over, and never in a backup
  sealed    BLOB,              -- for the privacy officer; gone when the retention is over
  made      INTEGER NOT NULL,
  destroyed INTEGER,           -- when the sealed form went
  PRIMARY KEY (day, part)
) STRICT;

-- Where pseudonyms stand, many in a row: those of one day that begin with the same 10 bits, in a run of groups. Built when there is time for it.
CREATE TABLE pseudonyms (
  day    TEXT    NOT NULL,
  bucket INTEGER NOT NULL,  -- the first 10 bits
  log    TEXT    NOT NULL,
  seq    INTEGER NOT NULL,  -- the group behind the run
  places BLOB    NOT NULL,  -- as package evidence writes them
  PRIMARY KEY (day, bucket, log, seq)
) STRICT, WITHOUT ROWID;

-- What travellers have asked for through their platform.
CREATE TABLE subject_requests (
  id       TEXT    NOT NULL PRIMARY KEY,  -- ULID
  at       INTEGER NOT NULL,
  party    TEXT    NOT NULL,              -- the platform
  system   TEXT    NOT NULL,
  sealed   BLOB,                          -- the request, for the privacy officer
  answered INTEGER,                       -- when
  officer  TEXT,                          -- by whom
  answer   BLOB                           -- sealed for the platform
) STRICT;

CREATE INDEX subject_requests_party ON subject_requests (party, at);

-- +goose Down
DROP TABLE subject_requests;
DROP TABLE pseudonyms;
DROP TABLE day_keys;
DROP TABLE groups;
DROP TABLE logs;
