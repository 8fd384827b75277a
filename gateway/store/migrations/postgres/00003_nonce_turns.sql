-- The same as sqlite/00003_nonce_turns.sql, which has the comments.

-- +goose Up
CREATE TABLE nonce_turns (
  caller text   NOT NULL PRIMARY KEY,
  floor  bigint NOT NULL,
  since  bigint NOT NULL,
  until  bigint NOT NULL,
  seq    bigint NOT NULL,
  epoch  text   NOT NULL,
  began  bigint NOT NULL
);

-- +goose Down
DROP TABLE nonce_turns;
