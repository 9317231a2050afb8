-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a_new int;
ALTER TABLE t RENAME COLUMN a_new TO a2;
