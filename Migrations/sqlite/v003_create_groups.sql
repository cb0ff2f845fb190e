-- Membership as rows with the versions it held for: a message stores the group's version, not a list of members.

CREATE TABLE user_group (
    key          INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL REFERENCES tenant (key),
    group_id     TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    version      INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),   -- counts the changes of membership
    member_count INTEGER NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX user_group_id ON user_group (tenant, group_id) WHERE deleted_at IS NULL;

CREATE TABLE group_member (
    group_key      INTEGER NOT NULL REFERENCES user_group (key),
    account        INTEGER NOT NULL REFERENCES account (key),
    joined_version INTEGER NOT NULL,
    left_version   INTEGER CHECK (left_version > joined_version),   -- NULL = still in it
    PRIMARY KEY (group_key, account, joined_version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX group_member_current ON group_member (group_key, account) WHERE left_version IS NULL;
CREATE INDEX group_member_of_account ON group_member (account) WHERE left_version IS NULL;
