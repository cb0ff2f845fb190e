-- Accounts, devices and their push tokens. Ended devices and tokens stay as history.

CREATE TABLE account (
    key        INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenant (key),
    account_id TEXT    NOT NULL UNIQUE,
    user_id    TEXT    NOT NULL,
    opened_by  INTEGER REFERENCES app (key),   -- the app whose open registration made it; NULL = closed to those
    not_before INTEGER,                        -- user signatures issued earlier are refused
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, user_id)
) STRICT;

CREATE TABLE device (
    key           INTEGER PRIMARY KEY,
    device_id     TEXT    NOT NULL UNIQUE,
    tenant        INTEGER NOT NULL REFERENCES tenant (key),
    account       INTEGER NOT NULL REFERENCES account (key),
    app           INTEGER NOT NULL REFERENCES app (key),       -- the app it last registered through
    unique_code   TEXT    NOT NULL,
    os_type       INTEGER NOT NULL,
    status        TEXT    NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deregistered', 'moved')),
    push_enabled  INTEGER NOT NULL CHECK (push_enabled IN (0, 1)),
    info          BLOB    NOT NULL,                            -- the JSON object as sent
    registered_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    ended_at      INTEGER CHECK ((ended_at IS NULL) = (status = 'active')),
    start_seq     INTEGER NOT NULL CHECK (start_seq >= 0)
) STRICT;
CREATE UNIQUE INDEX device_active_code ON device (tenant, unique_code) WHERE status = 'active';
CREATE INDEX device_of_account ON device (account);
CREATE INDEX device_ended ON device (device_id, ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE push_token (
    key         INTEGER PRIMARY KEY,
    device      INTEGER NOT NULL REFERENCES device (key),
    tenant      INTEGER NOT NULL REFERENCES tenant (key),
    position    INTEGER NOT NULL CHECK (position >= 0),        -- in the device's order of preference
    vendor      TEXT    NOT NULL,
    token       TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('alert', 'voip')),
    environment TEXT    NOT NULL CHECK (environment IN ('production', 'sandbox')),
    set_at      INTEGER NOT NULL,                              -- last registration or PATCH that carried it
    state       TEXT    NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'dead', 'taken', 'ended')),
    reason      TEXT,                                          -- the vendor's code for a dead one
    ended_at    INTEGER CHECK ((ended_at IS NULL) = (state = 'live')),
    UNIQUE (device, vendor, token)
) STRICT;
-- One token rings one device.
CREATE UNIQUE INDEX push_token_live ON push_token (tenant, vendor, token) WHERE state = 'live';
CREATE INDEX push_token_of_device ON push_token (device, position) WHERE state = 'live';
