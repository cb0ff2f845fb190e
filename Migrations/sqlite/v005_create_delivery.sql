-- What devices have confirmed, what was pushed, and through which credential.

-- A journal: the newest row of a device is its cursor, the first row at or above a seq says when that was stored.
CREATE TABLE acknowledgement (
    device        INTEGER NOT NULL REFERENCES device (key),
    seq           INTEGER NOT NULL,
    broadcast_seq INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (device, seq)
) STRICT, WITHOUT ROWID;

-- When the dispatch mark passed a position, to one second.
CREATE TABLE dispatch_time (
    position INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL
) STRICT;

-- A lane is one credential: its number is never used again.
CREATE TABLE vendor_settings (
    lane       INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     INTEGER NOT NULL REFERENCES tenant (key),
    app        INTEGER REFERENCES app (key),                         -- NULL: for all apps of the tenant
    vendor     TEXT    NOT NULL,
    settings   BLOB    NOT NULL,                                     -- encrypted with the master key
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX vendor_settings_of ON vendor_settings (tenant, vendor, ifnull(app, 0));

CREATE TABLE push (
    key        INTEGER PRIMARY KEY,
    message    INTEGER NOT NULL REFERENCES message (key),
    device     INTEGER NOT NULL REFERENCES device (key),
    seq        INTEGER NOT NULL,                                     -- of the entry in the account's inbox
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
    UNIQUE (message, device)
) STRICT;
CREATE INDEX push_due ON push (lane, not_before) WHERE state = 'waiting';
CREATE INDEX push_leased ON push (is_leased) WHERE state = 'waiting' AND is_leased = 1;
CREATE INDEX push_waiting_of_device ON push (device) WHERE state = 'waiting';

-- Attempts that did not end a push, and the tokens that died on the way; at most 20 per push.
CREATE TABLE push_event (
    push      INTEGER NOT NULL REFERENCES push (key),
    number    INTEGER NOT NULL CHECK (number BETWEEN 1 AND 20),
    at        INTEGER NOT NULL,
    stage     TEXT    NOT NULL,
    vendor    TEXT    NOT NULL,
    vendor_id TEXT,
    detail    TEXT,
    token     INTEGER REFERENCES push_token (key),
    PRIMARY KEY (push, number)
) STRICT, WITHOUT ROWID;
