-- The same as sqlite/00002_nonces.sql, which has the comments.

-- +goose Up
CREATE TABLE nonces (
  caller text   NOT NULL,
  nonce  text   NOT NULL,
  until  bigint NOT NULL,
  PRIMARY KEY (caller, nonce)
);

CREATE INDEX nonces_until ON nonces (until);

-- +goose Down
DROP TABLE nonces;
