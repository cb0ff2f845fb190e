-- Tags, and sends to many as jobs.

CREATE TABLE tag (
    key          INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL REFERENCES tenant (key),
    name         TEXT    NOT NULL,
    version      INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),        -- counts the changes of membership
    member_count INTEGER NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    created_at   INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE tag_member (
    tag            INTEGER NOT NULL REFERENCES tag (key),
    account        INTEGER NOT NULL REFERENCES account (key),
    joined_version INTEGER NOT NULL,
    left_version   INTEGER CHECK (left_version > joined_version),        -- NULL = still has it
    PRIMARY KEY (tag, account, joined_version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tag_member_current ON tag_member (tag, account) WHERE left_version IS NULL;
CREATE INDEX tag_member_of_account ON tag_member (account) WHERE left_version IS NULL;

-- The tags of an audience, each as it was when the message was archived.
CREATE TABLE audience_tag (
    message INTEGER NOT NULL REFERENCES message (key),
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),               -- any, all, not
    tag     INTEGER NOT NULL REFERENCES tag (key),
    version INTEGER NOT NULL,
    PRIMARY KEY (message, kind, tag)
) STRICT, WITHOUT ROWID;
-- Accounts with higher keys came after the message.
ALTER TABLE expansion ADD COLUMN last_account INTEGER;

-- A message on the tenant's broadcast channel; a revision or an event about it is a further row.
CREATE TABLE broadcast (
    tenant       INTEGER NOT NULL REFERENCES tenant (key),
    seq          INTEGER NOT NULL CHECK (seq > 0),
    message      INTEGER NOT NULL REFERENCES message (key),
    revision     INTEGER NOT NULL,
    published_at INTEGER,                                                -- NULL until the broker has it
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX broadcast_of_message ON broadcast (message);
CREATE INDEX broadcast_unpublished ON broadcast (tenant, seq) WHERE published_at IS NULL;

-- A send to many: a broadcast whose devices are walked for vendor pushes, or a tag send whose accounts are expanded.
CREATE TABLE job (
    message      INTEGER PRIMARY KEY REFERENCES message (key),
    tenant       INTEGER NOT NULL REFERENCES tenant (key),
    kind         TEXT    NOT NULL CHECK (kind IN ('broadcast', 'tags')),
    state        TEXT    NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
    audience     INTEGER,                                                -- accounts; NULL until it is known
    published    INTEGER NOT NULL DEFAULT 0,                             -- accounts handed to the broker
    -- Broadcast: which devices are walked (0 those that are away, 1 those that had time to acknowledge, 2 none left),
    -- and how far the walk has come.
    phase        INTEGER NOT NULL DEFAULT 0 CHECK (phase BETWEEN 0 AND 2),
    after_device INTEGER NOT NULL DEFAULT 0,
    last_device  INTEGER,                                                -- devices with higher keys came later
    last_account INTEGER NOT NULL,                                       -- accounts with higher keys came later
    not_before   INTEGER NOT NULL DEFAULT 0,                             -- nothing to do earlier
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER
) STRICT;
-- Phase 2: nothing is left to do, but perhaps to publish it. A cancelled job still takes its waiting pushes back.
CREATE INDEX job_open ON job (not_before) WHERE phase < 2 AND state <> 'paused';
-- The pages of a walk over everyone of a tenant.
CREATE INDEX account_of_tenant ON account (tenant);
CREATE INDEX account_deleted_of_tenant ON account (tenant) WHERE deleted_at IS NOT NULL;
CREATE INDEX device_of_tenant ON device (tenant) WHERE status = 'active';

-- Devices of a broadcast that were connected when it was walked and may still acknowledge.
CREATE TABLE job_device (
    message INTEGER NOT NULL REFERENCES job (message),
    device  INTEGER NOT NULL REFERENCES device (key),
    PRIMARY KEY (message, device)
) STRICT, WITHOUT ROWID;

-- Why devices of a broadcast were not pushed, as counts.
CREATE TABLE job_skipped (
    message INTEGER NOT NULL REFERENCES job (message),
    reason  TEXT    NOT NULL,
    devices INTEGER NOT NULL,
    PRIMARY KEY (message, reason)
) STRICT, WITHOUT ROWID;

-- The broadcast head when the device was registered: older ones are not for it.
ALTER TABLE device ADD COLUMN start_broadcast_seq INTEGER NOT NULL DEFAULT 0 CHECK (start_broadcast_seq >= 0);

CREATE TABLE broadcast_cursor (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    tenant INTEGER NOT NULL REFERENCES tenant (key),
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX broadcast_cursor_of_tenant ON broadcast_cursor (tenant, seq);
ALTER TABLE acknowledgement DROP COLUMN broadcast_seq;
