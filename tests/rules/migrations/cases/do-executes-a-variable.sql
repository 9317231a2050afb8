-- expect: drop-column@8 drop-table@10 multi-table-ddl-transaction@10 rename-table@13
SET lock_timeout = '2s';
DO $$
DECLARE sql text; gone text := 'DROP TABLE old_things';
BEGIN
  sql := 'ALTER TABLE ' || quote_ident('users');
  sql := sql || ' DROP COLUMN legacy';
  EXECUTE sql;
  IF true THEN
    EXECUTE gone;
  END IF;
  SELECT format('ALTER TABLE %I RENAME TO %I', 'a', 'b') INTO sql;
  EXECUTE sql;
END $$;
