-- expect: exclusion-constraint@2 missing-lock-or-statement-timeout@2
ALTER TABLE booking ADD EXCLUDE USING gist (room WITH =, tsrange(a, b, '[)') WITH &&) WHERE (NOT cancelled) DEFERRABLE;
