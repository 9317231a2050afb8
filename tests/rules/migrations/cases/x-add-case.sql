-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a int DEFAULT (CASE WHEN true THEN 1 ELSE 2 END);
