-- A shown notification can be replaced after its message was edited or revoked: a push with a turn above 0.

CREATE TABLE push_with_turns (
    key        INTEGER PRIMARY KEY,
    message    INTEGER NOT NULL REFERENCES message (key),
    device     INTEGER NOT NULL REFERENCES device (key),
    turn       INTEGER NOT NULL DEFAULT 0 CHECK (turn >= 0),
    seq        INTEGER NOT NULL,                                     -- of the entry in the account's inbox; 0 = none
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'failed', 'skipped')),
    reason     TEXT    CHECK (reason IS NOT NULL OR state IN ('waiting', 'accepted')),
    lane       INTEGER CHECK (lane IS NOT NULL OR state <> 'waiting'),
    vendor     TEXT,
    token      INTEGER REFERENCES push_token (key),
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,                                     -- due time, or the end of the lease
    is_leased  INTEGER NOT NULL DEFAULT 0 CHECK (is_leased IN (0, 1)),
    claimed_at INTEGER,
    expires_at INTEGER NOT NULL,
    vendor_id  TEXT,
    code       TEXT,
    text       TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (message, device, turn)
) STRICT;
INSERT INTO push_with_turns (key, message, device, seq, state, reason, lane, vendor, token, attempts, not_before,
    is_leased, claimed_at, expires_at, vendor_id, code, text, created_at, updated_at)
SELECT key, message, device, seq, state, reason, lane, vendor, token, attempts, not_before,
    is_leased, claimed_at, expires_at, vendor_id, code, text, created_at, updated_at FROM push;
DROP TABLE push;
ALTER TABLE push_with_turns RENAME TO push;
CREATE INDEX push_due ON push (lane, not_before) WHERE state = 'waiting';
CREATE INDEX push_leased ON push (is_leased) WHERE state = 'waiting' AND is_leased = 1;
CREATE INDEX push_waiting_of_device ON push (device) WHERE state = 'waiting';
