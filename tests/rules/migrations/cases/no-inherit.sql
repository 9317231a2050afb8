-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE child NO INHERIT parent;
