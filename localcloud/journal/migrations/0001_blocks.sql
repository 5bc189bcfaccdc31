-- One row holds the records of one kind that were committed together. Later
-- rows overrule earlier ones.
CREATE TABLE block (
	seq  INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	data BLOB NOT NULL
);
CREATE INDEX block_by_kind ON block (kind, seq);
