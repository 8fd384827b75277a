-- Nonces of all nodes' callers, for when there is no Redis.

-- +goose Up
CREATE TABLE nonces (
  caller TEXT    NOT NULL,
  nonce  TEXT    NOT NULL,
  until  INTEGER NOT NULL,  -- milliseconds since 1970; then it may go
  PRIMARY KEY (caller, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX nonces_until ON nonces (until);

-- +goose Down
DROP TABLE nonces;
