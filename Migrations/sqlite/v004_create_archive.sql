-- Originals, and the places they have in inboxes.

CREATE TABLE message (
    key             INTEGER PRIMARY KEY,
    tenant          INTEGER NOT NULL REFERENCES tenant (key),
    id              TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    form            INTEGER NOT NULL CHECK (form BETWEEN 0 AND 2),   -- single, group, audience
    from_id         TEXT    NOT NULL,
    to_id           TEXT    NOT NULL,          -- account or group; an audience as canonical JSON
    target_id       TEXT,
    sender_account  INTEGER REFERENCES account (key),                -- NULL when the app sent in its own name
    sender_app      INTEGER REFERENCES app (key),                    -- NULL when a device sent it
    sender_device   INTEGER REFERENCES device (key),
    group_key       INTEGER REFERENCES user_group (key),
    group_version   INTEGER CHECK ((group_version IS NULL) = (group_key IS NULL)),
    target_account  INTEGER REFERENCES account (key),
    type            INTEGER NOT NULL CHECK (type >= -1),
    content         BLOB,                      -- JSON bytes as sent; NULL once erased
    timestamp       INTEGER NOT NULL,
    server_time     INTEGER NOT NULL,
    is_background   INTEGER NOT NULL CHECK (is_background IN (0, 1)),
    ttl             INTEGER CHECK (ttl > 0),   -- seconds
    push            BLOB,                      -- the sender's push options; NULL when there are none
    counts_unread   INTEGER NOT NULL CHECK (counts_unread IN (0, 1)),
    syncs_to_sender INTEGER NOT NULL CHECK (syncs_to_sender IN (0, 1)),
    revision        INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
    state           INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),   -- live, revoked, burned
    digest          BLOB    NOT NULL CHECK (length(digest) = 32),    -- tells a repeat from another message
    recipients      INTEGER CHECK (recipients >= 0),                 -- NULL until the expansion is done
    own_seq         INTEGER CHECK (own_seq > 0),                     -- of the sender's own copy
    unknown         BLOB,                      -- names of an audience that nobody answers to, a JSON array
    first_position  INTEGER,                   -- entries made in the accepting transaction
    last_position   INTEGER,
    UNIQUE (tenant, id)
) STRICT;

-- The truth: every entry of every inbox in commit order, for ever. Appending is all that a copy costs.
CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    account  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    flags    INTEGER NOT NULL                  -- 1 own, 2 does not count as unread
) STRICT;

-- The same by account, built behind the log in sorted batches. Entries above mark.indexed are only in the log.
CREATE TABLE inbox (
    account  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    flags    INTEGER NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

-- How far the walks along the log have come; one row.
CREATE TABLE mark (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    indexed    INTEGER NOT NULL,
    dispatched INTEGER NOT NULL,
    decided    INTEGER NOT NULL
) STRICT;
INSERT INTO mark VALUES (1, 0, 0, 0);

-- Large audiences that are not expanded yet. Oldest first, so that a group's messages keep their order.
CREATE TABLE expansion (
    message       INTEGER PRIMARY KEY REFERENCES message (key),
    after_account INTEGER NOT NULL DEFAULT 0,
    expanded      INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Which part of the log holds the copies of a large audience, and for which range of accounts.
CREATE TABLE expansion_page (
    message        INTEGER NOT NULL REFERENCES message (key),
    first_account  INTEGER NOT NULL,
    last_account   INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    last_position  INTEGER NOT NULL,
    PRIMARY KEY (message, first_account)
) STRICT, WITHOUT ROWID;

-- Whom a large audience names, as it was when the message was archived.
CREATE TABLE audience_account (
    message INTEGER NOT NULL REFERENCES message (key),
    account INTEGER NOT NULL REFERENCES account (key),
    PRIMARY KEY (message, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE audience_group (
    message   INTEGER NOT NULL REFERENCES message (key),
    group_key INTEGER NOT NULL REFERENCES user_group (key),
    version   INTEGER NOT NULL,
    PRIMARY KEY (message, group_key)
) STRICT, WITHOUT ROWID;
