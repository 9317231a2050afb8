-- expect: rename-table@2
ALTER SCHEMA shop RENAME TO store;
