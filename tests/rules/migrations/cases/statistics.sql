-- expect: nothing
CREATE STATISTICS IF NOT EXISTS s1 (dependencies, ndistinct) ON city, zip FROM addresses;
ALTER STATISTICS s1 SET STATISTICS 500;
ANALYZE addresses;
