-- The same as sqlite/00001_evidence.sql, which has the comments.

-- +goose Up
CREATE TABLE logs (
  name    text   NOT NULL PRIMARY KEY,
  holder  text   NOT NULL,
  until   bigint NOT NULL,
  indexed bigint NOT NULL DEFAULT 0,
  closed  bigint
);

CREATE TABLE groups (
  log     text    NOT NULL,
  seq     bigint  NOT NULL,
  first   bigint  NOT NULL,
  count   integer NOT NULL,
  at      bigint  NOT NULL,
  head    bytea   NOT NULL,
  sign    bytea   NOT NULL,
  subtree bytea   NOT NULL,
  entries bytea,
  leaves  bytea,
  PRIMARY KEY (log, seq)
);

-- Entries are digests for the most part: trying to compress them is in vain.
ALTER TABLE groups ALTER COLUMN entries SET STORAGE EXTERNAL;
ALTER TABLE groups ALTER COLUMN leaves SET STORAGE EXTERNAL;

CREATE INDEX groups_at ON groups (at) WHERE entries IS NOT NULL;

CREATE TABLE day_keys (
  day       text    NOT NULL,
  part      integer NOT NULL,
  wrapped   bytea,
  sealed    bytea,
  made      bigint  NOT NULL,
  destroyed bigint,
  PRIMARY KEY (day, part)
);

CREATE TABLE pseudonyms (
  day    text    NOT NULL,
  bucket integer NOT NULL,
  log    text    NOT NULL,
  seq    bigint  NOT NULL,
  places bytea   NOT NULL,
  PRIMARY KEY (day, bucket, log, seq)
);

CREATE TABLE subject_requests (
  id       text   NOT NULL PRIMARY KEY,
  at       bigint NOT NULL,
  party    text   NOT NULL,
  system   text   NOT NULL,
  sealed   bytea,
  answered bigint,
  officer  text,
  answer   bytea
);

CREATE INDEX subject_requests_party ON subject_requests (party, at);

-- +goose Down
DROP TABLE subject_requests;
DROP TABLE pseudonyms;
DROP TABLE day_keys;
DROP TABLE groups;
DROP TABLE logs;
