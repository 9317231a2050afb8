-- expect: nothing
CREATE INDEX CONCURRENTLY idx_new ON t (a, b);
DROP INDEX CONCURRENTLY idx_old;
ALTER INDEX idx_new RENAME TO idx_old;
