-- Classes and budgets of pushes, tokens that may have been called dead by mistake, what vendors report afterwards, and
-- the tenants' own notification texts.

ALTER TABLE push ADD COLUMN class INTEGER NOT NULL DEFAULT 0 CHECK (class IN (0, 1));  -- 0 transactional, 1 marketing
-- What waits of a send to many is marketing as from now on.
UPDATE push SET class = 1 WHERE state = 'waiting' AND message IN (SELECT message FROM job);
DROP INDEX push_due;
CREATE INDEX push_due ON push (lane, class, not_before) WHERE state = 'waiting';
CREATE INDEX push_expiring ON push (expires_at) WHERE state = 'waiting';

-- 1 = the vendor's code for it is one that a wrong credential gives as well.
ALTER TABLE push_token ADD COLUMN is_doubtful INTEGER NOT NULL DEFAULT 0 CHECK (is_doubtful IN (0, 1));
CREATE INDEX push_token_gone ON push_token (tenant, vendor, token) WHERE state <> 'live';
CREATE INDEX push_token_dead ON push_token (tenant, vendor, ended_at) WHERE state = 'dead';
CREATE INDEX push_token_dead_of_tenant ON push_token (tenant, ended_at) WHERE state = 'dead';
CREATE INDEX push_token_died ON push_token (ended_at) WHERE state = 'dead';
-- Pushes that ended for want of a token: a restored one lets them wait again.
CREATE INDEX push_without_token ON push (device, expires_at) WHERE reason = 'token_dead';

-- So many tokens died by doubtful codes that the credential must be wrong: attempts up to then kill no token by one.
ALTER TABLE vendor_settings ADD COLUMN doubted_at INTEGER;

-- What a vendor said after it had accepted a push. A report that comes again changes nothing. With the vendor, for a
-- push whose token turned out dead goes on to another vendor's.
CREATE TABLE push_receipt (
    push    INTEGER NOT NULL REFERENCES push (key),
    vendor  TEXT    NOT NULL,
    code    TEXT    NOT NULL,                                     -- the vendor's own
    meaning TEXT    NOT NULL,                                     -- what of it can be acted upon
    at      INTEGER NOT NULL,
    detail  TEXT,
    PRIMARY KEY (push, vendor, code)
) STRICT, WITHOUT ROWID;

-- Accepted pushes a day: of a credential (app 0 = the tenant's own), and of a device.
CREATE TABLE push_usage (
    tenant INTEGER NOT NULL REFERENCES tenant (key),
    app    INTEGER NOT NULL DEFAULT 0,
    vendor TEXT    NOT NULL,
    day    INTEGER NOT NULL,                                      -- since 1970, in the vendor's own time
    class  INTEGER NOT NULL CHECK (class IN (0, 1)),
    used   INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (tenant, app, vendor, day, class)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_usage_by_day ON push_usage (day);
CREATE TABLE device_push_usage (
    device INTEGER NOT NULL REFERENCES device (key),
    vendor TEXT    NOT NULL,
    day    INTEGER NOT NULL,
    class  INTEGER NOT NULL CHECK (class IN (0, 1)),
    used   INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (device, vendor, day, class)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_push_usage_by_day ON device_push_usage (day);

-- What a tenant wants its people to see for a type of message, instead of the built-in words.
CREATE TABLE notification_template (
    tenant     INTEGER NOT NULL REFERENCES tenant (key),
    type       INTEGER NOT NULL,                                  -- of the message
    languages  TEXT    NOT NULL,                                  -- JSON: language -> {title, body}
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, type)
) STRICT, WITHOUT ROWID;
