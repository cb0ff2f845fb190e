-- What third-party services need: names that messages bring along, profiles, and a queue of events for webhooks.

-- The numbers a message was sent with through the Tencent-compatible API: MsgSeq, MsgRandom and MsgTime (seconds). NULL
-- for native messages, whose aliases follow from their key.
ALTER TABLE message ADD COLUMN msg_seq INTEGER CHECK (msg_seq BETWEEN 0 AND 4294967295);
ALTER TABLE message ADD COLUMN msg_random INTEGER CHECK (msg_random BETWEEN 0 AND 4294967295);
ALTER TABLE message ADD COLUMN msg_time INTEGER;
-- The time before the sequence, and the sender in it: some clients send one random number with everything.
CREATE INDEX message_alias ON message (tenant, msg_random, msg_time, msg_seq, sender_account)
    WHERE msg_random IS NOT NULL;

-- The place of a message in its group: 1, 2, 3 … in the order of archiving. NULL outside of groups and for events.
ALTER TABLE message ADD COLUMN group_seq INTEGER CHECK (group_seq > 0);
UPDATE message SET group_seq = numbered.place FROM (
    SELECT key, row_number() OVER (PARTITION BY group_key ORDER BY key) AS place FROM message
    WHERE group_key IS NOT NULL AND type < 256) AS numbered
WHERE message.key = numbered.key;
CREATE UNIQUE INDEX message_in_group ON message (group_key, group_seq) WHERE group_seq IS NOT NULL;

ALTER TABLE account ADD COLUMN nick TEXT;
ALTER TABLE account ADD COLUMN face_url TEXT;

-- What a group is called and allows beyond its name, a JSON object with the members of the Tencent-compatible API.
ALTER TABLE user_group ADD COLUMN profile TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(profile));
ALTER TABLE user_group ADD COLUMN owner INTEGER REFERENCES account (key);
ALTER TABLE group_member ADD COLUMN joined_at INTEGER;                   -- NULL: before this was kept
ALTER TABLE group_member ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1));

-- Names of the attributes that accounts can have, by their number. A value is kept as a tag of its own.
CREATE TABLE attribute_name (
    tenant INTEGER NOT NULL REFERENCES tenant (key),
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 9),
    name   TEXT    NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

-- Where a tenant wants to be asked and told.
CREATE TABLE webhook (
    tenant     INTEGER PRIMARY KEY REFERENCES tenant (key),
    settings   BLOB    NOT NULL,                                         -- encrypted with the master key
    delivered  INTEGER NOT NULL DEFAULT 0,       -- events up to here are delivered, or in webhook_retry
    updated_at INTEGER NOT NULL
) STRICT;

-- What happened, in the order of the transactions that made it happen. Rows name what they tell of; a body is built when
-- it is sent, so that what was erased since is in none.
CREATE TABLE webhook_event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    type     INTEGER NOT NULL,
    account  INTEGER NOT NULL DEFAULT 0,                                 -- whose order it keeps; 0 = nobody's
    message  INTEGER,
    device   INTEGER,
    detail   TEXT                                                        -- JSON: what no row says
) STRICT;
CREATE INDEX webhook_event_of_tenant ON webhook_event (tenant, position);
CREATE INDEX webhook_event_by_time ON webhook_event (tenant, at);

-- Events that are not delivered although their turn has come: failed ones, and those of the same account behind them.
CREATE TABLE webhook_retry (
    position   INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    account    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    is_aside   INTEGER NOT NULL DEFAULT 0 CHECK (is_aside IN (0, 1)),    -- given up after a day
    status     INTEGER,                                                  -- of the last answer
    reason     TEXT
) STRICT;
CREATE INDEX webhook_retry_of_tenant ON webhook_retry (tenant, is_aside, position);

-- The delivery log: one row a request.
CREATE TABLE webhook_request (
    key            INTEGER PRIMARY KEY,
    tenant         INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    last_position  INTEGER NOT NULL,
    events         INTEGER NOT NULL,
    attempt        INTEGER NOT NULL,
    status         INTEGER,                                              -- NULL: no answer
    milliseconds   INTEGER NOT NULL,
    reason         TEXT
) STRICT;
CREATE INDEX webhook_request_of_tenant ON webhook_request (tenant, key);
CREATE INDEX webhook_request_by_time ON webhook_request (at);

-- A push that is under way with a vendor where a repeat would be a second notification: if the gateway dies now, whether
-- it arrived is not known.
ALTER TABLE push ADD COLUMN is_begun INTEGER NOT NULL DEFAULT 0 CHECK (is_begun IN (0, 1));

-- What a member is called in the group.
ALTER TABLE group_member ADD COLUMN name_card TEXT;

-- Devices that a tenant's service was last told are online: of tenants that have a webhook. What is told twice, or that
-- a connection ended while the gateway was down, shows in it.
CREATE TABLE webhook_online (
    device INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    since  INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_online_of_tenant ON webhook_online (tenant);

-- What is to be tried: rows that wait for no time (not_before 0) account by account, the others by their time.
CREATE INDEX webhook_retry_in_line ON webhook_retry (tenant, is_aside, not_before, account, position);

-- Signatures of users whose account was kicked and then deleted: those issued before are refused for a new account of
-- the name, too. By a digest, since the name was the user's.
CREATE TABLE voided_signature (
    tenant      INTEGER NOT NULL REFERENCES tenant (key),
    user_digest BLOB    NOT NULL,
    not_before  INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_digest)
) STRICT, WITHOUT ROWID;
