-- Who may ask: tenants, their apps, the operator. Times are milliseconds since 1970 everywhere.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant (
    key        INTEGER PRIMARY KEY,
    tenant_no  TEXT    NOT NULL UNIQUE CHECK (length(tenant_no) BETWEEN 1 AND 32),
    name       TEXT    NOT NULL,
    is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE app (
    key               INTEGER PRIMARY KEY,
    tenant            INTEGER NOT NULL REFERENCES tenant (key),
    app_id            TEXT    NOT NULL UNIQUE,
    sdk_app_id        INTEGER NOT NULL UNIQUE CHECK (sdk_app_id > 0),
    name              TEXT    NOT NULL,
    scopes            TEXT    NOT NULL,                        -- separated by spaces
    registration      TEXT    NOT NULL CHECK (registration IN ('signed', 'open')),
    is_enabled        INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    tencent_admins    TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tencent_admins)),
    secret_hash       TEXT    NOT NULL,
    secret_generation INTEGER NOT NULL DEFAULT 1,
    signing_key       BLOB    NOT NULL,                        -- encrypted with the master key
    created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX app_of_tenant ON app (tenant);

CREATE TABLE audit (
    key     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_of_subject ON audit (subject, at);
