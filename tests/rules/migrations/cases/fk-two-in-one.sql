-- expect: foreign-key-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE links ADD CONSTRAINT f1 FOREIGN KEY (a) REFERENCES x (id) NOT VALID, ADD CONSTRAINT f2 FOREIGN KEY (b) REFERENCES y (id);
CREATE INDEX CONCURRENTLY l_b ON links (b);
CREATE INDEX CONCURRENTLY l_a ON links (a);
