-- expect: nothing
ALTER TABLE a VALIDATE CONSTRAINT c;
