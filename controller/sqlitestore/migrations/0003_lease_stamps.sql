-- When a lease was last taken or renewed: by its owner's clock, which is a
-- service's as since and until are, and by that of the machine that wrote it.
-- NULL: an older program wrote it.

ALTER TABLE leases ADD COLUMN granted INTEGER;
ALTER TABLE leases ADD COLUMN stamped INTEGER;
