-- A digest of what a version is made of, because the same thing may be published
-- under several numbers.

ALTER TABLE ledger ADD COLUMN content TEXT NOT NULL DEFAULT '';
