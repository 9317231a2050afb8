-- expect: missing-lock-or-statement-timeout@3
SECURITY LABEL FOR anon ON COLUMN a.b IS 'MASKED';
ALTER TABLE a ENABLE ALWAYS TRIGGER t1;
