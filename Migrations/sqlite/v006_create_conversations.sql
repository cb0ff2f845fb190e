-- Conversations: who the other side of an entry is, how far it was read, and what became of a message later.
--
-- A peer is one number: the key of an account, a group or an app times four, plus 1 for an account, 2 for a group, 3
-- for an app; 0 = in no conversation (events, later revisions).

ALTER TABLE entry ADD COLUMN peer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN peer INTEGER NOT NULL DEFAULT 0;
-- The bits of `flags` from 256 on are the revision that the entry brought.

UPDATE entry SET peer = (
    SELECT CASE
        WHEN m.type >= 256 THEN 0
        WHEN m.group_key IS NOT NULL THEN m.group_key * 4 + 2
        WHEN entry.flags & 1 THEN 4 * ifnull(
            (SELECT a.key FROM account a WHERE m.form = 0 AND a.account_id = m.to_id), entry.account) + 1
        WHEN m.sender_account IS NOT NULL THEN m.sender_account * 4 + 1
        ELSE m.sender_app * 4 + 3 END
    FROM message m WHERE m.key = entry.message);
UPDATE inbox SET peer = (SELECT e.peer FROM entry e WHERE e.position = inbox.position);

CREATE INDEX inbox_of_peer ON inbox (account, peer, seq) WHERE peer <> 0;

ALTER TABLE message ADD COLUMN changed_at INTEGER;                 -- when it was revoked or burned
ALTER TABLE message ADD COLUMN revised_at INTEGER;                 -- when its newest revision was archived
ALTER TABLE message ADD COLUMN burned_count INTEGER NOT NULL DEFAULT 0;   -- copies that were burned one by one
ALTER TABLE message ADD COLUMN is_imported INTEGER NOT NULL DEFAULT 0 CHECK (is_imported IN (0, 1));

-- The few messages that do not count as unread for everybody, or for somebody.
CREATE INDEX message_withdrawn ON message (key, state, burned_count) WHERE state <> 0 OR burned_count > 0;

-- What was written in a group outlives it, and is asked for by its id.
CREATE INDEX user_group_deleted ON user_group (tenant, group_id) WHERE deleted_at IS NOT NULL;

-- A journal: the newest row of a conversation is its read cursor, the first row at or above a seq says when that was
-- read.
CREATE TABLE read_cursor (
    account INTEGER NOT NULL REFERENCES account (key),
    peer    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, peer, seq)
) STRICT, WITHOUT ROWID;

-- Copies of a message that their receivers burned while others still have theirs.
CREATE TABLE burned_copy (
    message INTEGER NOT NULL REFERENCES message (key),
    account INTEGER NOT NULL REFERENCES account (key),
    at      INTEGER NOT NULL,
    PRIMARY KEY (message, account)
) STRICT, WITHOUT ROWID;

-- History from elsewhere: it has a time, but no place in any inbox.
CREATE TABLE imported (
    account     INTEGER NOT NULL REFERENCES account (key),
    server_time INTEGER NOT NULL,
    message     INTEGER NOT NULL REFERENCES message (key),
    peer        INTEGER NOT NULL,
    flags       INTEGER NOT NULL,
    PRIMARY KEY (account, server_time, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX imported_of_peer ON imported (account, peer, server_time, message);
CREATE INDEX imported_of_message ON imported (message);

-- Entries still to be appended for everyone who has a copy of `source`: an event about it, or its next revision.
-- Oldest first.
CREATE TABLE follow_up (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,
    message        INTEGER NOT NULL REFERENCES message (key),
    source         INTEGER NOT NULL REFERENCES message (key),
    revision       INTEGER NOT NULL,                               -- of the appended entries
    after_position INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX follow_up_of_source ON follow_up (source);

-- Settings of a tenant that are read with it, a JSON object.
ALTER TABLE tenant ADD COLUMN settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings));
-- Accounts whose user was deleted keep their row, for what others still have of them.
ALTER TABLE account ADD COLUMN deleted_at INTEGER;
CREATE INDEX account_deleted ON account (key) WHERE deleted_at IS NOT NULL;
CREATE INDEX device_moved ON device (key) WHERE status = 'moved';
CREATE INDEX message_without_own_copy ON message (sender_account, key)
    WHERE sender_account IS NOT NULL AND syncs_to_sender = 0;

-- Deleted accounts whose inbox is not erased to the end.
CREATE TABLE erasure (
    account      INTEGER PRIMARY KEY REFERENCES account (key),
    last_message INTEGER NOT NULL,             -- the newest one when it was deleted: no later one has it as a receiver
    after_sent   INTEGER NOT NULL DEFAULT 0,   -- how far its messages without an own copy were looked at
    after_entry  INTEGER NOT NULL DEFAULT 0,   -- how far its entries that were not in the index were looked at
    through      INTEGER                       -- position behind which no entry is its own; NULL while audiences grow
) STRICT;

-- How far a tenant's retention has come. Keys of messages grow with time: up to `erased_through` no content is left,
-- and that of the messages from there to `counted_through` has `content_bytes` together.
CREATE TABLE retention (
    tenant          INTEGER PRIMARY KEY REFERENCES tenant (key),
    erased_through  INTEGER NOT NULL,
    counted_through INTEGER NOT NULL,
    content_bytes   INTEGER NOT NULL
) STRICT;
-- Whoever erases or edits content, the count stays right.
CREATE TRIGGER message_content_counted AFTER UPDATE OF content ON message WHEN new.type < 256
BEGIN
    UPDATE retention
    SET content_bytes = content_bytes + ifnull(length(new.content), 0) - ifnull(length(old.content), 0)
    WHERE tenant = new.tenant AND erased_through < new.key AND counted_through >= new.key;
END;
-- Imported messages have another time than their keys say.
CREATE INDEX message_imported ON message (tenant, server_time) WHERE is_imported = 1 AND content IS NOT NULL;
