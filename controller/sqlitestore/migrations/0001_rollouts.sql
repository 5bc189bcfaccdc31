-- Times are nanoseconds since 1970 in UTC. Plans, statuses, orders and events
-- are JSON as their Go types write it; what the store itself asks about has a
-- column of its own.

CREATE TABLE rollouts (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of creation
    id       TEXT    NOT NULL UNIQUE,
    task     TEXT    NOT NULL,
    name     TEXT    NOT NULL,                  -- the plan's
    owner    TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    plan     TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    ended    INTEGER NOT NULL,                  -- 0 or 1
    events   INTEGER NOT NULL,                  -- number of the last event
    orders   INTEGER NOT NULL,                  -- number of the last order
    followed INTEGER NOT NULL                   -- number of the last order that the status knows
) STRICT;

CREATE INDEX rollouts_open ON rollouts (seq) WHERE ended = 0;
CREATE INDEX rollouts_name ON rollouts (name);
CREATE INDEX rollouts_ordered ON rollouts (id) WHERE ended = 0 AND orders > followed;

CREATE TABLE rollout_aliases (
    rollout  TEXT    NOT NULL REFERENCES rollouts (id),
    position INTEGER NOT NULL,
    alias    TEXT    NOT NULL,
    PRIMARY KEY (rollout, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollout_aliases_alias ON rollout_aliases (alias);

-- An alias keeps its row after a rollout's end, for its token.
CREATE TABLE leases (
    alias   TEXT    NOT NULL PRIMARY KEY,
    rollout TEXT    REFERENCES rollouts (id),   -- NULL: no rollout is open on the alias
    owner   TEXT,                               -- NULL: given up
    token   INTEGER NOT NULL,
    since   INTEGER,
    until   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    rollout TEXT    NOT NULL REFERENCES rollouts (id),
    number  INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (rollout, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    rollout TEXT    NOT NULL REFERENCES rollouts (id),
    number  INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (rollout, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    alias   TEXT    NOT NULL,
    version TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    rollout TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    why     TEXT    NOT NULL
) STRICT;

CREATE INDEX ledger_alias ON ledger (alias, seq);
