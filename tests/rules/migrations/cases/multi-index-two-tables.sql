-- expect: index-build-blocks-writes@3 missing-lock-or-statement-timeout@3 index-build-blocks-writes@4 multi-table-ddl-transaction@4
-- in-transaction: yes
CREATE INDEX i1 ON a (x);
CREATE INDEX i2 ON b (x);
