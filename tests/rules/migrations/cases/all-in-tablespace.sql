-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
ALTER TABLE ALL IN TABLESPACE pg_default OWNED BY app SET TABLESPACE fast NOWAIT;
