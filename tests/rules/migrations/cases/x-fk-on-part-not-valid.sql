-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE only a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c (id) ON DELETE SET NULL (b) NOT VALID;
