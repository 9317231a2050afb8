-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t DISABLE TRIGGER "USER";
