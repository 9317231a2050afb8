-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a boolean /* flag */ NOT NULL -- required
 DEFAULT false;
