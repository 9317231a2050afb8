-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t REPLICA IDENTITY USING INDEX t_u;
