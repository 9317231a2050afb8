-- expect: sqlite-statement-refused@3 sqlite-statement-refused@4 sqlite-statement-refused@5 sqlite-statement-refused@6 sqlite-statement-refused@7 sqlite-statement-refused@8 sqlite-statement-refused@9 sqlite-statement-refused@10
-- dialect: sqlite
ALTER INDEX a RENAME TO b;
COMMENT ON TABLE a IS 'b';
GRANT SELECT ON a TO b;
CREATE OR REPLACE VIEW v AS SELECT 1;
CREATE SEQUENCE s;
CREATE EXTENSION pgcrypto;
DROP SEQUENCE s;
START TRANSACTION;
COMMIT;
