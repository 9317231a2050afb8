-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a timestamptz DEFAULT statement_timestamp(), ADD COLUMN b date DEFAULT current_date, ADD COLUMN c time DEFAULT localtime;
