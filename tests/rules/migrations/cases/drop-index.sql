-- expect: index-drop-blocks@3
SET lock_timeout = '2s';
DROP INDEX IF EXISTS items_order, items_at;
