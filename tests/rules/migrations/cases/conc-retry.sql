-- expect: invalid-index-retry@2
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_a ON t (a);
