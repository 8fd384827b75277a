-- Who decides about nonces (gateway/replay), by the time of a request. SQLite has it so that both kinds have the same tables: nodes that share
-- nonces share a PostgreSQL.

-- +goose Up
CREATE TABLE nonce_turns (
  caller TEXT    NOT NULL PRIMARY KEY,  -- '' for all; else the tag of one whose clock is ahead, with bounds of its own
  floor  INTEGER NOT NULL,              -- ms since 1970: at or below it nobody decides,
  since  INTEGER NOT NULL,              -- up to this one PostgreSQL,
  until  INTEGER NOT NULL,              -- up to this one whoever has the turn
  seq    INTEGER NOT NULL,              -- the number of the turn, in the row for all
  epoch  TEXT    NOT NULL,              -- the Redis whose turn it is; '' is PostgreSQL
  began  INTEGER NOT NULL               -- when the turn began, ms since 1970; 0: it is the first
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE nonce_turns;
