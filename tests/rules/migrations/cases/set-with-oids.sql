-- expect: full-table-rewrite-command@3 missing-lock-or-statement-timeout@3
-- pg-version: 11
ALTER TABLE old_one SET WITH OIDS;
