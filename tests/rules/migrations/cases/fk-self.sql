-- expect: foreign-key-validated-under-lock@2 foreign-key-without-index@2 missing-lock-or-statement-timeout@2
ALTER TABLE categories ADD CONSTRAINT parent_fk FOREIGN KEY (parent_id) REFERENCES categories ON DELETE SET NULL;
